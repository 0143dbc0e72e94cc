"""One life of a worker under its lease: inputs cascade through the cores, effects go to the outbox.

Inputs are the local exchange's events, other workers' messages, and timers. A core that raises takes no
effect with it: new risk stops, the cores are built again from the record, and the event is offered
again; what fails again and again is given up as a dead letter, with an alert. So are effects that the
record refuses: whatever the cores believed of it, they learn anew.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from chimera.bus import Bus, DeadLetter, Gap
from chimera.clock import Clock
from chimera.correlation import CORRELATION
from chimera.errors import ChimeraError, InvariantBroken, LeaseLost, Transient
from chimera.events import BundleActivated
from chimera.events.base import Event
from chimera.events.health import (
    ServiceReported,
    ServiceState,
    StreamDisconnected,
    TimerFired,
)
from chimera.locks import Fence, Tenure
from chimera.runtime.alerts import alert, kept_apart
from chimera.runtime.asks import Asks
from chimera.runtime.beginning import Beginning
from chimera.runtime.contract import START, ExchangePort, Service, Wake
from chimera.runtime.dispatch import Dispatcher, ServiceFailed
from chimera.runtime.outbox import Batch, Outbox
from chimera.runtime.patience import until_done
from chimera.runtime.reading import Receipt, StreamReader
from chimera.runtime.timers import Timers
from chimera.runtime.troubles import Troubles
from chimera.runtime.waiting import Conflation, Room, Waiting
from chimera.store.interface import Store

log = structlog.get_logger(__name__)

HEARTBEAT_S = 2.0
ATTEMPTS_PER_EVENT = 3
RESTART_S = (0.2, 1.0, 3.0)
FINISH_S = 5.0


@dataclass(frozen=True, slots=True)
class _Input:
    event: Event
    tell: bool = False  # whether it began here, and the other workers are to be told
    receipt: Receipt | None = None
    first: bool = False  # whether cores are given it at each start anyway


class Session:
    """The cores of one worker and all that feeds them, while its lease is held. One event loop, no locks."""

    def __init__(
        self,
        lease: Tenure,
        *,
        build: Callable[[], Sequence[Service]],
        names: Sequence[str],
        store: Store,
        bus: Bus,
        clock: Clock,
        fence: Fence,
        exchange: ExchangePort | None,
        streams: Sequence[str],
        stream_of: Callable[[Event], str],
        beginning: Beginning,
    ) -> None:
        self._lease = lease
        self._build = build
        self._names = tuple(names)
        self._worker = "+".join(names)
        self._clock = clock
        self._exchange = exchange
        self._beginning = beginning
        self._troubles = Troubles(self._worker, clock, self.bring)
        self._room = Room()
        self._asks = Asks(
            lease, clock, exchange, put=lambda batch: self._outbox.put(batch), bring=self.bring
        )
        self._outbox = Outbox(
            store=store,
            bus=bus,
            room=self._room,
            execute=self._asks.send,
            require_held=lease.require_held,
            trouble=self._troubles.tell,
            refused=self._on_refused,
            stream_of=stream_of,
        )
        self._dispatcher: Dispatcher | None = None
        self._timers = Timers()
        self._timer_set = asyncio.Event()
        self._backlog: Waiting[_Input] = Waiting("to handle", self._room, _thin)
        self._failures: dict[str, int] = {}  # of inputs that are offered again
        self._rebuild_wanted = asyncio.Event()
        self._built = asyncio.Event()
        self._reader: StreamReader | None = None
        if streams:
            self._reader = StreamReader(
                bus,
                streams,
                self._worker,
                fence=fence,
                on_event=lambda event, receipt: self._take(_Input(event, receipt=receipt)),
                on_command=self._asks.carry_out,
                on_dead_letter=self._on_dead_letter,
                on_missing=self._on_missing,
                trouble=self._troubles.tell,
            )

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then record and publish what is left.

        Raises
        ------
        LeaseLost
            Nothing more may be recorded or sent from here.
        """
        self._troubles.end_those_before()
        if self._exchange is not None:
            for event in self._beginning:
                if isinstance(event, StreamDisconnected):  # lost until this life says that it is up
                    self._troubles.remember(event)
        self._tell_of_bundle()
        self._rebuild_wanted.set()
        work = {
            "lease": self._lease.keep(),
            "record": self._outbox.record_forever(),
            "publish": self._outbox.publish_forever(),
            "timers": self._fire_timers(),
            "cores": self._keep_cores(),
            "heartbeat": self._beat(),
            "stop": stopping.wait(),
        }
        if self._exchange is not None:
            work["exchange"] = self._hear(self._exchange)
        if self._reader is not None:
            work["streams"] = self._read(self._reader)
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

    def learn(self, event: Event) -> None:
        """Take in an event that every worker finds out for itself."""
        self._take(_Input(event))

    def _take(self, given: _Input) -> None:
        """Run an event through the local cores now and hand its effects to the outbox."""
        event = given.event
        self._beginning.learn(event)
        if given.tell:
            self._troubles.remember(event)
        if self._dispatcher is None:
            if not given.first:
                self._backlog.append(given)
            return
        correlated = CORRELATION.set(event.id)
        try:
            follows = self._dispatcher.cascade(event, self._clock.now())
        except ServiceFailed as error:
            self._on_failure(given, error)
            return
        finally:
            CORRELATION.reset(correlated)
        for wake in follows.wakes:
            self._timers.set(wake)
            self._timer_set.set()
        self._outbox.put(
            Batch(
                records=follows.records,
                commands=follows.commands,
                heard=(event,) if given.tell else (),
                events=follows.told,
                done=given.receipt.acknowledge if given.receipt is not None else None,
            )
        )
        if type(event) is BundleActivated:
            self._tell_of_bundle()

    # --- inputs ----------------------------------------------------------------------------------------------

    async def _fire_timers(self) -> None:
        while True:
            self._timer_set.clear()
            due = self._timers.next_due()
            wait_s = None if due is None else self._clock.seconds_until(due)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._timer_set.wait(), timeout=wait_s)
            self._take_timers()

    def _take_timers(self) -> None:
        while (timer := self._timers.pop_due(self._clock.now())) is not None:
            self._take(_Input(timer, first=timer.timer == START))

    async def _hear(self, exchange: ExchangePort) -> None:
        """Take in what the exchange brings; do not listen while there is no room for it.

        Whoever listens again is told that the streams are up, and asks for what was missed.
        """
        await self._built.wait()
        while True:
            hearing = asyncio.create_task(exchange.run(kept_apart(self.bring, self._outbox.put)))
            lacking = asyncio.create_task(self._room.lacking.wait())
            try:
                await asyncio.wait({hearing, lacking}, return_when=asyncio.FIRST_COMPLETED)
                if hearing.done():
                    hearing.result()
                    return
            finally:
                hearing.cancel()
                lacking.cancel()
                await asyncio.gather(hearing, lacking, return_exceptions=True)
            self._troubles.tell("runtime:room", "too much waits to be recorded or published")
            await self._room.there.wait()
            self._troubles.tell("runtime:room", None)

    async def _read(self, reader: StreamReader) -> None:
        try:
            while True:
                await self._built.wait()
                await self._room.there.wait()
                await reader.take()
                # Asking for more at once would only keep what was taken from being recorded.
                await self._outbox.flushed()
        finally:
            await reader.close()

    # --- trouble ---------------------------------------------------------------------------------------------

    def _on_failure(self, given: _Input, error: ServiceFailed) -> None:
        """A core raised: nothing of this event is carried out, and the cores are built anew."""
        event = given.event
        # A timer of a new life has another id.
        name = f"{event.service}:{event.timer}" if isinstance(event, TimerFired) else event.id
        attempts = self._failures[name] = self._failures.get(name, 0) + 1
        log.error(
            "a core failed",
            service=error.details["service"],
            event_id=event.id,
            attempt=attempts,
            exc_info=error.__cause__,
        )
        self._want_cores()
        if attempts >= ATTEMPTS_PER_EVENT:
            if self._beginning.give_up(event):
                self._tell_of_bundle()
            if not given.first or attempts == ATTEMPTS_PER_EVENT:
                self._give_up(given, error)
        elif not given.first:
            self._backlog.put_back(given)

    def _give_up(self, given: _Input, error: ServiceFailed) -> None:
        """Keep what cannot be handled as an alert; what came by stream, as a dead letter with one."""
        if given.receipt is not None:
            self._asks.begin(given.receipt.give_up(error.message))
            return
        self._outbox.put(
            alert(
                "given-up",
                given.event.id,
                self._clock.now(),
                cause=given.event.id,
                service=str(error.details["service"]),
                detail=error.message,
            )
        )

    def _tell_of_bundle(self) -> None:
        """Let the bundle before look after positions, without new risk, while the newest is unusable."""
        bad = self._beginning.unusable
        reason = None if bad is None else f"generation {bad.generation} cannot be used"
        self._troubles.tell("runtime:bundle", reason)

    def _on_refused(self, batch: Batch, error: ChimeraError) -> None:
        """The store refuses a batch: its record says something else, and the cores begin again with that.

        The router then asks the venue about every order it finds there, and about the account.
        """
        log.error("effects given up: the record refuses them", reason=error.message)
        about = f"{batch.records[0].collection}:{batch.records[0].key}:{batch.number}"
        self._outbox.put(
            alert("refused", about, self._clock.now(), service=self._worker, detail=error.message)
        )
        self._failures["record"] = self._failures.get("record", 0) + 1
        self._want_cores()
        self._troubles.tell("runtime:record", error.message)

    def _on_dead_letter(self, letter: DeadLetter) -> None:
        message = letter.message
        log.error(
            "dead letter", stream=message.stream, entry=message.entry_id, reason=letter.reason
        )
        about = f"{message.stream}:{message.entry_id}"
        detail = f"entry {message.entry_id} of {message.stream} was given up: {letter.reason}"
        self._outbox.put(
            alert("dead-letter", about, self._clock.now(), service=self._worker, detail=detail)
        )

    def _on_missing(self, gap: Gap) -> None:
        """Compare with the venue what lost messages may have told: as after a lost user stream."""
        now = self._clock.now()
        for connected in (False, True):
            self._take(
                _Input(
                    StreamDisconnected(
                        id=f"gap:{gap.stream}:{gap.producer}:{gap.epoch}:{gap.first}:{connected}",
                        ts_event=now,
                        ts_init=now,
                        stream=f"bus:{gap.stream}",
                        connected=connected,
                    )
                )
            )

    def _want_cores(self) -> None:
        self._dispatcher = None
        self._built.clear()
        self._rebuild_wanted.set()

    async def _keep_cores(self) -> None:
        """Build the cores, and build them anew whenever one raised or the record refused something."""
        while True:
            await self._rebuild_wanted.wait()
            self._rebuild_wanted.clear()
            if self._failures:
                attempt = min(max(self._failures.values()), len(RESTART_S))
                await asyncio.sleep(RESTART_S[attempt - 1])
            await self._outbox.flushed()
            await self._start_cores()
            await self._outbox.flushed()
            if not self._rebuild_wanted.is_set():  # all that was offered again has been dealt with
                self._failures.clear()
                self._troubles.tell("runtime:record", None)

    async def _start_cores(self) -> None:
        """Build the cores from the record and give them what they begin with, then what waited."""
        services = await until_done(
            "runtime:cores",
            lambda: self._outbox.in_store_thread(self._build),
            self._troubles.tell,
        )
        self._dispatcher = Dispatcher(services)
        for event in self._beginning:
            self._take(_Input(event, first=True))
        now = self._clock.now()
        for service in services:
            self._timers.set(Wake(service.name, START, now))
        self._timer_set.set()
        self._take_timers()
        while self._backlog and self._dispatcher is not None:
            self._take(self._backlog.pop())
        if self._dispatcher is not None:
            self._built.set()

    # --- life ------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Say for each service how it is, so that silence means death."""
        while True:
            now = self._clock.now()
            detail = self._troubles.detail
            state = ServiceState.DEGRADED if detail else ServiceState.OK
            if self._dispatcher is None:
                state, detail = ServiceState.ERROR, detail or "restarting"
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
            # What is in force is told again, for workers and pages that were not there when it began.
            self._outbox.put(Batch(events=[*beats, *self._troubles.present]))
            await asyncio.sleep(HEARTBEAT_S)

    async def _finish(self) -> None:
        """Let answers come in and effects go out, within a bound; the record tells the next life.

        Without the lease nothing more is recorded or told: another worker may be at it already.
        """
        with suppress(TimeoutError, Transient, LeaseLost):
            self._lease.require_held()
            async with asyncio.timeout(FINISH_S):
                await self._asks.answered()
                await self._outbox.drain()
                if self._reader is not None:
                    await self._reader.flush()
        self._asks.cancel()
        self._outbox.close()


def _thin(given: _Input, conflation: Conflation) -> bool:
    return given.receipt is not None or conflation.keeps(given.event)
