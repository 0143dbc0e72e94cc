import asyncio

import pytest

from chimera.bus import Message
from chimera.bus.shards import ShardedReads
from chimera.errors import Unavailable

PATIENCE_S = 5.0


def message(stream: str) -> Message:
    return Message(stream, "1-0", b"", "tests", 1, 1)


async def test_next_while_one_shard_fails_hands_over_the_others_and_then_raises() -> None:
    async def read(shard: str) -> list[Message]:
        if shard == "broken":
            raise Unavailable("gone")
        return [message(shard)]

    reads = ShardedReads(["broken", "sound"], read)

    assert await reads.next(PATIENCE_S) == [message("sound")]
    with pytest.raises(Unavailable):
        await reads.next(PATIENCE_S)
    await reads.close()


async def test_next_while_others_are_busy_reads_a_failed_shard_again() -> None:
    attempts = 0

    async def read(shard: str) -> list[Message]:
        nonlocal attempts
        if shard == "healing":
            attempts += 1
            if attempts < 3:
                raise Unavailable("not yet")
        return [message(shard)]

    reads = ShardedReads(["healing", "busy"], read)
    streams = set()
    for _ in range(10):
        try:
            streams.update(found.stream for found in await reads.next(PATIENCE_S))
        except Unavailable:
            continue

    assert streams == {"healing", "busy"}
    await reads.close()


async def test_next_cancelled_keeps_the_read_under_way() -> None:
    arrived = asyncio.Event()

    async def read(shard: str) -> list[Message]:
        await arrived.wait()
        return [message(shard)]

    reads = ShardedReads(["only"], read)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reads.next(PATIENCE_S), timeout=0.01)
    arrived.set()

    assert await reads.next(PATIENCE_S) == [message("only")]
    await reads.close()


async def test_next_of_idle_shards_returns_nothing_at_its_end() -> None:
    async def read(shard: str) -> list[Message]:
        await asyncio.sleep(0.005)
        return []

    reads = ShardedReads(["a", "b"], read)

    assert await reads.next(0.02) == []
    await reads.close()
