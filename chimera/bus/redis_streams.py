"""The bus on Redis Streams, a single node or a cluster. Made by `chimera.bus.open_bus`."""

import asyncio
from collections.abc import Mapping, Sequence

from chimera.bus.backoff import BackoffPolicy
from chimera.bus.connection import RedisLink, with_retries
from chimera.bus.interface import (
    ConsumeOptions,
    DeadLetter,
    Message,
    OnDeadLetter,
    Outgoing,
    Subscription,
    Tail,
)
from chimera.bus.redis_subscription import RedisSubscription
from chimera.bus.redis_tail import RedisTail
from chimera.bus.streams import dead_letters
from chimera.bus.wire import add_command, producer_label, read_dead_letter, read_entries

_PIPELINE_MAX = 1_000  # messages in one trip


class RedisBus:
    """See `chimera.bus.interface.Bus`.

    Parameters
    ----------
    producer, epoch : under which this bus publishes; the epoch grows at each start of the producer
    """

    def __init__(
        self, link: RedisLink, *, producer: str, epoch: int, backoff: BackoffPolicy | None = None
    ) -> None:
        self._link = link
        self._label = producer_label(producer, epoch)
        self._policy = backoff or BackoffPolicy()
        self._sequences: dict[str, int] = {}
        self._publishing = asyncio.Lock()  # two trips under way could arrive in either order

    async def publish(self, messages: Sequence[Outgoing]) -> list[str]:
        ids: list[str] = []
        async with self._publishing:
            for start in range(0, len(messages), _PIPELINE_MAX):
                ids += await self._publish_page(messages[start : start + _PIPELINE_MAX])
        return ids

    def consume(
        self,
        streams: Sequence[str],
        group: str,
        consumer: str,
        *,
        options: ConsumeOptions | None = None,
        on_dead_letter: OnDeadLetter | None = None,
    ) -> Subscription:
        return RedisSubscription(
            self._link,
            streams,
            group,
            consumer,
            options=options or ConsumeOptions(),
            backoff=self._policy,
            on_dead_letter=on_dead_letter,
        )

    def tail(self, streams: Sequence[str], last_ids: Mapping[str, str] | None = None) -> Tail:
        return RedisTail(self._link, streams, last_ids, backoff=self._policy)

    async def latest(self, stream: str, count: int = 1) -> list[Message]:
        entries = await self._link.execute(stream, "XREVRANGE", stream, "+", "-", "COUNT", count)
        return list(read_entries(stream, entries))

    async def dead_letters(self, stream: str, count: int = 100) -> list[DeadLetter]:
        grave = dead_letters(stream)
        entries = await self._link.execute(grave, "XREVRANGE", grave, "+", "-", "COUNT", count)
        return [read_dead_letter(entry) for entry in entries]

    async def ping(self) -> None:
        await self._link.ping()

    async def close(self) -> None:
        await self._link.close()

    async def _publish_page(self, messages: Sequence[Outgoing]) -> list[str]:
        """Number and append one page; each node's part is retried by itself, under the same numbers."""
        numbered = [
            (at, message, self._next(message.stream)) for at, message in enumerate(messages)
        ]
        nodes = await with_retries(
            lambda: self._link.by_node({message.stream for message in messages}), self._policy
        )
        ids = [""] * len(messages)

        async def publish_part(streams: set[str]) -> None:
            part = [item for item in numbered if item[1].stream in streams]
            commands = [
                add_command(message.stream, self._label, sequence, message.payload)
                for _, message, sequence in part
            ]
            replies = await with_retries(lambda: self._link.pipeline(commands), self._policy)
            for (at, _, _), entry_id in zip(part, replies, strict=True):
                ids[at] = entry_id.decode()

        if len(nodes) == 1:
            await publish_part({message.stream for message in messages})
            return ids
        results = await asyncio.gather(
            *(publish_part(set(streams)) for streams in nodes.values()), return_exceptions=True
        )
        for result in results:
            if result is not None:
                raise result
        return ids

    def _next(self, stream: str) -> int:
        self._sequences[stream] = sequence = self._sequences.get(stream, 0) + 1
        return sequence
