"""One consumer of a Redis consumer group: reads, heals, claims, gives up. Made by `RedisBus.consume`.

Each shard (the streams of one slot) goes through these phases:

1. joining: its groups are created where they are missing;
2. recovering: what this consumer has pending is read again, page by page;
3. live: new entries are read; at times, what has been pending too long with anybody is claimed.

An outage leads back to 2, because a reply may have been lost on its way; a lost group back to 1.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import structlog

from chimera.bus.backoff import Backoff, BackoffPolicy
from chimera.bus.connection import GROUP_MISSING, Command, RedisLink, with_retries
from chimera.bus.gaps import GapTracker
from chimera.bus.interface import (
    Batch,
    ConsumeOptions,
    DeadLetter,
    Message,
    OnDeadLetter,
    StartFrom,
)
from chimera.bus.observe import observe_batch
from chimera.bus.shards import ShardedReads
from chimera.bus.streams import dead_letters, max_length
from chimera.bus.wire import RawEntry, dead_letter_fields, read_entries
from chimera.errors import Conflict, Transient

log = structlog.get_logger(__name__)

# Only whoever acknowledges the entry may bury it, so that two claimants make one dead letter.
_BURY = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
return 1
"""


class _Phase(Enum):
    JOINING = auto()
    RECOVERING = auto()
    LIVE = auto()


@dataclass(slots=True)
class _Shard:
    streams: tuple[str, ...]
    start: StartFrom
    backoff: Backoff
    phase: _Phase = _Phase.JOINING
    cursors: dict[str, str] = field(default_factory=dict)
    claim_at: float = 0.0  # loop time

    def rejoin(self) -> None:
        """Begin again with groups that were lost; whatever is in their streams now is new."""
        self.phase, self.start = _Phase.JOINING, StartFrom.OLDEST

    def recover(self) -> None:
        self.cursors = dict.fromkeys(self.streams, "0")
        if self.phase is _Phase.LIVE:
            self.phase = _Phase.RECOVERING


class RedisSubscription:
    """See `chimera.bus.interface.Subscription`."""

    def __init__(
        self,
        link: RedisLink,
        streams: Sequence[str],
        group: str,
        consumer: str,
        *,
        options: ConsumeOptions,
        backoff: BackoffPolicy,
        on_dead_letter: OnDeadLetter | None,
    ) -> None:
        self._link = link
        self._group = group
        self._consumer = consumer
        self._options = options
        self._policy = backoff
        self._on_dead_letter = on_dead_letter
        self._tracker = GapTracker() if options.track_gaps else None
        self._shards = [
            _Shard(names, options.start, Backoff(backoff)) for names in link.by_slot(streams)
        ]
        self._reads = ShardedReads(self._shards, self._read)

    async def fetch(self) -> Batch:
        messages = await self._reads.next(self._options.block_ms / 1_000)
        return observe_batch(messages, self._tracker)

    async def ack(self, messages: Sequence[Message]) -> None:
        ids: dict[str, list[str]] = {}
        for message in messages:
            ids.setdefault(message.stream, []).append(message.entry_id)
        commands: list[Command] = [
            ("XACK", stream, self._group, *entry_ids) for stream, entry_ids in ids.items()
        ]
        if commands:
            await with_retries(lambda: self._link.pipeline(commands), self._policy)

    async def reject(self, message: Message, reason: str) -> None:
        await with_retries(lambda: self._bury(message, self._consumer, reason), self._policy)

    async def close(self) -> None:
        await self._reads.close()

    async def _read(self, shard: _Shard) -> list[Message]:
        try:
            messages = await self._step(shard)
        except Transient as error:
            if error.code == GROUP_MISSING:
                shard.rejoin()
                return []
            shard.recover()
            await asyncio.sleep(shard.backoff.next_s())
            raise
        shard.backoff.reset()
        return messages

    async def _step(self, shard: _Shard) -> list[Message]:
        if shard.phase is _Phase.JOINING:
            await self._join(shard)
        if shard.phase is _Phase.RECOVERING:
            messages = await self._read_own_pending(shard)
            if messages:
                return messages
            shard.phase = _Phase.LIVE
        now = asyncio.get_running_loop().time()
        if now >= shard.claim_at:
            messages = await self._claim_idle(shard)
            if messages:
                return messages
            shard.claim_at = now + self._options.claim_idle_ms / 2_000
        return await self._read_new(shard, until_claim_ms=int((shard.claim_at - now) * 1_000))

    async def _join(self, shard: _Shard) -> None:
        for stream in shard.streams:
            try:
                await self._link.execute(
                    stream,
                    *("XGROUP CREATE", stream, self._group, shard.start.value, "MKSTREAM"),
                )
            except Conflict:
                continue  # made by another consumer or in an earlier life
        shard.phase = _Phase.RECOVERING
        shard.cursors = dict.fromkeys(shard.streams, "0")

    async def _read_own_pending(self, shard: _Shard) -> list[Message]:
        """Read one page of what is pending with this consumer; empty when there is no more."""
        while True:
            found = await self._xreadgroup(shard, shard.cursors, block_ms=None)
            messages: list[Message] = []
            for stream, entries in found.items():
                if entries:
                    shard.cursors[stream] = entries[-1][0].decode()
                    messages += await self._redelivered(stream, entries)
            if messages or not any(found.values()):
                return messages

    async def _redelivered(self, stream: str, entries: Sequence[RawEntry]) -> list[Message]:
        """Give entries read again their delivery counts, and bury those delivered too often."""
        rows = await self._link.execute(
            stream,
            *("XPENDING", stream, self._group, entries[0][0], entries[-1][0], len(entries)),
            self._consumer,
        )
        counts = {row[0]: row[3] for row in rows}
        trimmed = [entry_id for entry_id, fields in entries if fields is None]
        if trimmed:
            await self._drop_trimmed(stream, trimmed)
        messages: list[Message] = []
        for entry in entries:
            if entry[1] is not None:
                # An entry without a count was acknowledged meanwhile: deliver it, late but harmless.
                messages += read_entries(stream, [entry], counts.get(entry[0], 2))
        return await self._keep_deliverable(messages, self._consumer)

    async def _claim_idle(self, shard: _Shard) -> list[Message]:
        """Take over what has been pending too long, whoever has it, this consumer included."""
        idle_ms, count = self._options.claim_idle_ms, self._options.batch
        found = await self._link.pipeline(
            [
                ("XPENDING", stream, self._group, "IDLE", idle_ms, "-", "+", count)
                for stream in shard.streams
            ]
        )
        messages: list[Message] = []
        for stream, rows in zip(shard.streams, found, strict=True):
            if rows:
                messages += await self._claim(stream, rows)
        return messages

    async def _claim(self, stream: str, rows: Sequence[Any]) -> list[Message]:
        holders = {entry_id: holder.decode() for entry_id, holder, _, _ in rows}
        counts = {entry_id: deliveries + 1 for entry_id, _, _, deliveries in rows}
        # The idle time makes one of several claimants win; the others get nothing for these ids.
        claimed = await self._link.execute(
            stream,
            *("XCLAIM", stream, self._group, self._consumer, self._options.claim_idle_ms),
            *holders,
        )
        messages: list[Message] = []
        for entry in claimed:
            # Redis 6 answers null for what was trimmed; it is buried or dropped when read again.
            if entry is not None and entry[1] is not None:
                mine = list(read_entries(stream, [entry], counts[entry[0]]))
                messages += await self._keep_deliverable(mine, holders[entry[0]])
        return messages

    async def _keep_deliverable(self, messages: list[Message], holder: str) -> list[Message]:
        """Return the messages that may be delivered once more; bury the others."""
        limit = self._options.max_deliveries
        for message in messages:
            if message.deliveries > limit:
                await self._bury(message, holder, f"not acknowledged in {limit} deliveries")
        return [message for message in messages if message.deliveries <= limit]

    async def _bury(self, message: Message, holder: str, reason: str) -> None:
        letter = DeadLetter(message=message, group=self._group, consumer=holder, reason=reason)
        grave = dead_letters(message.stream)
        buried = await self._link.execute(
            message.stream,
            *("EVAL", _BURY, 2, message.stream, grave),
            *(self._group, message.entry_id, max_length(grave)),
            *dead_letter_fields(letter),
        )
        if buried and self._on_dead_letter is not None:
            self._on_dead_letter(letter)

    async def _drop_trimmed(self, stream: str, entry_ids: Sequence[bytes]) -> None:
        """Forget pending entries that the stream's bound removed."""
        log.error("entries were lost before they were handled", stream=stream, count=len(entry_ids))
        await self._link.execute(stream, "XACK", stream, self._group, *entry_ids)

    async def _read_new(self, shard: _Shard, *, until_claim_ms: int) -> list[Message]:
        block_ms = max(1, min(self._options.block_ms, until_claim_ms))
        found = await self._xreadgroup(shard, dict.fromkeys(shard.streams, ">"), block_ms=block_ms)
        return [
            message
            for stream, entries in found.items()
            for message in read_entries(stream, entries)
        ]

    async def _xreadgroup(
        self, shard: _Shard, positions: dict[str, str], *, block_ms: int | None
    ) -> dict[str, Sequence[RawEntry]]:
        blocking = () if block_ms is None else ("BLOCK", block_ms)
        reply = await self._link.execute(
            shard.streams[0],
            *("XREADGROUP", "GROUP", self._group, self._consumer),
            *("COUNT", self._options.batch, *blocking),
            *("STREAMS", *positions, *positions.values()),
        )
        return {stream.decode(): entries for stream, entries in reply or ()}
