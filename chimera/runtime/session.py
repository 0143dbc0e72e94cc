"""One life of a worker under its lease: what comes in, what runs beside it, and how it ends.

Inputs are the local exchange's events, other workers' messages, and timers. They run through the cores
(`cores.py`), and what follows from them is recorded and told by the outbox (`outbox.py`).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from chimera.bus import Bus, DeadLetter, Gap
from chimera.clock import Clock
from chimera.errors import InvariantBroken, LeaseLost, Transient
from chimera.events.base import Event
from chimera.events.health import (
    ServiceReported,
    ServiceState,
    StreamDisconnected,
)
from chimera.locks import Fence, Tenure
from chimera.runtime.alerts import alert, kept_apart
from chimera.runtime.asks import Asks
from chimera.runtime.beginning import Beginning
from chimera.runtime.consumer import StreamConsumer
from chimera.runtime.contract import ExchangePort, Service
from chimera.runtime.cores import Cores, Input
from chimera.runtime.halts import Halts
from chimera.runtime.outbox import Batch, Outbox
from chimera.runtime.queues import Room
from chimera.store.interface import Store

log = structlog.get_logger(__name__)

HEARTBEAT_S = 2.0
FINISH_S = 5.0


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
        self._names = tuple(names)
        self._worker = "+".join(names)
        self._clock = clock
        self._exchange = exchange
        self._beginning = beginning
        self._halts = Halts(self._worker, clock, self.bring)
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
            trouble=self._halts.tell,
            refused=lambda batch, error: self._cores.on_refused(batch, error),
            stream_of=stream_of,
        )
        self._cores = Cores(
            build,
            worker=self._worker,
            clock=clock,
            beginning=beginning,
            outbox=self._outbox,
            room=self._room,
            halts=self._halts,
            beside=self._asks.begin,
        )
        self._consumer: StreamConsumer | None = None
        if streams:
            self._consumer = StreamConsumer(
                bus,
                streams,
                self._worker,
                fence=fence,
                on_event=lambda event, receipt: self._cores.take(Input(event, receipt=receipt)),
                on_command=self._asks.carry_out,
                on_dead_letter=self._on_dead_letter,
                on_missing=self._on_missing,
                trouble=self._halts.tell,
            )

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then record and publish what is left.

        Raises
        ------
        LeaseLost
            Nothing more may be recorded or sent from here.
        """
        self._halts.end_those_before()
        if self._exchange is not None:
            for event in self._beginning:
                if isinstance(event, StreamDisconnected):  # lost until this life says that it is up
                    self._halts.remember(event)
        self._cores.tell_of_bundle()
        work = {
            "lease": self._lease.keep(),
            "record": self._outbox.record_forever(),
            "publish": self._outbox.publish_forever(),
            "timers": self._cores.fire_timers(),
            "cores": self._cores.keep(),
            "heartbeat": self._beat(),
            "stop": stopping.wait(),
        }
        if self._exchange is not None:
            work["exchange"] = self._hear(self._exchange)
        if self._consumer is not None:
            work["streams"] = self._read(self._consumer)
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
        self._cores.take(Input(event, tell=True))

    def learn(self, event: Event) -> None:
        """Take in an event that every worker finds out for itself."""
        self._cores.take(Input(event))

    # --- inputs ----------------------------------------------------------------------------------------------

    async def _hear(self, exchange: ExchangePort) -> None:
        """Take in what the exchange brings; do not listen while there is no room for it.

        Whoever listens again is told that the streams are up, and asks for what was missed.
        """
        await self._cores.built.wait()
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
            self._halts.tell("runtime:room", "too much waits to be recorded or published")
            await self._room.there.wait()
            self._halts.tell("runtime:room", None)

    async def _read(self, consumer: StreamConsumer) -> None:
        try:
            while True:
                await self._cores.built.wait()
                await self._room.there.wait()
                await consumer.take()
                # Asking for more at once would only keep what was taken from being recorded.
                await self._outbox.flushed()
        finally:
            await consumer.close()

    # --- trouble ---------------------------------------------------------------------------------------------

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
            self._cores.take(
                Input(
                    StreamDisconnected(
                        id=f"gap:{gap.stream}:{gap.producer}:{gap.epoch}:{gap.first}:{connected}",
                        ts_event=now,
                        ts_init=now,
                        stream=f"bus:{gap.stream}",
                        connected=connected,
                    )
                )
            )

    # --- life ------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Say for each service how it is, so that silence means death."""
        while True:
            now = self._clock.now()
            detail = self._halts.detail
            state = ServiceState.DEGRADED if detail else ServiceState.OK
            if not self._cores.are_there:
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
            self._outbox.put(Batch(events=[*beats, *self._halts.present]))
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
                if self._consumer is not None:
                    await self._consumer.flush()
        self._asks.cancel()
        self._outbox.close()
