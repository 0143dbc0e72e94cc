"""Carries effects out for the live runtime, in two stages that overlap.

1. Record: all batches that wait are written in one transaction; then their asks leave.
2. Publish: what was recorded goes to the streams in one pipeline; then the inputs are acknowledged.

A failing store or bus holds its stage up until it is back; nothing is skipped and nothing overtakes.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import structlog

from chimera.bus import Bus, Outgoing
from chimera.errors import Unavailable
from chimera.events import encode, stream_of
from chimera.events.base import Command, Event
from chimera.events.orders import Purpose, SubmitOrder
from chimera.store.interface import WRITE_BATCH_MAX, Store, Write

log = structlog.get_logger(__name__)

STALE_AFTER_S = 2.0  # an entry that could not be recorded for so long is not sent any more
RETRY_S = (0.1, 0.2, 0.5, 1.0)
BATCH_MAX = 500

Trouble = Callable[[str, str | None], None]  # source, and what is wrong or None when it is over
Result = TypeVar("Result")
Done = Callable[[], None]


@dataclass(slots=True)
class Batch:
    """The effects of one input, and what to do when they have all been carried out."""

    records: Sequence[Write] = ()
    commands: Sequence[Command] = ()
    events: Sequence[Event] = ()
    done: Done | None = None
    taken_at: float = field(default_factory=time.monotonic)


class Outbox:
    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        execute: Callable[[Command], None],
        trouble: Trouble,
    ) -> None:
        self._store = store
        self._bus = bus
        self._execute = execute
        self._trouble = trouble
        self._to_record: deque[Batch] = deque()
        self._to_publish: deque[tuple[Sequence[Event], Done | None]] = deque()
        self._record_wanted = asyncio.Event()
        self._publish_wanted = asyncio.Event()
        self._put = 0  # how many batches there ever were
        self._left = asyncio.Event()  # set when some have been recorded
        # Django refuses its database inside a running loop, and one writer needs no locks.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def put(self, batch: Batch) -> None:
        if not (batch.records or batch.commands or batch.events or batch.done):
            return
        self._to_record.append(batch)
        self._put += 1
        self._record_wanted.set()

    async def in_store_thread(self, call: Callable[[], Result]) -> Result:
        """Run `call` where the store's connection lives."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def flushed(self) -> None:
        """Wait until everything put so far has been recorded and its asks have left."""
        seen = self._put
        while self._put - len(self._to_record) < seen:
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
                await self._publish(list(islice(self._to_publish, BATCH_MAX)))

    async def drain(self) -> None:
        """Record and publish what is left, once, when the runtime stops."""
        while self._to_record:
            await self._record(self._oldest())
        if self._to_publish:
            await self._publish(list(self._to_publish))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _oldest(self) -> list[Batch]:
        """Return the batches that wait longest, as many as the store takes at once."""
        batches: list[Batch] = []
        writes = 0
        for batch in islice(self._to_record, BATCH_MAX):
            writes += len(batch.records)
            if batches and writes > WRITE_BATCH_MAX:
                break
            batches.append(batch)
        return batches

    async def _record(self, batches: Sequence[Batch]) -> None:
        writes = [record for batch in batches for record in batch.records]
        if writes and not self._written_at_once(writes):
            await self._until_available(
                "runtime:store", lambda: self.in_store_thread(lambda: self._store.write(writes))
            )
        # From here on nothing waits: a batch leaves the queue and its asks leave together.
        now = time.monotonic()
        for batch in batches:
            self._to_record.popleft()
            late = now - batch.taken_at > STALE_AFTER_S
            for command in batch.commands:
                self._leave(command, late=late)
            if batch.events or batch.done is not None:
                self._to_publish.append((batch.events, batch.done))
        self._publish_wanted.set()
        self._left.set()

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

    async def _publish(self, waiting: Sequence[tuple[Sequence[Event], Done | None]]) -> None:
        messages = [
            Outgoing(stream_of(event), encode(event)) for events, _ in waiting for event in events
        ]
        if messages:
            await self._until_available("runtime:bus", lambda: self._bus.publish(messages))
        for _, done in waiting:
            self._to_publish.popleft()
            if done is not None:
                done()

    async def _until_available(self, source: str, call: Callable[[], Awaitable[object]]) -> None:
        failures = 0
        while True:
            try:
                await call()
            except Unavailable as error:
                if failures == 0:
                    self._trouble(source, error.message)
                    log.warning("holding effects back", source=source, reason=error.message)
                await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
                continue
            if failures:
                self._trouble(source, None)
                log.info("effects flow again", source=source, after_failures=failures)
            return
