"""A read-only watcher of Redis streams. Made by `RedisBus.tail`, used by the console."""

import asyncio
from collections.abc import Mapping, Sequence

from chimera.bus.backoff import Backoff, BackoffPolicy
from chimera.bus.connection import RedisLink
from chimera.bus.interface import Message
from chimera.bus.shards import ShardedReads
from chimera.bus.wire import read_entries
from chimera.errors import Transient

_BLOCK_MS = 1_000
_COUNT = 500  # entries per stream and read


class RedisTail:
    """See `chimera.bus.interface.Tail`."""

    def __init__(
        self,
        link: RedisLink,
        streams: Sequence[str],
        last_ids: Mapping[str, str] | None,
        *,
        backoff: BackoffPolicy,
    ) -> None:
        self._link = link
        self._last_ids = dict(last_ids or {})
        self._backoff = Backoff(backoff)
        self._reads = ShardedReads(link.by_slot(streams), self._read)

    @property
    def last_ids(self) -> Mapping[str, str]:
        return self._last_ids

    async def fetch(self) -> list[Message]:
        return await self._reads.next(_BLOCK_MS / 1_000)

    async def close(self) -> None:
        await self._reads.close()

    async def _read(self, streams: tuple[str, ...]) -> list[Message]:
        try:
            messages = await self._read_after_last(streams)
        except Transient:
            await asyncio.sleep(self._backoff.next_s())
            raise
        self._backoff.reset()
        return messages

    async def _read_after_last(self, streams: tuple[str, ...]) -> list[Message]:
        for stream in streams:
            if stream not in self._last_ids:
                # Redis's own "$" would lose what arrives between two reads.
                newest = await self._link.execute(stream, "XREVRANGE", stream, "+", "-", "COUNT", 1)
                self._last_ids[stream] = newest[0][0].decode() if newest else "0"
        reply = await self._link.execute(
            streams[0],
            *("XREAD", "COUNT", _COUNT, "BLOCK", _BLOCK_MS, "STREAMS"),
            *streams,
            *[self._last_ids[stream] for stream in streams],
        )
        messages: list[Message] = []
        for name, entries in reply or ():
            stream = name.decode()
            messages += read_entries(stream, entries)
            self._last_ids[stream] = messages[-1].entry_id
        return messages
