"""Carries effects out for the live runtime, in two stages that overlap.

1. Record: all batches that wait are written in one transaction; then their asks leave.
2. Publish: what was recorded goes to the streams in one pipeline; then the inputs are acknowledged.

A failing store or bus holds its stage up until it is back; nothing is skipped and nothing overtakes. What
the store refuses for good is given up alone: its asks never leave, and the batches around it go on.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog

from chimera.bus import Bus, Outgoing
from chimera.errors import ChimeraError, Conflict, InvalidInput
from chimera.events import encode, stream_of
from chimera.events.base import Command, Event
from chimera.events.orders import Purpose, SubmitOrder
from chimera.runtime.queues import UNTOUCHED, BoundedQueue, Conflation, Room
from chimera.runtime.retry import Trouble, until_done
from chimera.store.interface import WRITE_BATCH_MAX, Store, Write

log = structlog.get_logger(__name__)

STALE_AFTER_S = 2.0  # an entry that could not be recorded for so long is not sent any more
BATCH_MAX = UNTOUCHED

Result = TypeVar("Result")
Done = Callable[[], None]


@dataclass(slots=True)
class Batch:
    """The effects of one input, and what to do when they have all been carried out."""

    records: Sequence[Write] = ()
    commands: Sequence[Command] = ()
    heard: Sequence[Event] = ()  # facts from outside: told even if the record refuses the effects
    events: Sequence[Event] = ()
    done: Done | None = None
    taken_at: float = field(default_factory=time.monotonic)
    number: int = 0  # in the order of coming

    @property
    def is_empty(self) -> bool:
        return not (self.records or self.commands or self.heard or self.events or self.done)


Refused = Callable[[Batch, ChimeraError], None]


class Outbox:
    """The two stages of one session; effects leave in the order in which `put` took them in."""

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        room: Room,
        execute: Callable[[Command], None],
        require_held: Callable[[], None],
        trouble: Trouble,
        refused: Refused,
        stream_of: Callable[[Event], str] = stream_of,
    ) -> None:
        """Prepare the two stages.

        Parameters
        ----------
        room : where it is said that more waits than may
        require_held : raises `LeaseLost` when this worker may neither write nor send any more
        refused : hears of a batch that the store refuses for good
        stream_of : names the stream that carries an event
        """
        self._store = store
        self._bus = bus
        self._execute = execute
        self._require_held = require_held
        self._trouble = trouble
        self._refused = refused
        self._stream_of = stream_of
        self._to_record: BoundedQueue[Batch] = BoundedQueue("to record", room, _thin)
        self._to_publish: BoundedQueue[Batch] = BoundedQueue("to publish", room, _thin)
        self._record_wanted = asyncio.Event()
        self._publish_wanted = asyncio.Event()
        self._put = 0  # how many batches there ever were
        self._recorded = 0  # the number of the last that was recorded
        self._left = asyncio.Event()  # set when some have been recorded
        # Django refuses its database inside a running loop, and one writer needs no locks.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def put(self, batch: Batch) -> None:
        if batch.is_empty:
            return
        self._put = batch.number = self._put + 1
        self._to_record.append(batch)
        self._record_wanted.set()

    async def in_store_thread(self, call: Callable[[], Result]) -> Result:
        """Run `call` where the store's connection lives."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def flushed(self) -> None:
        """Wait until everything put so far has been recorded and its asks have left."""
        seen = self._put
        while self._to_record and self._recorded < seen:
            self._left.clear()
            await self._left.wait()

    async def record_forever(self) -> None:
        while True:
            await self._record_wanted.wait()
            self._record_wanted.clear()
            while self._to_record:
                await self._record(self._oldest())

    async def publish_forever(self) -> None:
        while True:
            await self._publish_wanted.wait()
            self._publish_wanted.clear()
            while self._to_publish:
                await self._publish(self._to_publish.oldest(BATCH_MAX))

    async def drain(self) -> None:
        """Record and publish what is left when the runtime stops."""
        while self._to_record:
            await self._record(self._oldest())
        while self._to_publish:
            await self._publish(self._to_publish.oldest(BATCH_MAX))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    # --- record ----------------------------------------------------------------------------------------------

    def _oldest(self) -> list[Batch]:
        """Return the batches that wait longest, as many as the store takes at once."""
        batches: list[Batch] = []
        writes = 0
        for batch in self._to_record.oldest(BATCH_MAX):
            writes += len(batch.records)
            if batches and writes > WRITE_BATCH_MAX:
                break
            batches.append(batch)
        return batches

    async def _record(self, batches: Sequence[Batch]) -> None:
        self._require_held()
        refused: dict[int, ChimeraError] = {}
        try:
            await self._write([record for batch in batches for record in batch.records])
        except (Conflict, InvalidInput):
            refused = await self._write_apart(batches)
        self._require_held()  # the write may have taken longer than the lease lasts
        # From here on nothing waits: a batch leaves the queue and its asks leave together.
        now = time.monotonic()
        for batch in batches:
            self._to_record.pop()
            error = refused.get(batch.number)
            if error is not None:
                batch.events = ()
                self._refused(batch, error)
            else:
                late = now - batch.taken_at > STALE_AFTER_S
                for command in batch.commands:
                    self._leave(command, late=late)
            batch.records = batch.commands = ()
            if not batch.is_empty:
                self._to_publish.append(batch)
        self._recorded = batches[-1].number
        self._publish_wanted.set()
        self._left.set()

    async def _write(self, writes: Sequence[Write]) -> None:
        if not writes or self._written_at_once(writes):
            return
        write = partial(self._store.write, writes)
        await until_done("runtime:store", lambda: self.in_store_thread(write), self._trouble)

    async def _write_apart(self, batches: Sequence[Batch]) -> dict[int, ChimeraError]:
        """Write each batch by itself, and return by number those that cannot be written."""
        refused: dict[int, ChimeraError] = {}
        for batch in batches:
            try:
                await self._write(batch.records)
            except (Conflict, InvalidInput) as error:
                refused[batch.number] = error
        return refused

    def _written_at_once(self, writes: Sequence[Write]) -> bool:
        """Write what need not be durable right here, if the store can without waiting."""
        return not any(write.durable for write in writes) and self._store.write_at_once(writes)

    def _leave(self, command: Command, *, late: bool) -> None:
        """Let a recorded command go; an entry that waited too long stays, and is found not placed."""
        if late and isinstance(command, SubmitOrder) and command.purpose is Purpose.ENTRY:
            log.warning(
                "entry not sent: recording took too long", client_order_id=command.client_order_id
            )
            return
        self._execute(command)

    # --- publish ---------------------------------------------------------------------------------------------

    async def _publish(self, waiting: Sequence[Batch]) -> None:
        messages = [
            Outgoing(self._stream_of(event), encode(event))
            for batch in waiting
            for event in (*batch.heard, *batch.events)
        ]
        if messages:
            await until_done("runtime:bus", lambda: self._bus.publish(messages), self._trouble)
        for batch in waiting:
            self._to_publish.pop()
            if batch.done is not None:
                batch.done()


def _thin(batch: Batch, conflation: Conflation) -> bool:
    batch.events = [event for event in reversed(batch.events) if conflation.keeps(event)][::-1]
    batch.heard = [event for event in reversed(batch.heard) if conflation.keeps(event)][::-1]
    return not batch.is_empty
