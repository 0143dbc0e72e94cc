"""Carries effects out for the live runtime, in stages that overlap.

1. Record: all batches that wait are written in one transaction; then their asks leave.
2. Publish: what was recorded goes to the streams in one pipeline; then the inputs are acknowledged.

A failing store or bus holds its stage up until it is back; nothing is skipped and nothing overtakes. What
the store refuses for good is given up alone: its asks never leave, and the batches around it go on.

What waits for the store too long is kept in the journal instead, on this machine's own disk. That makes it
durable, so what takes no new risk leaves on it: a stop does not wait for a store that is away, an entry
does. The store is still given everything, in the same order, and only then are the events published.
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
from chimera.runtime.journal import Journal
from chimera.runtime.patience import Trouble, until_done
from chimera.runtime.waiting import UNTOUCHED, Conflation, Room, Waiting
from chimera.store.interface import WRITE_BATCH_MAX, Store, Write, WriteConflict

log = structlog.get_logger(__name__)

STALE_AFTER_S = 2.0  # an entry that could not be recorded for so long is not sent any more
KEPT_AFTER_S = 0.5  # how long a batch waits for the store before the journal keeps it
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
    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        bus: Bus,
        room: Room,
        execute: Callable[[Command], None],
        require_held: Callable[[], None],
        trouble: Trouble,
        refused: Refused,
    ) -> None:
        """Prepare the stages.

        Parameters
        ----------
        room : where it is said that more waits than may
        require_held : raises `LeaseLost` when this worker may neither write nor send any more
        refused : hears of a batch that the store refuses for good
        """
        self._store = store
        self._journal = journal
        self._bus = bus
        self._execute = execute
        self._require_held = require_held
        self._trouble = trouble
        self._refused = refused
        self._to_record: Waiting[Batch] = Waiting("to record", room, _thin)
        self._to_publish: Waiting[Batch] = Waiting("to publish", room, _thin)
        self._record_wanted = asyncio.Event()
        self._keep_wanted = asyncio.Event()
        self._publish_wanted = asyncio.Event()
        self._put = 0  # how many batches there ever were
        self._recorded = 0  # the number of the last that was recorded
        self._kept = 0  # the number of the last that lies in the journal, 0 when that is empty
        self._left = asyncio.Event()  # set when some have been recorded or kept
        self._taken_up = asyncio.Event()  # set when what an earlier life kept has been recorded
        # Django refuses its database inside a running loop, and one writer needs no locks.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def put(self, batch: Batch) -> None:
        if batch.is_empty:
            return
        self._put = batch.number = self._put + 1
        self._to_record.append(batch)
        self._record_wanted.set()
        self._keep_wanted.set()

    def tell(self, *events: Event) -> None:
        """Publish what needs no record, ahead of all that waits for one."""
        self._to_publish.append(Batch(events=events))
        self._publish_wanted.set()

    async def in_store_thread(self, call: Callable[[], Result]) -> Result:
        """Run `call` where the store's connection lives."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def flushed(self) -> None:
        """Wait until everything put so far has been recorded and its asks have left."""
        seen = self._put
        await self._taken_up.wait()
        while self._to_record and self._recorded < seen:
            self._left.clear()
            await self._left.wait()

    async def durable(self) -> None:
        """Wait until everything put so far has been recorded, or is kept until it can be."""
        seen = self._put
        while self._to_record and max(self._recorded, self._kept) < seen:
            self._left.clear()
            await self._left.wait()

    async def record_forever(self) -> None:
        await self._take_up()
        while True:
            await self._record_wanted.wait()
            self._record_wanted.clear()
            while self._to_record:
                await self._record(self._oldest())

    async def keep_forever(self) -> None:
        """Look after what the store does not take in time."""
        await self._taken_up.wait()
        while True:
            self._keep_wanted.clear()
            await self._forget_recorded()
            safe = max(self._recorded, self._kept)
            waiting = [b for b in self._to_record.oldest(len(self._to_record)) if b.number > safe]
            if not waiting:
                await self._keep_wanted.wait()
                continue
            # Once the store is known to be away, nothing waits for it before it is kept.
            patience_s = 0.0 if self._kept else KEPT_AFTER_S
            wait_s = waiting[0].taken_at + patience_s - time.monotonic()
            if wait_s > 0.0:
                await asyncio.sleep(wait_s)
            else:
                await self._keep(waiting)

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
        await self._forget_recorded()
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
        self._keep_wanted.set()
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
        if late and _is_entry(command):
            log.warning("entry not sent: recording took too long", command=command.id)
            return
        self._execute(command)

    # --- keep ------------------------------------------------------------------------------------------------

    async def _take_up(self) -> None:
        """Record what an earlier life kept, before anything new."""
        kept = await until_done("runtime:journal", self._journal.kept, self._trouble)
        for _, writes in kept:
            try:
                await self._write_unless_newer(writes)
            except (Conflict, InvalidInput) as error:
                self._refused(Batch(records=writes), error)
        if kept:
            last = max(number for number, _ in kept)
            await until_done("runtime:journal", partial(self._journal.forget, last), self._trouble)
            log.warning("recorded what an earlier life kept in the journal", batches=len(kept))
        self._taken_up.set()

    async def _write_unless_newer(self, writes: Sequence[Write]) -> None:
        """Write what of `writes` the store is not ahead of: it may have had them before."""
        try:
            await self._write(writes)
        except WriteConflict as conflict:
            newer = {
                (failure.document, failure.revision)
                for failure in conflict.failures
                if failure.stored_revision > failure.revision
            }
            if not newer:
                raise
            await self._write_unless_newer(
                [w for w in writes if (f"{w.collection}/{w.key}", w.revision) not in newer]
            )

    async def _keep(self, waiting: Sequence[Batch]) -> None:
        """Keep batches in the journal; then what of their asks takes no new risk leaves."""
        self._require_held()
        keep = partial(self._journal.keep, [(b.number, b.records) for b in waiting if b.records])
        await until_done("runtime:journal", keep, self._trouble)
        self._require_held()
        if not self._kept:
            log.warning("the store does not answer in time: the journal keeps what waits")
        for batch in waiting:
            if batch.number > self._recorded:  # the asks of the others have left
                for command in batch.commands:
                    if not _is_entry(command):
                        self._execute(command)
                batch.commands = [command for command in batch.commands if _is_entry(command)]
        self._kept = waiting[-1].number
        self._left.set()

    async def _forget_recorded(self) -> None:
        """Empty the journal when the store has everything in it."""
        if self._kept and self._recorded >= self._kept:
            forget = partial(self._journal.forget, self._kept)
            await until_done("runtime:journal", forget, self._trouble)
            log.info("the store has what the journal kept")
            self._kept = 0

    # --- publish ---------------------------------------------------------------------------------------------

    async def _publish(self, waiting: Sequence[Batch]) -> None:
        messages = [
            Outgoing(stream_of(event), encode(event))
            for batch in waiting
            for event in (*batch.heard, *batch.events)
        ]
        if messages:
            await until_done("runtime:bus", lambda: self._bus.publish(messages), self._trouble)
        for batch in waiting:
            self._to_publish.pop()
            if batch.done is not None:
                batch.done()


def _is_entry(command: Command) -> bool:
    return isinstance(command, SubmitOrder) and command.purpose is Purpose.ENTRY


def _thin(batch: Batch, conflation: Conflation) -> bool:
    batch.events = [event for event in reversed(batch.events) if conflation.keeps(event)][::-1]
    batch.heard = [event for event in reversed(batch.heard) if conflation.keeps(event)][::-1]
    return not batch.is_empty
