"""The live runtime: the same cores as the simulated one, driven by asyncio.

Inputs are the local exchange's events, other workers' messages, and timers. Each cascades through the
local cores at once; its effects go to the outbox, which records, asks, publishes and acknowledges.
A core that raises takes no effect with it: the cores are built again from the record and go on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog

from chimera.bus import Bus, ConsumeOptions, Message, StartFrom, Subscription
from chimera.clock import Clock
from chimera.errors import ChimeraError, Unavailable
from chimera.events import decode
from chimera.events.base import Command, Event
from chimera.events.health import ServiceReported, ServiceState, TradingHalted, TradingResumed
from chimera.events.orders import QueryOrder, SubmitOrder
from chimera.locks import Lease, Leases
from chimera.runtime.contract import START, Effect, Publish, Service, Wake
from chimera.runtime.dispatch import Dispatcher, ServiceFailed
from chimera.runtime.outbox import Batch, Done, Outbox
from chimera.runtime.timers import Timers
from chimera.store.interface import Store

log = structlog.get_logger(__name__)

HEARTBEAT_S = 2.0
ATTEMPTS_PER_EVENT = 3
RESTART_S = (0.2, 1.0, 3.0)
BACKLOG_MAX = 50_000


class ExchangePort(Protocol):
    """The local connection to the exchange, when this process is the one that has it."""

    async def run(self, sink: Callable[[Event], None]) -> None:
        """Bring market data and reports to `sink` until cancelled."""
        ...

    async def execute(self, command: Command, sink: Callable[[Event], None]) -> None:
        """Carry `command` out and bring every answer to `sink`; never raises for the venue's sake."""
        ...


class LiveRuntime:
    def __init__(
        self,
        *,
        build: Callable[[], Sequence[Service]],
        names: Sequence[str],
        store: Store,
        bus: Bus,
        clock: Clock,
        leases: Leases,
        exchange: ExchangePort | None = None,
        streams: Sequence[str] = (),
        first: Sequence[Event] = (),
    ) -> None:
        """`build` makes the cores restored from the record; `first` are events they begin with."""
        self.clock = clock
        self._names = tuple(names)
        self._build = build
        self._bus = bus
        self._leases = leases
        self._exchange = exchange
        self._streams = tuple(streams)
        self._first = tuple(first)
        self._outbox = Outbox(store=store, bus=bus, execute=self._execute, trouble=self._on_trouble)
        self._dispatcher: Dispatcher | None = None
        self._timers = Timers()
        self._timer_set = asyncio.Event()
        self._backlog: deque[tuple[Event, Done | None, tuple[Effect, ...]]] = deque()
        self._failures: dict[str, int] = {}
        self._halts: dict[str, str] = {}
        self._asks: set[asyncio.Task[None]] = set()
        self._rebuild_wanted = asyncio.Event()
        self.handled = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then finish what was begun and return.

        Raises
        ------
        LeaseLost
            Another worker took over; nothing more may be sent from here.
        """
        lease = await self._acquire(stopping)
        if lease is None:
            return
        await self._start_cores()
        work: list[asyncio.Task[None]] = [
            asyncio.create_task(coroutine, name=name)
            for name, coroutine in (
                ("lease", lease.keep()),
                ("record", self._outbox.record_forever()),
                ("publish", self._outbox.publish_forever()),
                ("timers", self._fire_timers()),
                ("restarts", self._restart_cores()),
                ("heartbeat", self._beat()),
            )
        ]
        if self._exchange is not None:
            work.append(asyncio.create_task(self._exchange.run(self.bring), name="exchange"))
        if self._streams:
            work.append(asyncio.create_task(self._read_streams(), name="streams"))
        stop = asyncio.create_task(stopping.wait())
        try:
            done, _ = await asyncio.wait({stop, *work}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stop}:
                task.result()
                raise ChimeraError(f"{task.get_name()} ended by itself")
        finally:
            for task in (stop, *work):
                task.cancel()
            await asyncio.gather(stop, *work, return_exceptions=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finish(), timeout=5)
            await lease.release()

    def bring(self, event: Event) -> None:
        """Take in an event that began in this process, and tell the other workers of it."""
        self._take(event, told=(Publish(event),))

    def _take(self, event: Event, done: Done | None = None, told: tuple[Effect, ...] = ()) -> None:
        """Run an event through the local cores now and hand its effects to the outbox."""
        if self._dispatcher is None:
            if len(self._backlog) < BACKLOG_MAX:
                self._backlog.append((event, done, told))
            return
        self.handled += 1
        try:
            effects = self._dispatcher.cascade(event, self.clock.now())
        except ServiceFailed as error:
            self._on_failure(event, done, told, error)
            return
        self._carry_out([*told, *effects], done)

    # --- effects ---------------------------------------------------------------------------------------------

    def _carry_out(self, effects: Sequence[Effect], done: Done | None = None) -> None:
        for effect in effects:
            if type(effect) is Wake:
                self._timers.set(effect)
                self._timer_set.set()
        if effects or done is not None:
            self._outbox.put(Batch(effects, done))

    def _execute(self, command: Command) -> None:
        """Send a recorded command to the exchange: here, or by stream to the worker that has it."""
        if self._exchange is None:
            self._outbox.put(Batch((Publish(command),)))
        else:
            self._in_background(self._exchange.execute(command, self.bring))

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)

    # --- inputs ----------------------------------------------------------------------------------------------

    async def _fire_timers(self) -> None:
        while True:
            self._timer_set.clear()
            due = self._timers.next_due()
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._timer_set.wait(),
                    timeout=None if due is None else self.clock.seconds_until(due),
                )
            while (timer := self._timers.pop_due(self.clock.now())) is not None:
                self._take(timer)

    async def _read_streams(self) -> None:
        """Take in what other workers publish; acknowledge each message after its effects."""
        group = "+".join(self._names)
        subscription = self._bus.consume(
            self._streams, group, group, options=ConsumeOptions(start=StartFrom.NEWEST)
        )
        try:
            while True:
                try:
                    batch = await subscription.fetch()
                except Unavailable as error:
                    self._on_trouble("runtime:streams", error.message)
                    continue
                self._on_trouble("runtime:streams", None)
                for gap in batch.gaps:
                    log.warning("messages are missing", gap=msgspec.to_builtins(gap))
                for message in batch.messages:
                    await self._take_message(message, subscription)
        finally:
            await subscription.close()

    async def _take_message(self, message: Message, subscription: Subscription) -> None:
        try:
            event = decode(message.payload)
        except msgspec.MsgspecError as error:
            await subscription.reject(message, f"not an event we know: {error}")
            return

        async def acknowledge() -> None:
            with suppress(Unavailable):  # delivered again then, and recognised
                await subscription.ack([message])

        if isinstance(event, Command) and self._exchange is not None:
            self._in_background(self._carry_out_command(event, message.deliveries > 1, acknowledge))
            return
        self._take(event, acknowledge)

    async def _carry_out_command(self, command: Command, repeated: bool, acknowledge: Done) -> None:
        """Carry out another worker's command; one delivered before may have left: then only ask."""
        assert self._exchange is not None
        if repeated and isinstance(command, SubmitOrder):
            command = QueryOrder(
                id=f"query:{command.id}",
                cause=command.id,
                ts_event=command.ts_event,
                ts_init=self.clock.now(),
                symbol=command.symbol,
                client_order_id=command.client_order_id,
                conditional=command.trigger_px is not None,
            )
        await self._exchange.execute(command, self.bring)
        self._outbox.put(Batch((), acknowledge))

    # --- trouble ---------------------------------------------------------------------------------------------

    def _on_trouble(self, source: str, reason: str | None) -> None:
        """Stop new risk while `source` is in trouble, and resume it when that is over."""
        now = self.clock.now()
        if reason is None:
            if self._halts.pop(source, None) is not None:
                self.bring(
                    TradingResumed(
                        id=f"resume:{source}:{now}", ts_event=now, ts_init=now, source=source
                    )
                )
        elif source not in self._halts:
            self._halts[source] = reason
            self.bring(self._halt(source, reason))

    def _halt(self, source: str, reason: str) -> TradingHalted:
        now = self.clock.now()
        return TradingHalted(
            id=f"halt:{source}:{now}", ts_event=now, ts_init=now, source=source, reason=reason
        )

    def _on_failure(
        self, event: Event, done: Done | None, told: tuple[Effect, ...], error: ServiceFailed
    ) -> None:
        """A core raised: stop, build the cores anew, and offer the event again a few times."""
        attempts = self._failures[event.id] = self._failures.get(event.id, 0) + 1
        log.error("a core failed", attempt=attempts, exc_info=error.__cause__, **error.details)
        self._dispatcher = None
        if attempts < ATTEMPTS_PER_EVENT:
            self._backlog.appendleft((event, done, told))
        else:
            log.error("event given up", event_id=event.id, type=type(event).__name__)
        self._rebuild_wanted.set()

    async def _restart_cores(self) -> None:
        while True:
            await self._rebuild_wanted.wait()
            self._rebuild_wanted.clear()
            attempts = max(self._failures.values(), default=1)
            await asyncio.sleep(RESTART_S[min(attempts, len(RESTART_S)) - 1])
            await self._outbox.flushed()
            await self._start_cores()

    async def _start_cores(self) -> None:
        services = await self._outbox.in_store_thread(self._build)
        assert isinstance(services, Sequence)
        self._dispatcher = Dispatcher(services)
        for source, reason in self._halts.items():
            self._take(self._halt(source, reason))
        for event in self._first:
            self._take(event)
        now = self.clock.now()
        for service in services:
            self._timers.set(Wake(service.name, START, now))
        self._timer_set.set()
        while self._backlog and self._dispatcher is not None:
            self._take(*self._backlog.popleft())

    async def _beat(self) -> None:
        """Say for each service how it is, so that silence means death."""
        while True:
            now = self.clock.now()
            failed = self._dispatcher is None
            state = (
                ServiceState.ERROR
                if failed
                else ServiceState.DEGRADED
                if self._halts
                else ServiceState.OK
            )
            detail = "; ".join(f"{source}: {reason}" for source, reason in self._halts.items())
            reports = tuple(
                Publish(
                    ServiceReported(
                        id=f"beat:{name}:{now}",
                        ts_event=now,
                        ts_init=now,
                        service=name,
                        state=state,
                        detail="restarting" if failed else detail,
                    )
                )
                for name in self._names
            )
            self._outbox.put(Batch(reports))
            await asyncio.sleep(HEARTBEAT_S)

    async def _acquire(self, stopping: asyncio.Event) -> Lease | None:
        """Wait for this worker's lease; of two on one account only one may ever send."""
        resource = f"worker:{'+'.join(self._names)}"
        told = False
        while not stopping.is_set():
            try:
                lease = await self._leases.acquire(resource)
            except Unavailable as error:
                lease, reason = None, error.message
            else:
                reason = "another worker holds it, or has just died with it"
            if lease is not None:
                log.info("lease taken", resource=resource, token=lease.token)
                return lease
            if not told:
                log.info("waiting for the lease", resource=resource, reason=reason)
                told = True
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=0.25)
        return None

    async def _finish(self) -> None:
        if self._asks:
            await asyncio.gather(*self._asks, return_exceptions=True)
        await self._outbox.drain()
