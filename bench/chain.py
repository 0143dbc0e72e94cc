"""One process, in memory: a closed bar through features, strategy, router and positions.

The measured stretch is `Dispatcher.cascade` of one `BarClosed`: seven factors, two guards, the rules, the
decision with its trace, the intent, sizing, all gates, and the order effect with its records. Effects
are made, not carried out.
"""

import time
from collections.abc import Iterator
from itertools import chain

from apps.features.core.service import Features
from apps.orders.core.deadlines import Deadlines
from apps.orders.core.service import Router
from apps.positions.core.service import Positions
from apps.strategy.core.service import Strategy
from bench.answers import activated, answer, is_entry, listed
from bench.figures import Figure, Outcome, at_most
from bench.market import bundle, closed_bars, eager_bundle, minute_rows
from bench.measure import collections, latencies, per_second, sample
from chimera.bundles import Bundle
from chimera.clock import Millis
from chimera.events import BarClosed, TimerFired
from chimera.events.base import Event
from chimera.runtime.contract import START
from chimera.runtime.dispatch import Consequences, Dispatcher

TARGETS = {"p50": at_most(60), "p99": at_most(500)}
WARM_UP = 1_000  # bars; the longest look-back is 200


class Desk:
    """The four cores and an exchange that refuses every order."""

    def __init__(self, traded: Bundle, now: Millis) -> None:
        self._dispatcher = Dispatcher(
            [Features(), Strategy(), Router(Deadlines.for_bars()), Positions()]
        )
        self.events = 0
        self.entries = 0
        starts = [
            TimerFired(
                id=f"start:{service.name}",
                ts_event=now,
                ts_init=now,
                service=service.name,
                timer=START,
                due=now,
            )
            for service in self._dispatcher.services
        ]
        for event in chain([activated(traded, now), listed(now)], starts):
            self.settle(self._dispatcher.cascade(event, now), now)

    def take(self, bar: BarClosed) -> int:
        """Take in a bar and return how long its order effects took, in nanoseconds."""
        now = bar.ts_event
        began = time.perf_counter_ns()
        follows = self._dispatcher.cascade(bar, now)
        took = time.perf_counter_ns() - began
        self.entries += any(is_entry(command) for command in follows.commands)
        self.settle(follows, now)
        return took

    def settle(self, follows: Consequences, now: Millis) -> None:
        """Answer every request, and count what was said."""
        self.events += 1 + len(follows.told)
        for command in follows.commands:
            told = answer(command, now)
            if told is not None:
                self.settle(self._dispatcher.cascade(told, now), now)


def run(quick: bool) -> Outcome:
    count = 5_000 if quick else 40_000
    rows, origin = minute_rows(count + WARM_UP)
    bars = list(closed_bars(rows))
    count = len(bars) - WARM_UP

    desk = Desk(eager_bundle(), bars[0].open_time)
    feed = iter(bars)
    with collections() as seen:
        took = sample(lambda: desk.take(next(feed)), count=count, warm_up=WARM_UP)
    entered = desk.entries

    return Outcome(
        figures=(
            *latencies("event to order effect", took, unit="µs", targets=TARGETS),
            *_throughput(bars),
        ),
        notes=(f"{entered:,} entries in {len(bars):,} bars; {origin}", seen.note()),
    )


def _throughput(bars: list[Event]) -> Iterator[Figure]:
    """All effects out for each bar of the ordinary bundle, which enters now and then."""
    events = 0

    def work() -> int:
        nonlocal events
        desk = Desk(bundle(), bars[0].open_time)
        for bar in bars:
            desk.take(bar)
        events = desk.events
        return len(bars)

    rate = per_second(work)
    yield Figure(name="bars in, all effects out", value=rate, unit="bars/s")
    yield Figure(name="events through the chain", value=rate * events / len(bars), unit="events/s")
