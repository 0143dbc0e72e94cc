"""The bus in one process's memory, with the same contract as Redis: for tests and single-process runs.

Nothing survives the process and nothing is ever unavailable. All of it runs in one event loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from msgspec.structs import replace

from chimera.bus.gaps import GapTracker
from chimera.bus.interface import (
    Batch,
    ConsumeOptions,
    DeadLetter,
    Message,
    OnDeadLetter,
    Outgoing,
    StartFrom,
    Subscription,
    Tail,
)
from chimera.bus.observe import observe_batch
from chimera.bus.streams import dead_letters, max_length

log = structlog.get_logger(__name__)

_TRIM_SLACK = 100  # like Redis, trim by whole nodes of entries
_TAIL_BLOCK_MS = 1_000
_TAIL_COUNT = 500


@dataclass(slots=True)
class _Pending:
    consumer: str
    delivered_ms: float
    deliveries: int


@dataclass(slots=True)
class _Group:
    next_number: int
    pending: dict[int, _Pending] = field(default_factory=dict)  # by entry number


class _Stream:
    """Entries are numbered from 1; the number is the first half of the entry id."""

    def __init__(self, name: str) -> None:
        self.bound = max_length(name)
        self.entries: list[Message] = []
        self.first = 1  # number of entries[0]
        self.groups: dict[str, _Group] = {}

    @property
    def end(self) -> int:
        return self.first + len(self.entries)

    def append(self, message: Message) -> str:
        entry_id = f"{self.end}-0"
        self.entries.append(replace(message, entry_id=entry_id))
        if len(self.entries) > self.bound + _TRIM_SLACK:
            excess = len(self.entries) - self.bound
            del self.entries[:excess]
            self.first += excess
        return entry_id

    def get(self, number: int) -> Message | None:
        return self.entries[number - self.first] if self.first <= number < self.end else None

    def since(self, number: int, count: int) -> list[Message]:
        at = max(number - self.first, 0)
        return self.entries[at : at + count]


class MemoryBroker:
    """The streams that several `MemoryBus`es share."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._letters: dict[str, deque[DeadLetter]] = {}
        self._arrival = asyncio.Event()

    def stream(self, name: str) -> _Stream:
        return self._streams.setdefault(name, _Stream(name))

    def append(self, message: Message) -> str:
        return self.stream(message.stream).append(message)

    def bury(self, letter: DeadLetter) -> None:
        grave = dead_letters(letter.message.stream)
        self._letters.setdefault(grave, deque(maxlen=max_length(grave))).append(letter)
        self.append(replace(letter.message, stream=grave, deliveries=1))

    def letters(self, stream: str, count: int) -> list[DeadLetter]:
        newest_first = reversed(self._letters.get(dead_letters(stream), ()))
        return [letter for letter, _ in zip(newest_first, range(count), strict=False)]

    def clear(self) -> None:
        """Lose everything, groups included, as a flushed Redis does."""
        self._streams.clear()
        self._letters.clear()

    def announce(self) -> None:
        """Wake all who wait for an arrival."""
        self._arrival.set()
        self._arrival = asyncio.Event()

    async def arrival(self, timeout_s: float) -> None:
        """Return when something was published, or after `timeout_s`."""
        try:
            await asyncio.wait_for(self._arrival.wait(), timeout_s)
        except TimeoutError:
            return


class MemoryBus:
    """See `chimera.bus.interface.Bus`."""

    def __init__(self, broker: MemoryBroker, *, producer: str, epoch: int) -> None:
        self._broker = broker
        self._producer = producer
        self._epoch = epoch
        self._sequences: dict[str, int] = {}

    async def publish(self, messages: Sequence[Outgoing]) -> list[str]:
        ids = [self._append(outgoing) for outgoing in messages]
        self._broker.announce()
        await asyncio.sleep(0)  # consumers get their turn, as they do while a socket is waited for
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
        return MemorySubscription(
            self._broker,
            streams,
            group,
            consumer,
            options=options or ConsumeOptions(),
            on_dead_letter=on_dead_letter,
        )

    def tail(self, streams: Sequence[str], last_ids: Mapping[str, str] | None = None) -> Tail:
        return MemoryTail(self._broker, streams, last_ids)

    async def latest(self, stream: str, count: int = 1) -> list[Message]:
        return self._broker.stream(stream).entries[: -count - 1 : -1]

    async def dead_letters(self, stream: str, count: int = 100) -> list[DeadLetter]:
        return self._broker.letters(stream, count)

    async def ping(self) -> None:
        return

    async def close(self) -> None:
        return

    def _append(self, outgoing: Outgoing) -> str:
        stream = outgoing.stream
        self._sequences[stream] = sequence = self._sequences.get(stream, 0) + 1
        return self._broker.append(
            Message(stream, "", outgoing.payload, self._producer, self._epoch, sequence)
        )


class MemorySubscription:
    """See `chimera.bus.interface.Subscription`."""

    def __init__(
        self,
        broker: MemoryBroker,
        streams: Sequence[str],
        group: str,
        consumer: str,
        *,
        options: ConsumeOptions,
        on_dead_letter: OnDeadLetter | None,
    ) -> None:
        self._broker = broker
        self._streams = tuple(streams)
        self._group = group
        self._consumer = consumer
        self._options = options
        self._on_dead_letter = on_dead_letter
        self._tracker = GapTracker() if options.track_gaps else None
        self._joined: set[str] = set()
        self._recovered: dict[str, int] = {}  # number up to which own pending was read again
        self._recovering = True

    async def fetch(self) -> Batch:
        deadline_ms = _now_ms() + self._options.block_ms
        while not (messages := self._take()) and (left_ms := deadline_ms - _now_ms()) > 0:
            wait_ms = min(left_ms, self._options.claim_idle_ms / 2)
            await self._broker.arrival(wait_ms / 1_000)
        return observe_batch(messages, self._tracker)

    async def ack(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._in_group(message.stream).pending.pop(_number(message.entry_id), None)

    async def reject(self, message: Message, reason: str) -> None:
        self._bury(message, self._consumer, reason)

    async def close(self) -> None:
        return

    def _take(self) -> list[Message]:
        for stream in self._streams:
            self._in_group(stream)
        if self._recovering:
            messages = [m for stream in self._streams for m in self._own_pending(stream)]
            if messages:
                return messages
            self._recovering = False
        messages = [m for stream in self._streams for m in self._claim_idle(stream)]
        return messages or [m for stream in self._streams for m in self._read_new(stream)]

    def _in_group(self, stream: str) -> _Group:
        entries = self._broker.stream(stream)
        group = entries.groups.get(self._group)
        if group is None:
            lost = stream in self._joined
            newest = self._options.start is StartFrom.NEWEST and not lost
            group = entries.groups[self._group] = _Group(entries.end if newest else 1)
        self._joined.add(stream)
        return group

    def _own_pending(self, stream: str) -> Iterator[Message]:
        done = self._recovered.get(stream, 0)
        pending = self._in_group(stream).pending
        numbers = sorted(n for n, p in pending.items() if n > done and p.consumer == self._consumer)
        for number in numbers[: self._options.batch]:
            self._recovered[stream] = number
            yield from self._deliver_again(stream, number)

    def _claim_idle(self, stream: str) -> Iterator[Message]:
        before_ms = _now_ms() - self._options.claim_idle_ms
        pending = self._in_group(stream).pending
        numbers = sorted(n for n, p in pending.items() if p.delivered_ms <= before_ms)
        for number in numbers[: self._options.batch]:
            yield from self._deliver_again(stream, number)

    def _deliver_again(self, stream: str, number: int) -> Iterator[Message]:
        pending = self._in_group(stream).pending
        known, message = pending[number], self._broker.stream(stream).get(number)
        if message is None:
            del pending[number]
            log.error("entries were lost before they were handled", stream=stream, count=1)
            return
        message = replace(message, deliveries=known.deliveries + 1)
        if message.deliveries > self._options.max_deliveries:
            limit = self._options.max_deliveries
            self._bury(message, known.consumer, f"not acknowledged in {limit} deliveries")
            return
        pending[number] = _Pending(self._consumer, _now_ms(), message.deliveries)
        yield message

    def _read_new(self, stream: str) -> list[Message]:
        group = self._in_group(stream)
        messages = self._broker.stream(stream).since(group.next_number, self._options.batch)
        now_ms = _now_ms()
        for message in messages:
            group.pending[_number(message.entry_id)] = _Pending(self._consumer, now_ms, 1)
        if messages:
            group.next_number = _number(messages[-1].entry_id) + 1
        return messages

    def _bury(self, message: Message, holder: str, reason: str) -> None:
        number = _number(message.entry_id)
        if self._in_group(message.stream).pending.pop(number, None) is None:
            return
        letter = DeadLetter(message=message, group=self._group, consumer=holder, reason=reason)
        self._broker.bury(letter)
        if self._on_dead_letter is not None:
            self._on_dead_letter(letter)


class MemoryTail:
    """See `chimera.bus.interface.Tail`."""

    def __init__(
        self, broker: MemoryBroker, streams: Sequence[str], last_ids: Mapping[str, str] | None
    ) -> None:
        self._broker = broker
        self._streams = tuple(streams)
        self._last_ids = dict(last_ids or {})

    @property
    def last_ids(self) -> Mapping[str, str]:
        return self._last_ids

    async def fetch(self) -> list[Message]:
        messages = self._take()
        if not messages:
            await self._broker.arrival(_TAIL_BLOCK_MS / 1_000)
            messages = self._take()
        return messages

    async def close(self) -> None:
        return

    def _take(self) -> list[Message]:
        taken: list[Message] = []
        for name in self._streams:
            stream = self._broker.stream(name)
            last_id = self._last_ids.setdefault(name, f"{stream.end - 1}-0")
            messages = stream.since(_number(last_id) + 1, _TAIL_COUNT)
            if messages:
                self._last_ids[name] = messages[-1].entry_id
            taken += messages
        return taken


def _number(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def _now_ms() -> float:
    return time.monotonic() * 1_000
