"""The simulated runtime: seven weeks of one-minute bars through all cores and the venue's core.

Every bar is recorded, decided upon with its trace, and traded where the bundle says so; peers do the same
number of bars with a strategy of the same kind where they are installed. Of several rounds the best counts:
it is the one least disturbed by what else the machine did.
"""

from time import perf_counter

from apps.exchange.core.venue.actions import Bar
from apps.exchange.core.venue.feeds.klines import bars
from apps.experiments.core.desk import Desk, build_desk
from bench import peers
from bench.figures import Figure, Outcome, at_least
from bench.market import VENUE_SYMBOL, bundle, instruments, minute_rows
from bench.measure import collections, peak_mib
from chimera.clock import MINUTE, Millis
from chimera.instruments import Market
from chimera.store.memory import MemoryStore

TARGET = at_least(40_000)
ROUNDS = 8


def run(quick: bool) -> Outcome:
    rows, origin = minute_rows(15_000 if quick else 73_000)
    actions = list(bars(Market.USDM, VENUE_SYMBOL, "1m", rows))
    _simulate(actions[:2_000])
    rates, digests = [], set()
    with collections() as seen:
        for _ in range(ROUNDS):
            desk = None  # its memory is free before the next one's is counted
            began = perf_counter()
            desk = _simulate(actions)
            rates.append(len(actions) / (perf_counter() - began))
            digests.add(desk.runtime.digest)
    entries, closed = _trades(desk)
    peak = peak_mib()  # before the peers' packages come in
    others = peers.figures(rows)
    same = "identical" if len(digests) == 1 else "DIFFERENT"
    absent = peers.missing()
    return Outcome(
        figures=(
            Figure(name="bars", value=max(rates), unit="bars/s", target=TARGET),
            Figure(name="peak memory, records included", value=peak, unit="MiB"),
            *others,
        ),
        notes=(
            f"{len(actions):,} bars, {origin}",
            f"{entries} entries, one in {len(actions) / max(entries, 1):.0f} bars, {closed} fills; "
            f"records of {ROUNDS} rounds {same}",
            seen.note(),
            *([f"not installed: {absent} (requirements-bench.txt)"] if absent else ()),
        ),
    )


def _simulate(actions: list[tuple[Millis, Bar]]) -> Desk:
    desk = build_desk(
        bundle(),
        instruments=instruments(),
        store=MemoryStore(),
        start=actions[0][0] - MINUTE,
    )
    desk.run(actions)
    return desk


def _trades(desk: Desk) -> tuple[int, int]:
    """Return how many entries and how many fills there were."""
    counts = []
    for collection in ("intents", "fills"):
        cursor, found = None, 0
        while True:
            page = desk.runtime.store.query(collection, limit=1_000, cursor=cursor)
            if collection == "fills":
                found += len(page.documents)
            else:
                found += sum(1 for d in page.documents if d.body["action"] != "CLOSE")
            cursor = page.next_cursor
            if cursor is None:
                break
        counts.append(found)
    return counts[0], counts[1]
