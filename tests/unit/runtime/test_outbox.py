"""Which way records take to the store, and that nothing overtakes them."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence

import pytest

from chimera.bus import Bus, MemoryBroker, MemoryBus
from chimera.events import TradingHalted, decode
from chimera.events.base import Command
from chimera.runtime.contract import Record
from chimera.runtime.outbox import Batch, Outbox
from chimera.runtime.queues import Room
from chimera.store.interface import Store, Write
from chimera.store.memory import MemoryStore

HALT = TradingHalted(id="halt", ts_event=1, ts_init=1, source="test", reason="test")


class TwoWays(MemoryStore):
    """Says which way each document came in; the quick one can be closed."""

    def __init__(self, *, quick: bool) -> None:
        super().__init__()
        self.quick = quick
        self.ways: list[tuple[str, str]] = []

    def write(self, batch: Sequence[Write]) -> int:
        self.ways += [("ordinary", write.key) for write in batch]
        return super().write(batch)

    def write_at_once(self, batch: Sequence[Write]) -> bool:
        if self.quick:
            self.ways += [("at once", write.key) for write in batch]
            super().write(batch)
        return self.quick


def kept(key: str, *, durable: bool) -> Record:
    return Record("alerts", key, HALT, "", 1, durable=durable)


def outbox_of(store: Store, bus: Bus, execute: Callable[[Command], None] = print) -> Outbox:
    """Return an outbox of a worker that holds its lease."""
    return Outbox(
        store=store,
        bus=bus,
        room=Room(),
        execute=execute,
        require_held=lambda: None,
        trouble=print,
        refused=print,
    )


async def carried_out(store: TwoWays, *batches: Batch) -> list[str]:
    """Put `batches` one after the other and return the ids of what was published."""
    bus = MemoryBus(MemoryBroker(), producer="test", epoch=1)
    tail = bus.tail(["health:events"], {"health:events": "0"})
    seen: list[str] = []

    def refuse(command: Command) -> None:
        raise AssertionError(f"{command} was not asked for")

    outbox = outbox_of(store, bus, refuse)
    tasks = [
        asyncio.create_task(outbox.record_forever()),
        asyncio.create_task(outbox.publish_forever()),
    ]
    try:
        for batch in batches:
            outbox.put(batch)
            await outbox.flushed()
        while len(seen) < len(batches):
            seen += [decode(message.payload).id for message in await tail.fetch()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        outbox.close()
        await tail.close()
    return seen


def test_flushed_waits_for_what_was_put_before_and_not_for_what_comes_after() -> None:
    class Slow(MemoryStore):
        def write(self, batch: Sequence[Write]) -> int:
            time.sleep(0.01)
            return super().write(batch)

    async def keep_putting(outbox: Outbox) -> None:
        for number in itertools.count():
            outbox.put(Batch(records=[kept(f"k{number}", durable=True)]))
            await asyncio.sleep(0.004)

    async def flush_meanwhile() -> None:
        bus = MemoryBus(MemoryBroker(), producer="test", epoch=1)
        outbox = outbox_of(Slow(), bus)
        tasks = [
            asyncio.create_task(outbox.record_forever()),
            asyncio.create_task(keep_putting(outbox)),
        ]
        try:
            for _ in range(5):
                await asyncio.wait_for(outbox.flushed(), timeout=5)
                await asyncio.sleep(0.02)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            outbox.close()

    asyncio.run(flush_meanwhile())


def test_batches_that_are_too_many_for_the_store_are_written_one_after_the_other() -> None:
    sizes: list[int] = []

    class Counting(MemoryStore):
        def write(self, batch: Sequence[Write]) -> int:
            sizes.append(len(batch))
            return super().write(batch)

    async def drain() -> None:
        bus = MemoryBus(MemoryBroker(), producer="test", epoch=1)
        outbox = outbox_of(Counting(), bus)
        for number in range(3):
            keys = [f"b{number}-{n}" for n in range(4_000)]
            outbox.put(Batch(records=[kept(key, durable=True) for key in keys]))
        await outbox.drain()
        outbox.close()

    asyncio.run(drain())
    assert sizes == [8_000, 4_000]


@pytest.mark.parametrize("quick", [True, False])
def test_what_need_not_be_durable_is_written_at_once_where_that_works(quick: bool) -> None:
    store = TwoWays(quick=quick)
    published = asyncio.run(
        carried_out(
            store,
            Batch(records=[kept("a", durable=False)], events=[HALT]),
            Batch(records=[kept("b", durable=False), kept("c", durable=True)], events=[HALT]),
        )
    )
    assert store.ways == [
        ("at once" if quick else "ordinary", "a"),
        ("ordinary", "b"),
        ("ordinary", "c"),
    ]
    assert published == ["halt", "halt"]
