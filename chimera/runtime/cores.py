"""The cores of one worker: events cascade through them, and they are built anew when one of them fails.

1. An event runs through all cores at once, and what follows goes to the outbox.
2. A core that raises takes no effect with it: new risk stops, the cores are built again from the record,
   and the event is offered again. What fails again and again is given up as an alert, or a dead letter.
3. Effects that the record refuses are given up alike: whatever the cores believed of it, they learn anew.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from chimera.clock import Clock
from chimera.correlation import CORRELATION
from chimera.errors import ChimeraError
from chimera.events import BundleActivated
from chimera.events.base import Event
from chimera.events.health import TimerFired
from chimera.runtime.alerts import alert
from chimera.runtime.beginning import Beginning
from chimera.runtime.consumer import Receipt
from chimera.runtime.contract import START, Service, Wake
from chimera.runtime.dispatch import Dispatcher, ServiceFailed
from chimera.runtime.halts import Halts
from chimera.runtime.outbox import Batch, Outbox
from chimera.runtime.queues import BoundedQueue, Conflation, Room
from chimera.runtime.retry import until_done
from chimera.runtime.timers import Timers

log = structlog.get_logger(__name__)

ATTEMPTS_PER_EVENT = 3
RESTART_S = (0.2, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Input:
    """An event on its way into the cores."""

    event: Event
    tell: bool = False  # whether it began here, and the other workers are to be told
    receipt: Receipt | None = None
    first: bool = False  # whether cores are given it at each start anyway


class Cores:
    """Whatever comes while there are no cores waits for them.

    Parameters
    ----------
    build : makes the cores, restored from the record; called where the store's connection lives
    worker : the name that alerts are raised under
    beside : does work beside everything else, until the session ends
    """

    def __init__(
        self,
        build: Callable[[], Sequence[Service]],
        *,
        worker: str,
        clock: Clock,
        beginning: Beginning,
        outbox: Outbox,
        room: Room,
        halts: Halts,
        beside: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._build = build
        self._worker = worker
        self._clock = clock
        self._beginning = beginning
        self._outbox = outbox
        self._halts = halts
        self._beside = beside
        self.built = asyncio.Event()  # set while inputs may come
        self._dispatcher: Dispatcher | None = None
        self._timers = Timers()
        self._timer_set = asyncio.Event()
        self._backlog: BoundedQueue[Input] = BoundedQueue("to handle", room, _thin)
        self._failures: dict[str, int] = {}  # of inputs that are offered again
        self._rebuild_wanted = asyncio.Event()
        self._rebuild_wanted.set()

    @property
    def are_there(self) -> bool:
        return self._dispatcher is not None

    def take(self, given: Input) -> None:
        """Run an event through the local cores now and hand its effects to the outbox."""
        event = given.event
        self._beginning.learn(event)
        if given.tell:
            self._halts.remember(event)
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
            self.tell_of_bundle()

    async def fire_timers(self) -> None:
        while True:
            self._timer_set.clear()
            due = self._timers.next_due()
            wait_s = None if due is None else self._clock.seconds_until(due)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._timer_set.wait(), timeout=wait_s)
            self._take_timers()

    def _take_timers(self) -> None:
        while (timer := self._timers.pop_due(self._clock.now())) is not None:
            self.take(Input(timer, first=timer.timer == START))

    async def keep(self) -> None:
        """Build the cores, and build them anew whenever one raised or the record refused something."""
        while True:
            await self._rebuild_wanted.wait()
            self._rebuild_wanted.clear()
            if self._failures:
                attempt = min(max(self._failures.values()), len(RESTART_S))
                await asyncio.sleep(RESTART_S[attempt - 1])
            await self._outbox.flushed()
            await self._start()
            await self._outbox.flushed()
            if not self._rebuild_wanted.is_set():  # all that was offered again has been dealt with
                self._failures.clear()
                self._halts.tell("runtime:record", None)

    async def _start(self) -> None:
        """Build the cores from the record and give them what they begin with, then what waited."""
        services = await until_done(
            "runtime:cores",
            lambda: self._outbox.in_store_thread(self._build),
            self._halts.tell,
        )
        self._dispatcher = Dispatcher(services)
        for event in self._beginning:
            self.take(Input(event, first=True))
        now = self._clock.now()
        for service in services:
            self._timers.set(Wake(service.name, START, now))
        self._timer_set.set()
        self._take_timers()
        while self._backlog and self._dispatcher is not None:
            self.take(self._backlog.pop())
        if self._dispatcher is not None:
            self.built.set()

    # --- trouble ---------------------------------------------------------------------------------------------

    def on_refused(self, batch: Batch, error: ChimeraError) -> None:
        """The store refuses a batch: its record says something else, and the cores begin again with that.

        The router then asks the venue about every order it finds there, and about the account.
        """
        log.error("effects given up: the record refuses them", reason=error.message)
        about = f"{batch.records[0].collection}:{batch.records[0].key}:{batch.number}"
        self._outbox.put(
            alert("refused", about, self._clock.now(), service=self._worker, detail=error.message)
        )
        self._failures["record"] = self._failures.get("record", 0) + 1
        self._rebuild()
        self._halts.tell("runtime:record", error.message)

    def _on_failure(self, given: Input, error: ServiceFailed) -> None:
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
        self._rebuild()
        if attempts >= ATTEMPTS_PER_EVENT:
            if self._beginning.give_up(event):
                self.tell_of_bundle()
            if not given.first or attempts == ATTEMPTS_PER_EVENT:
                self._give_up(given, error)
        elif not given.first:
            self._backlog.put_back(given)

    def _give_up(self, given: Input, error: ServiceFailed) -> None:
        """Keep what cannot be handled as an alert; what came by stream, as a dead letter with one."""
        if given.receipt is not None:
            self._beside(given.receipt.give_up(error.message))
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

    def tell_of_bundle(self) -> None:
        """Let the bundle before look after positions, without new risk, while the newest is unusable."""
        bad = self._beginning.unusable
        reason = None if bad is None else f"generation {bad.generation} cannot be used"
        self._halts.tell("runtime:bundle", reason)

    def _rebuild(self) -> None:
        self._dispatcher = None
        self.built.clear()
        self._rebuild_wanted.set()


def _thin(given: Input, conflation: Conflation) -> bool:
    return given.receipt is not None or conflation.keeps(given.event)
