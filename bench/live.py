"""Live runtimes for benchmarks, and the exchange that paces them.

`PacedExchange` stands where the connector would, behind the runtime's `ExchangePort`: it closes bars one by
one, refuses every order, and notes when each bar's request came. `leaving` runs it with all services in one
process, `processes` in a process of its own.
"""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

from bench.answers import activated, answer, listed
from bench.market import SYMBOL, bar, closed_bars, eager_bundle, walk
from chimera.bus import open_bus
from chimera.clock import MINUTE, Clock, Millis, ScaledClock
from chimera.events import BarClosed, HistoryLoaded, QueryAccount, SubmitOrder
from chimera.events.base import Command, Event
from chimera.locks import open_leases
from chimera.runtime.contract import Service
from chimera.runtime.live import ExchangePort, LiveRuntime
from chimera.runtime.topology import streams_to_read
from chimera.runtime.worker import WorkerContext, build_services
from chimera.store import open_store

SPEED = 60.0  # of the market's clock against the wall: entries are limited by the minute
HISTORY_BARS = 1_000
PAUSE_S = 0.005  # between a request and the next bar, so that each bar meets a desk at rest
PATIENCE_S = 0.25  # after which a bar that led to no request is passed over

Sink = Callable[[Event], None]
Finish = Callable[[Sequence[Service]], Sequence[Service]]


def fast_clock(anchor_ns: int) -> ScaledClock:
    """Return a clock that shows the wall's time at `anchor_ns` and runs `SPEED` times as fast."""
    return ScaledClock(origin=anchor_ns // 1_000_000, speed=SPEED, anchor_ns=anchor_ns)


async def run_worker(
    names: Sequence[str],
    *,
    redis_url: str,
    clock: Clock,
    stopping: asyncio.Event,
    exchange: ExchangePort | None = None,
    finish: Finish = lambda services: services,
) -> None:
    """Run a worker as `manage.py run` does; `finish` may wrap its cores."""
    context = WorkerContext(
        store=open_store("embedded://"), symbols=(SYMBOL,), interval_ms=MINUTE, speed=SPEED
    )
    bus = open_bus(redis_url, producer="+".join(names))
    leases = open_leases(redis_url, holder=str(os.getpid()))
    runtime = LiveRuntime(
        build=lambda: finish(build_services(names, context)),
        names=names,
        store=context.store,
        bus=bus,
        clock=clock,
        leases=leases,
        exchange=exchange,
        streams=streams_to_read(names, context.symbols),
        first=(activated(eager_bundle(), clock.now()),),
    )
    try:
        await runtime.run(stopping)
    finally:
        await leases.close()
        await bus.close()


class PacedExchange:
    """Closes a bar, waits for the order it leads to, refuses that, and closes the next.

    Attributes
    ----------
    requests : by bar id, when it closed and when its order's request was called for; monotonic ns
    done : set when enough bars have led to a request
    """

    def __init__(
        self,
        clock: Clock,
        *,
        count: int,
        warm_up: int,
        ready: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.requests: dict[str, tuple[int, int]] = {}
        self.done = asyncio.Event()
        self._clock = clock
        self._count = count
        self._warm_up = warm_up
        self._ready = ready
        self._asked_for_account = asyncio.Event()
        self._requested = asyncio.Event()
        self._requested_at = 0

    async def run(self, sink: Sink) -> None:
        await self._asked_for_account.wait()
        if self._ready is not None:
            await self._ready()
        last, prices, seen = self._tell_market(sink), _prices(), 0
        while seen < self._warm_up + self._count:
            await asyncio.sleep(PAUSE_S)
            closed = _bar(last, max(self._clock.now(), last + 1), next(prices))
            last = closed.ts_event
            self._requested.clear()
            closed_at = time.perf_counter_ns()
            sink(closed)
            try:
                await asyncio.wait_for(self._requested.wait(), PATIENCE_S)
            except TimeoutError:
                continue
            seen += 1
            if seen > self._warm_up:
                self.requests[closed.id] = (closed_at, self._requested_at)
        self.done.set()
        await asyncio.Event().wait()  # a port works until it is cancelled

    def execute(self, command: Command, sink: Sink) -> Awaitable[None]:
        """Take the time at the call, not when the answer's task first runs."""
        return self._answer(command, sink, time.perf_counter_ns())

    async def _answer(self, command: Command, sink: Sink, called_at: int) -> None:
        told = answer(command, self._clock.now())
        if told is not None:
            sink(told)
        if type(command) is QueryAccount:
            self._asked_for_account.set()
        elif type(command) is SubmitOrder:
            self._requested_at = called_at
            self._requested.set()

    def _tell_market(self, sink: Sink) -> Millis:
        """Tell of the instrument and of the bars before now; return the close of the last."""
        now = self._clock.now()
        history = tuple(closed_bars(walk(HISTORY_BARS, now - HISTORY_BARS * MINUTE)))
        last = history[-1].ts_event
        sink(listed(now))
        sink(
            HistoryLoaded(
                id=f"history:{SYMBOL}:{last}",
                ts_event=last,
                ts_init=now,
                symbol=SYMBOL,
                interval="1m",
                bars=history,
            )
        )
        return last


def _prices() -> Iterator[float]:
    rng = random.Random(11)
    price = 95_000.0
    while True:
        price = round(price * (1 + rng.gauss(0, 0.0006)), 1)
        yield price


def _bar(opened: Millis, closed: Millis, price: float) -> BarClosed:
    return bar(opened, closed, price, price + 20.0, price - 20.0, price, 25.0)
