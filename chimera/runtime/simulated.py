"""The simulated runtime: a virtual clock, an in-memory bus, the exchange in the same process, one seed.

Without faults it is the event-driven backtest. With them it is how failures are tested: the same seed
gives the same run, to the byte.

1. The earliest of market input, timer and message in flight is taken; the clock moves to it.
2. Its event cascades through the cores; then its effects are carried out in their order:
   records are written, wake-ups set, asks handed to the exchange.
3. What the exchange answers is delivered as events, now or after the delay its fate says.
"""

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from chimera.clock import Millis, VirtualClock
from chimera.events.base import Command, Event
from chimera.events.health import TimerFired
from chimera.events.orders import CancelOrder, OrderReport, SubmitOrder, SubmitUnknown
from chimera.runtime.contract import START, Ask, Effect, Publish, Record, Service, Wake
from chimera.runtime.dispatch import Dispatcher
from chimera.runtime.faults import FaultRates, Faults
from chimera.runtime.recording import write_of
from chimera.runtime.timers import Timers
from chimera.store.interface import Store

Input = TypeVar("Input", contravariant=True)
TIMEOUT: Millis = 1_000  # after which the sender of an unanswered request gives up


class SimulatedExchange(Protocol[Input]):
    """The exchange's core: commands and market inputs in, published events out."""

    def handle(self, event: Event, now: Millis) -> Iterable[Effect]: ...

    def market(self, action: Input, now: Millis) -> Iterable[Effect]: ...


class SimulatedRuntime:
    """Drives cores and an exchange through recorded or generated market inputs."""

    def __init__(
        self,
        *,
        build: Callable[[], Sequence[Service]],
        exchange: SimulatedExchange[object],
        store: Store,
        clock: VirtualClock,
        first: Sequence[Event] = (),
        faults: Faults | None = None,
        after_event: Callable[[Event, Millis], None] | None = None,
    ) -> None:
        """`build` makes the cores, restored from `store`; it is called again after a crash.

        Each life begins with `first`, such as the active bundle and the listed instruments.
        """
        self.store = store
        self.clock = clock
        self.exchange = exchange
        self.crashes = 0
        self.events = 0
        self._build = build
        self._first = tuple(first)
        self._faults = faults or Faults(FaultRates(), seed=0)
        self._after_event = after_event
        self._in_flight: list[tuple[Millis, int, Event]] = []
        self._sent = 0
        self._digest = hashlib.sha256()
        self._begin()

    @property
    def digest(self) -> str:
        """SHA-256 over every record written so far, in order: equal runs have equal digests."""
        return self._digest.hexdigest()

    def run(self, inputs: Iterable[tuple[Millis, object]]) -> None:
        """Take in market `inputs`, sorted by time, and everything that follows from them."""
        for ts, action in inputs:
            self._catch_up(ts)
            self.clock.advance_to(ts)
            self._take(self.exchange.market(action, ts))

    def settle(self, until: Millis) -> None:
        """Let time pass without market inputs, so that what is in flight arrives."""
        self._catch_up(until)
        self.clock.advance_to(until)

    def inject(self, event: Event) -> None:
        """Deliver an event from outside, such as another activated bundle, now."""
        self._deliver(event)

    # --- one step ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._dispatcher = Dispatcher(self._build())
        self._timers = Timers()
        now = self.clock.now()
        for event in self._first:
            self._send(event, 0)
        for service in self._dispatcher.services:
            self._timers.set(Wake(service.name, START, now))
        self._catch_up(now)

    def _catch_up(self, until: Millis) -> None:
        """Handle all timers and messages due up to and including `until`."""
        while True:
            timer_at = self._timers.next_due()
            message_at = self._in_flight[0][0] if self._in_flight else None
            if (
                message_at is not None
                and message_at <= until
                and (timer_at is None or message_at <= timer_at)
            ):
                self.clock.advance_to(message_at)
                self._deliver(heapq.heappop(self._in_flight)[2])
            elif timer_at is not None and timer_at <= until:
                self.clock.advance_to(timer_at)
                timer = self._timers.pop_due(timer_at)
                if timer is not None:
                    self._deliver(timer)
            else:
                return

    def _take(self, effects: Iterable[Effect]) -> None:
        """Deliver what the exchange published."""
        for effect in effects:
            if type(effect) is Publish:
                self._report(effect.event)

    def _report(self, event: Event) -> None:
        if self._faults.healthy or not isinstance(event, OrderReport):
            self._deliver(event)
            return
        for delay in self._faults.report_delays():
            self._send(event, delay)

    def _deliver(self, event: Event) -> None:
        waiting = deque((event,))
        while waiting:
            current = waiting.popleft()
            now = self.clock.now()
            self.events += 1
            if isinstance(current, Command):
                self._take(self.exchange.handle(current, now))
                continue
            effects = self._dispatcher.cascade(current, now)
            if not self._faults.healthy and self._faults.crashes():
                self._crash(current, effects)
                return
            for effect in effects:
                if type(effect) is Record:
                    self._record(effect)
                elif type(effect) is Ask:
                    self._ask(effect.command, waiting)
                elif type(effect) is Wake:
                    self._timers.set(effect)
            if self._after_event is not None:
                self._after_event(current, now)

    def _record(self, record: Record) -> None:
        write = write_of(record)
        self.store.write((write,))
        self._digest.update(write.body)

    def _ask(self, command: Command, waiting: deque[Event]) -> None:
        if self._faults.healthy:
            waiting.append(command)
            return
        fate = self._faults.ask()
        if fate.arrives:
            self._send(command, fate.delay)
        if not fate.answered and isinstance(command, SubmitOrder | CancelOrder):
            self._send(_unknown(command, self.clock.now()), fate.delay + TIMEOUT)

    def _send(self, event: Event, delay: Millis) -> None:
        self._sent += 1
        heapq.heappush(self._in_flight, (self.clock.now() + delay, self._sent, event))

    def _crash(self, event: Event, effects: Sequence[Effect]) -> None:
        """End the process at its worst moment: before the records, or between records and asks.

        An event that was not acknowledged is delivered again to the next life; timers are gone.
        """
        self.crashes += 1
        if self._faults.even():
            for effect in effects:
                if type(effect) is Record:
                    self._record(effect)
        self._begin()
        if type(event) is not TimerFired:
            self._send(event, 0)


def _unknown(command: SubmitOrder | CancelOrder, now: Millis) -> SubmitUnknown:
    return SubmitUnknown(
        id=f"unknown:{command.id}",
        cause=command.id,
        ts_event=now,
        ts_init=now,
        symbol=command.symbol,
        client_order_id=command.client_order_id,
        message="no answer within the timeout",
    )
