"""One life of a worker under its lease: inputs cascade through the cores, effects go to the outbox.

Inputs are the local exchange's events, other workers' messages, and timers. A core that raises takes no
effect with it: new risk stops, the cores are built again from the record, and the event is offered
again; what fails again and again is given up as a dead letter, with an alert.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import msgspec
import structlog

from chimera.bus import Bus, ConsumeOptions, GapKind, Message, StartFrom, Subscription
from chimera.clock import Clock
from chimera.errors import InvariantBroken, Transient, Unavailable
from chimera.events import decode
from chimera.events.base import Command, Event
from chimera.events.health import (
    ServiceReported,
    ServiceState,
    StreamDisconnected,
    TradingHalted,
    TradingResumed,
)
from chimera.events.orders import QueryOrder, SubmitOrder
from chimera.locks import Lease
from chimera.runtime.acknowledging import Acknowledger
from chimera.runtime.contract import START, ExchangePort, Record, Service, Wake
from chimera.runtime.dispatch import Dispatcher, ServiceFailed
from chimera.runtime.outbox import Batch, Outbox
from chimera.runtime.timers import Timers
from chimera.store.interface import Store

log = structlog.get_logger(__name__)

HEARTBEAT_S = 2.0
ATTEMPTS_PER_EVENT = 3
RESTART_S = (0.2, 1.0, 3.0)
BACKLOG_MAX = 50_000
FINISH_S = 5.0
SUBMIT_STALE_MS = 5_000
TROUBLES = ("runtime:store", "runtime:bus", "runtime:streams")


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an input's source is told what became of it."""

    acknowledge: Callable[[], None]
    give_up: Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Input:
    event: Event
    tell: bool = False  # whether it began here, and the other workers are to be told
    receipt: Receipt | None = None


class Session:
    def __init__(
        self,
        lease: Lease,
        *,
        build: Callable[[], Sequence[Service]],
        names: Sequence[str],
        store: Store,
        bus: Bus,
        clock: Clock,
        exchange: ExchangePort | None,
        streams: Sequence[str],
        first: Sequence[Event],
    ) -> None:
        self._lease = lease
        self._build = build
        self._names = tuple(names)
        self._bus = bus
        self._clock = clock
        self._exchange = exchange
        self._streams = tuple(streams)
        self._first = tuple(first)
        self._outbox = Outbox(store=store, bus=bus, execute=self._execute, trouble=self._on_trouble)
        self._dispatcher: Dispatcher | None = None
        self._timers = Timers()
        self._timer_set = asyncio.Event()
        self._backlog: deque[_Input] = deque()
        self._failures: dict[str, int] = {}
        self._halts: dict[str, str] = {}
        self._standing: dict[str, Event] = {}  # what cores built anew must be told again
        self._rebuild_wanted = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._acknowledger: Acknowledger | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then record and publish what is left.

        Raises
        ------
        LeaseLost
            Nothing more may be sent from here.
        """
        await self._start_cores()
        for cause in TROUBLES:  # an earlier life may have ended in the middle of one
            self.bring(self._resumed(self._source(cause)))
        work = {
            "lease": self._lease.keep(),
            "record": self._outbox.record_forever(),
            "publish": self._outbox.publish_forever(),
            "timers": self._fire_timers(),
            "restarts": self._restart_cores(),
            "heartbeat": self._beat(),
            "stop": stopping.wait(),
        }
        if self._exchange is not None:
            work["exchange"] = self._exchange.run(self.bring)
        if self._streams:
            work["streams"] = self._read_streams()
        tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in work.items()]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
                if task.get_name() != "stop":
                    raise InvariantBroken(f"{task.get_name()} ended by itself")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._finish()

    def bring(self, event: Event) -> None:
        """Take in an event that began in this process, and tell the other workers of it."""
        self._take(_Input(event, tell=True))

    def _take(self, given: _Input) -> None:
        """Run an event through the local cores now and hand its effects to the outbox."""
        self._remember(given.event)
        if self._dispatcher is None:
            if len(self._backlog) < BACKLOG_MAX:
                self._backlog.append(given)
            return
        try:
            follows = self._dispatcher.cascade(given.event, self._clock.now())
        except ServiceFailed as error:
            self._on_failure(given, error)
            return
        for wake in follows.wakes:
            self._timers.set(wake)
            self._timer_set.set()
        self._outbox.put(
            Batch(
                records=follows.records,
                commands=follows.commands,
                events=[given.event, *follows.told] if given.tell else follows.told,
                done=given.receipt.acknowledge if given.receipt is not None else None,
            )
        )

    def _remember(self, event: Event) -> None:
        """Keep what is in force until it is over: halts, and streams that are lost."""
        match event:
            case TradingHalted(source=source):
                self._standing[source] = event
            case TradingResumed(source=source):
                self._standing.pop(source, None)
            case StreamDisconnected(stream=stream, connected=False):
                self._standing[stream] = event
            case StreamDisconnected(stream=stream):
                self._standing.pop(stream, None)

    # --- asks ------------------------------------------------------------------------------------------------

    def _execute(self, command: Command) -> None:
        """Send a recorded command to the exchange: here, or by stream to the worker that has it."""
        if not self._lease.held:
            log.warning("not sent: the lease is lost", command=command.id)
        elif self._exchange is None:
            self._outbox.put(Batch(events=(command,)))
        else:
            self._in_background(self._exchange.execute(command, self.bring))

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._on_background_done)

    def _on_background_done(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an ask failed in an unforeseen way; it will be looked for", exc_info=error)

    # --- inputs ----------------------------------------------------------------------------------------------

    async def _fire_timers(self) -> None:
        while True:
            self._timer_set.clear()
            due = self._timers.next_due()
            wait_s = None if due is None else self._clock.seconds_until(due)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._timer_set.wait(), timeout=wait_s)
            while (timer := self._timers.pop_due(self._clock.now())) is not None:
                self._take(_Input(timer))

    async def _read_streams(self) -> None:
        """Take in what other workers publish; acknowledge each message after its effects."""
        group = "+".join(self._names)
        options = ConsumeOptions(start=StartFrom.OLDEST)  # instruments and histories lie there
        subscription = self._bus.consume(self._streams, group, group, options=options)
        self._acknowledger = Acknowledger(subscription)
        try:
            while True:
                try:
                    batch = await subscription.fetch()
                except Unavailable as error:
                    self._on_trouble("runtime:streams", error.message)
                    continue
                self._on_trouble("runtime:streams", None)
                for gap in batch.gaps:
                    missing = gap.kind is GapKind.MISSING
                    tell = log.warning if missing else log.info
                    tell("a producer's sequence is broken", gap=msgspec.to_builtins(gap))
                for message in batch.messages:
                    await self._take_message(message, subscription, self._acknowledger)
                # Asking for more at once would only keep what was taken from being recorded.
                await self._outbox.flushed()
        finally:
            await subscription.close()

    async def _take_message(
        self, message: Message, subscription: Subscription, acknowledger: Acknowledger
    ) -> None:
        async def give_up(reason: str) -> None:
            with suppress(Unavailable):
                await subscription.reject(message, reason)

        try:
            event = decode(message.payload)
        except msgspec.MsgspecError as error:
            await give_up(f"not an event we know: {error}")
            return
        acknowledge = partial(acknowledger.add, message)
        if isinstance(event, Command):
            self._in_background(self._carry_out(event, message.deliveries > 1, acknowledge))
        else:
            self._take(_Input(event, receipt=Receipt(acknowledge, give_up)))

    async def _carry_out(
        self, command: Command, repeated: bool, acknowledge: Callable[[], None]
    ) -> None:
        """Carry out another worker's command.

        A submit that was delivered before may have left, and one that waited long is no longer
        wanted; of either it is only asked what became of it, and whoever sent it draws the conclusion.
        """
        if self._exchange is None:
            return
        age_ms = self._clock.now() - command.ts_init
        stale = age_ms > SUBMIT_STALE_MS * getattr(self._clock, "speed", 1)
        if isinstance(command, SubmitOrder) and (repeated or stale):
            command = QueryOrder(
                id=f"query:{command.id}",
                cause=command.id,
                ts_event=command.ts_event,
                ts_init=self._clock.now(),
                symbol=command.symbol,
                client_order_id=command.client_order_id,
                conditional=command.trigger_px is not None,
            )
        await self._exchange.execute(command, self.bring)
        self._outbox.put(Batch(done=acknowledge))

    # --- trouble ---------------------------------------------------------------------------------------------

    def _on_trouble(self, cause: str, reason: str | None) -> None:
        """Stop new risk while something is in trouble here, and resume it when that is over."""
        now = self._clock.now()
        source = self._source(cause)
        if reason is None:
            if self._halts.pop(source, None) is not None:
                self.bring(self._resumed(source))
        elif source not in self._halts:
            self._halts[source] = reason
            self.bring(
                TradingHalted(
                    id=f"halt:{source}:{now}",
                    ts_event=now,
                    ts_init=now,
                    source=source,
                    reason=reason,
                )
            )

    def _resumed(self, source: str) -> TradingResumed:
        now = self._clock.now()
        return TradingResumed(id=f"resume:{source}:{now}", ts_event=now, ts_init=now, source=source)

    def _source(self, cause: str) -> str:
        """Name a trouble of this worker, so that another worker's end of it does not end ours."""
        return f"{cause}:{'+'.join(self._names)}"

    def _on_failure(self, given: _Input, error: ServiceFailed) -> None:
        """A core raised: nothing of this event is carried out, and the cores are built anew."""
        event = given.event
        attempts = self._failures[event.id] = self._failures.get(event.id, 0) + 1
        log.error(
            "a core failed",
            service=error.details["service"],
            event_id=event.id,
            attempt=attempts,
            exc_info=error.__cause__,
        )
        self._dispatcher = None
        if attempts < ATTEMPTS_PER_EVENT:
            self._backlog.appendleft(given)
        else:
            self._give_up(given, error)
        self._rebuild_wanted.set()

    def _give_up(self, given: _Input, error: ServiceFailed) -> None:
        """Keep what cannot be handled as an alert, and as a dead letter where it came by stream."""
        now = self._clock.now()
        alert = ServiceReported(
            id=f"given-up:{given.event.id}:{now}",
            cause=given.event.id,
            ts_event=now,
            ts_init=now,
            service=str(error.details["service"]),
            state=ServiceState.ERROR,
            detail=error.message,
        )
        self._outbox.put(
            Batch(records=(Record("alerts", alert.id, alert, "", now),), events=(alert,))
        )
        if given.receipt is not None:
            self._in_background(_awaited(given.receipt.give_up(error.message)))

    async def _restart_cores(self) -> None:
        while True:
            await self._rebuild_wanted.wait()
            self._rebuild_wanted.clear()
            attempt = max(self._failures.values(), default=1)
            await asyncio.sleep(RESTART_S[min(attempt, len(RESTART_S)) - 1])
            await self._outbox.flushed()
            await self._start_cores()

    async def _start_cores(self) -> None:
        """Build the cores from the record and give them what they begin with, then what waited."""
        services = await self._outbox.in_store_thread(self._build)
        self._dispatcher = Dispatcher(services)
        for event in (*self._first, *self._standing.values()):
            self._take(_Input(event))
        now = self._clock.now()
        for service in services:
            self._timers.set(Wake(service.name, START, now))
        self._timer_set.set()
        while (timer := self._timers.pop_due(now)) is not None:
            self._take(_Input(timer))
        while self._backlog and self._dispatcher is not None:
            self._take(self._backlog.popleft())

    # --- life ------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Say for each service how it is, so that silence means death."""
        while True:
            now = self._clock.now()
            lost = self._streams_lost()
            if self._dispatcher is None:
                state, detail = ServiceState.ERROR, "restarting"
            elif self._halts:
                state = ServiceState.DEGRADED
                detail = "; ".join(f"{source}: {reason}" for source, reason in self._halts.items())
            elif lost:
                state, detail = ServiceState.DEGRADED, f"lost: {', '.join(lost)}"
            else:
                state, detail = ServiceState.OK, ""
            beats = [
                ServiceReported(
                    id=f"beat:{name}:{now}",
                    ts_event=now,
                    ts_init=now,
                    service=name,
                    state=state,
                    detail=detail,
                )
                for name in self._names
            ]
            # Told again, for workers and pages that were not there when it began.
            halts = [self._standing[source] for source in self._halts]
            self._outbox.put(Batch(events=[*beats, *halts, *lost.values()]))
            await asyncio.sleep(HEARTBEAT_S)

    def _streams_lost(self) -> dict[str, StreamDisconnected]:
        """Return the losses still in force of the streams that this process keeps."""
        if self._exchange is None:
            return {}
        standing = self._standing.values()
        return {e.stream: e for e in standing if isinstance(e, StreamDisconnected)}

    async def _finish(self) -> None:
        """Let answers come in and effects go out, within a bound; the record tells the next life."""
        with suppress(TimeoutError, Transient):
            async with asyncio.timeout(FINISH_S):
                if self._background and self._lease.held:
                    await asyncio.gather(*self._background, return_exceptions=True)
                await self._outbox.drain()
                if self._acknowledger is not None:
                    await self._acknowledger.flush()
        for task in self._background:
            task.cancel()
        self._outbox.close()


async def _awaited(work: Awaitable[None]) -> None:
    await work
