"""The simulated runtime: a virtual clock, an in-memory bus, the exchange in the same process, one seed.

Without faults it is the event-driven backtest. With them it is how failures are tested: the same seed
gives the same run, to the byte.

1. The earliest of market input, timer and message in flight is taken; the clock moves to it.
2. Its event cascades through the cores; then its effects are carried out in their order:
   records are written, wake-ups set, asks handed to the exchange.
3. What the exchange answers is delivered as events in the order in which it happened, now or after the
   delay its fate says.
"""

import gc
import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeVar

from chimera.clock import Millis, VirtualClock
from chimera.events import (
    AccountReported,
    CancelOrder,
    CancelRejected,
    FeeCharged,
    FundingPaid,
    MarginSettingsChanged,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    OrderStatus,
    PrepareSymbol,
    QueryAccount,
    QueryFailed,
    QueryOrder,
    StreamDisconnected,
    SubmitOrder,
    SubmitUnknown,
    SymbolPrepared,
    WalletTransferred,
)
from chimera.events.base import Command, Event
from chimera.events.orders import OrderReport
from chimera.runtime.contract import START, Effect, Publish, Service, Wake
from chimera.runtime.dispatch import Consequences, Dispatcher
from chimera.runtime.faults import CrashMoment, FaultRates, Faults
from chimera.runtime.timers import Timers
from chimera.store.interface import Store, Write

Input = TypeVar("Input", contravariant=True)
TIMEOUT: Millis = 1_000  # after which the sender of an unanswered request gives up
STREAM = "exchange:user"

# What comes from the venue about our account; only this can be delayed, repeated or lost.
_PRIVATE = (
    OrderReport,
    FundingPaid,
    FeeCharged,
    WalletTransferred,
    AccountReported,
    SymbolPrepared,
    MarginSettingsChanged,
)
_QUESTIONS = (QueryOrder, QueryAccount, PrepareSymbol)
_ANSWER_ALONE = (OrderRejected, CancelRejected, OrderStatus)
_ANSWER_AND_STREAM = (OrderAccepted, OrderCanceled)


class SimulatedExchange(Protocol[Input]):
    """The exchange's core: commands and market inputs in, published events out.

    What follows from a market input comes in stages; each is dealt with before the next begins.
    """

    def handle(self, event: Event, now: Millis) -> Iterable[Effect]: ...

    def market(self, action: Input, now: Millis) -> Iterable[Iterable[Effect]]: ...


class _Unanswered(NamedTuple):
    """A command whose answer will be lost."""

    command: Command


class SimulatedRuntime:
    """Drives cores and an exchange through recorded or generated market inputs."""

    def __init__(
        self,
        *,
        build: Callable[[], Sequence[Service]],
        exchange: SimulatedExchange[Any],
        store: Store,
        clock: VirtualClock,
        first: Sequence[Event] = (),
        faults: Faults | None = None,
        after_event: Callable[[Event, Millis], None] | None = None,
    ) -> None:
        """`build` makes the cores, restored from `store`; it is called again after a crash.

        Each life begins with `first`, such as the active bundle and the listed instruments.
        `after_event` is called with each market input's first event, timer or message, when all that
        follows from it at once has been carried out.
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
        self._timers = Timers()
        self._due: deque[Event | _Unanswered] = deque()  # what happens now, in its order
        self._in_flight: list[tuple[Millis, int, Event | _Unanswered]] = []
        self._sent = 0
        self._stream_back_at: Millis = 0
        self._digest = hashlib.sha256()
        self._undigested: list[Write] = []
        self._begin()
        self._handle_due()
        self._catch_up(clock.now())

    @property
    def services(self) -> tuple[Service, ...]:
        """The cores of the present life."""
        return self._dispatcher.services

    @property
    def digest(self) -> str:
        """SHA-256 over every record written so far, in order: equal runs have equal digests."""
        for write in self._undigested:
            self._digest.update(write.body)
        self._undigested.clear()
        return self._digest.hexdigest()

    def run(self, inputs: Iterable[tuple[Millis, object]]) -> None:
        """Take in market `inputs`, sorted by time, and everything that follows from them."""
        market = self.exchange.market
        with collector_paused():
            for ts, action in inputs:
                self._catch_up(ts)
                self.clock.advance_to(ts)
                for stage in market(action, ts):
                    self._hear(stage)
                    self._handle_due()

    def settle(self, until: Millis) -> None:
        """Let time pass without market inputs, so that what is in flight arrives."""
        self._catch_up(until)
        self.clock.advance_to(until)

    def inject(self, event: Event) -> None:
        """Deliver an event from outside, such as another activated bundle, now."""
        self._due.append(event)
        self._handle_due()

    # --- one step ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Start a life: cores from the record, what they begin with, and a wake-up for each."""
        self._dispatcher = Dispatcher(self._build())
        self._timers.clear()
        self._due.extend(self._first)
        for service in self._dispatcher.services:
            self._timers.set(Wake(service.name, START, self.clock.now()))

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
                self._due.append(heapq.heappop(self._in_flight)[2])
            elif timer_at is not None and timer_at <= until:
                self.clock.advance_to(timer_at)
                timer = self._timers.pop_due(self.clock.now())
                if timer is not None:
                    self._due.append(timer)
            else:
                return
            self._handle_due()

    def _handle_due(self) -> None:
        """Handle everything that happens now, and what follows from it, in the order of causes."""
        if not self._due:
            return
        began = self._due[0]
        now = self.clock.now()
        while self._due:
            current = self._due.popleft()
            self.events += 1
            if isinstance(current, Command):
                self._hear(self.exchange.handle(current, now), asked=current)
            elif isinstance(current, _Unanswered):
                answers = self.exchange.handle(current.command, now)
                self._hear(answers, asked=current.command, answered=False)
            else:
                self._handle(current, now)
        if self._after_event is not None and isinstance(began, Event):
            self._after_event(began, now)

    def _handle(self, event: Event, now: Millis) -> None:
        follows = self._dispatcher.cascade(event, now)
        moment = None if self._faults.healthy else self._faults.crash()
        if moment is not None:
            self._crash(moment, event, follows)
            return
        if follows.records:
            self._write(follows.records)
        for wake in follows.wakes:
            self._timers.set(wake)
        for command in follows.commands:
            self._ask(command)

    def _write(self, writes: Sequence[Write]) -> None:
        self.store.write(writes)
        self._undigested += writes

    def _crash(self, moment: CrashMoment, event: Event, follows: Consequences) -> None:
        """End the process while it handles `event`, and begin the next life.

        Timers are gone, and so is what was not carried out; requests on their way arrive all the same.
        Reports were either handed over in memory, and are gone with their stream, or they came on a
        stream that delivers again what nobody acknowledged. Market data is never delivered again.
        """
        self.crashes += 1
        if moment is not CrashMoment.BEFORE_RECORDS:
            self._write(follows.records)
        if moment is CrashMoment.AFTER_ASKS:
            for command in follows.commands:
                self._ask(command)
        unacknowledged = [e for e in (event, *self._due) if isinstance(e, _PRIVATE)]
        self._due.clear()
        delivered_again = self._faults.even()
        if not delivered_again:
            self._in_flight = [
                sent for sent in self._in_flight if isinstance(sent[2], Command | _Unanswered)
            ]
            heapq.heapify(self._in_flight)
            self._stream_back_at = 0  # a new life connects anew
        self._begin()
        if delivered_again:
            self._due.extend(unacknowledged)

    # --- messages --------------------------------------------------------------------------------------------

    def _ask(self, command: Command) -> None:
        if self._faults.healthy:
            self._due.append(command)
            return
        fate = self._faults.ask()
        if fate.arrives:
            self._send(command if fate.answered else _Unanswered(command), fate.delay)
        if not fate.answered:
            self._send(_no_answer(command, self.clock.now()), fate.delay + TIMEOUT)

    def _hear(
        self, effects: Iterable[Effect], asked: Command | None = None, *, answered: bool = True
    ) -> None:
        """Deliver what the exchange published, to `asked` or of its own accord."""
        for effect in effects:
            if type(effect) is not Publish:
                continue
            event = effect.event
            if self._faults.healthy or not isinstance(event, _PRIVATE):
                self._due.append(event)
            elif self._arrives(event, asked, answered):
                unasked = asked is None and isinstance(event, OrderReport)
                for delay in self._faults.report_delays(unasked=unasked):
                    self._send(event, delay)

    def _arrives(self, event: Event, asked: Command | None, answered: bool) -> bool:
        """Tell whether a report reaches us: as an answer, or by the user stream while it is up."""
        if isinstance(asked, _QUESTIONS) or (
            asked is not None and isinstance(event, _ANSWER_ALONE)
        ):
            return answered
        if asked is not None and answered and isinstance(event, _ANSWER_AND_STREAM):
            return True
        now = self.clock.now()
        if now < self._stream_back_at:
            return False
        lost_for = self._faults.stream_lost_for()
        if lost_for:
            self._stream_back_at = now + lost_for
            self._send(_stream(connected=False, at=now), 0)
            self._send(_stream(connected=True, at=self._stream_back_at), lost_for)
        return not lost_for

    def _send(self, message: Event | _Unanswered, delay: Millis) -> None:
        self._sent += 1
        heapq.heappush(self._in_flight, (self.clock.now() + delay, self._sent, message))


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic collector from walking, again and again, records that only ever grow."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _no_answer(command: Command, now: Millis) -> Event:
    """Return what a connector says about a request that was not answered in time."""
    message = "no answer within the timeout"
    match command:
        case SubmitOrder() | CancelOrder():
            return SubmitUnknown(
                id=f"unknown:{command.id}",
                cause=command.id,
                ts_event=now,
                ts_init=now,
                symbol=command.symbol,
                client_order_id=command.client_order_id,
                message=message,
            )
        case PrepareSymbol():
            return SymbolPrepared(
                id=f"prepared:{command.id}",
                cause=command.id,
                ts_event=now,
                ts_init=now,
                symbol=command.symbol,
                leverage=0,
                isolated=False,
                one_way=False,
                problem=message,
            )
        case _:
            return QueryFailed(
                id=f"failed:{command.id}",
                cause=command.id,
                ts_event=now,
                ts_init=now,
                symbol=command.symbol,
                client_order_id=getattr(command, "client_order_id", ""),
                message=message,
            )


def _stream(*, connected: bool, at: Millis) -> StreamDisconnected:
    return StreamDisconnected(
        id=f"stream:{STREAM}:{connected}:{at}",
        ts_event=at,
        ts_init=at,
        stream=STREAM,
        connected=connected,
        account=True,
    )
