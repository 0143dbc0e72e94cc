"""A simulation on recorded bars: reads files and a bundle, runs the desk, sums up. For the command."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from apps.exchange.adapters.exchange_info import find_exchange_info, list_recorded
from apps.exchange.adapters.joining import by_series, read_series
from apps.exchange.adapters.playback import play
from apps.exchange.adapters.recordings import Kind, find_recordings, read_klines
from apps.exchange.core.venue.actions import Action, Bar
from apps.experiments.core.desk import ACCOUNT_ID, Desk, build_desk
from chimera.bundles import Bundle
from chimera.clock import Millis
from chimera.errors import InvalidInput
from chimera.events.orders import OrderRecord
from chimera.instruments import Market, symbol_of
from chimera.store import Store
from chimera.store.memory import MemoryStore

PROGRESS_EVERY = 1_000
Inputs = Iterator[tuple[Millis, Action]]


@dataclass(slots=True)
class Simulation:
    """One run, wired and ready. `total_bars` of all symbols together."""

    desk: Desk
    store: Store
    inputs: Inputs
    total_bars: int
    wallet_usdt: Decimal

    def run(self, progress: Callable[[int], None] = lambda _bars: None) -> None:
        self.desk.run(_counted(self.inputs, progress))

    def result(self) -> dict[str, Any]:
        """Sum the run up, from its own record and the venue's books."""
        orders: Counter[str] = Counter()
        for order in _all(self.store, "orders"):
            record = msgspec.convert(order, OrderRecord)
            orders[f"{record.purpose.value} {record.state.value.lower()}"] += 1
        wallet = self.desk.venue.account_view(ACCOUNT_ID).wallet_balance
        return {
            "bars": self.total_bars,
            "decisions": sum(1 for _ in _all(self.store, "decisions")),
            "fills": sum(1 for _ in _all(self.store, "fills")),
            "orders": dict(sorted(orders.items())),
            "wallet_usdt": str(wallet),
            "net_usdt": str(wallet - self.wallet_usdt),
            "digest": self.desk.runtime.digest,
        }


def open_simulation(
    paths: Sequence[Path],
    *,
    bundle: Bundle,
    exchange_info: Sequence[Path] = (),
    wallet_usdt: Decimal = Decimal(10_000),
    bars: int | None = None,
) -> Simulation:
    """Wire a simulation of `bundle` on recorded files.

    Parameters
    ----------
    paths : klines, and optionally funding and mark prices, of the bundle's symbols; others are passed over
    exchange_info : payloads to take filters from; by default those beside the files, as the venue does
    bars : stop after so many bars of all symbols together

    Raises
    ------
    InvalidInput
        If a file is unusable, or none holds bars of the bundle's interval for one of its symbols.
    """
    wanted = [
        recording
        for recording in find_recordings(paths)
        if symbol_of(recording.symbol, recording.market) in bundle.symbols
        and (
            recording.kind in (Kind.FUNDING, Kind.MARK)
            or (recording.kind is Kind.KLINES and recording.interval == bundle.interval)
        )
    ]
    klines = [recording for recording in wanted if recording.kind is Kind.KLINES]
    recorded = {symbol_of(recording.symbol, recording.market) for recording in klines}
    if missing := [symbol for symbol in bundle.symbols if symbol not in recorded]:
        raise InvalidInput(
            f"no file holds {bundle.interval} bars of {', '.join(missing)}, which the bundle trades",
            field="data",
        )
    symbols: dict[Market, set[str]] = {}
    for recording in klines:
        symbols.setdefault(recording.market, set()).add(recording.symbol)
    rows = [read_series(series, read_klines) for series in by_series(klines)]
    total = sum(len(columns.open_time) for columns in rows)
    start = min(int(columns.open_time[0]) for columns in rows)
    store = MemoryStore()
    desk = build_desk(
        bundle,
        instruments=list_recorded(
            {market: sorted(names) for market, names in symbols.items()},
            exchange_info or find_exchange_info(klines),
        ),
        store=store,
        start=start,
        wallet_usdt=wallet_usdt,
    )
    inputs = play(wanted, stepwise=False, start=start)
    return Simulation(
        desk=desk,
        store=store,
        inputs=inputs if bars is None else _first_bars(inputs, bars),
        total_bars=total if bars is None else min(total, bars),
        wallet_usdt=wallet_usdt,
    )


def _counted(inputs: Inputs, progress: Callable[[int], None]) -> Inputs:
    bars = 0
    for ts, action in inputs:
        yield ts, action
        if type(action) is Bar:
            bars += 1
            if bars % PROGRESS_EVERY == 0:
                progress(bars)
    progress(bars)


def _first_bars(inputs: Inputs, bars: int) -> Inputs:
    for ts, action in inputs:
        if type(action) is Bar:
            if bars == 0:
                return
            bars -= 1
        yield ts, action


def _all(store: Store, collection: str) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = store.query(collection, limit=1_000, cursor=cursor)
        for document in page.documents:
            yield document.body
        cursor = page.next_cursor
        if cursor is None:
            return
