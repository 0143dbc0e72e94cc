"""What a bus is: the values it carries and the protocols that Redis and memory both fulfil.

Payloads are opaque bytes. Delivery is at least once and in order within one stream, except for what
is delivered again. Times here are real milliseconds: transport does not follow a simulated clock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from chimera.bus.gaps import Gap

BLOCK_MS_MAX = 3_000  # below the socket timeout of a connection


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A payload and the stream it goes to."""

    stream: str
    payload: bytes


class Message(msgspec.Struct, frozen=True, gc=False):
    """One stream entry. `sequence` counts from 1 per (producer, epoch, stream)."""

    stream: str
    entry_id: str
    payload: bytes
    producer: str
    epoch: int  # grows each time the producer starts
    sequence: int
    deliveries: int = 1  # this delivery included


class Batch(msgspec.Struct, frozen=True):
    """What one fetch brought, and what the producers' sequences say is amiss; both may be empty."""

    messages: tuple[Message, ...]
    gaps: tuple[Gap, ...] = ()


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that was given up: never delivered again, kept for people to look at."""

    message: Message
    group: str
    consumer: str
    reason: str


class StartFrom(StrEnum):
    """Where a group that does not exist yet begins. One that was lost begins at the oldest entry."""

    OLDEST = "0"
    NEWEST = "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumeOptions:
    """How a subscription reads."""

    batch: int = 200  # entries per stream and read
    block_ms: int = 1_000
    claim_idle_ms: int = 30_000  # an entry unacknowledged this long is delivered again, to anyone
    max_deliveries: int = 5
    start: StartFrom = StartFrom.OLDEST
    track_gaps: bool = True  # off where several consumers share the streams: each sees only a part

    def __post_init__(self) -> None:
        if min(self.batch, self.block_ms, self.claim_idle_ms, self.max_deliveries) < 1:
            raise ValueError(f"all of a subscription's bounds must be at least 1: {self}")
        if self.block_ms > BLOCK_MS_MAX:
            raise ValueError(f"block_ms must be at most {BLOCK_MS_MAX}, got {self.block_ms}")


OnDeadLetter = Callable[[DeadLetter], None]  # must not raise


class Subscription(Protocol):
    """One consumer of a group over several streams. Used by one task at a time."""

    async def fetch(self) -> Batch:
        """Return the next messages, or an empty batch after `block_ms` without any.

        What this consumer left unacknowledged in an earlier life comes first. Cancelling a fetch
        loses nothing.

        Raises
        ------
        Unavailable
            Redis cannot be reached. Raised after a growing pause, so call again at once: the
            subscription heals itself, and delivers again what was not acknowledged.
        """
        ...

    async def ack(self, messages: Sequence[Message]) -> None:
        """Acknowledge handled messages: they are never delivered again."""
        ...

    async def reject(self, message: Message, reason: str) -> None:
        """Give a message up at once, such as one that cannot be decoded: it becomes a dead letter."""
        ...

    async def close(self) -> None:
        """Stop reading. What was not acknowledged stays pending."""
        ...


class Tail(Protocol):
    """A watcher's view of several streams: no group, nothing acknowledged, nothing changed."""

    @property
    def last_ids(self) -> Mapping[str, str]:
        """The entry reached in each stream, from which another tail can go on."""
        ...

    async def fetch(self) -> list[Message]:
        """Return what came since, or an empty list after a second; raises as a subscription's."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """One producer's door to the streams."""

    async def publish(self, messages: Sequence[Outgoing]) -> list[str]:
        """Append messages in order and return their entry ids.

        Raises
        ------
        Unavailable
            After bounded retries. Any of the messages may or may not have been appended; a later
            publish of the same facts shows as another sequence, so consumers deduplicate by event id.
        """
        ...

    def consume(
        self,
        streams: Sequence[str],
        group: str,
        consumer: str,
        *,
        options: ConsumeOptions | None = None,
        on_dead_letter: OnDeadLetter | None = None,
    ) -> Subscription:
        """Join `group` as `consumer`, a name that stays the same when the worker restarts."""
        ...

    def tail(self, streams: Sequence[str], last_ids: Mapping[str, str] | None = None) -> Tail:
        """Watch streams, each from after its entry in `last_ids`, else from its present end."""
        ...

    async def latest(self, stream: str, count: int = 1) -> list[Message]:
        """Return up to `count` entries, newest first."""
        ...

    async def dead_letters(self, stream: str, count: int = 100) -> list[DeadLetter]:
        """Return up to `count` dead letters of whatever shares the stream's hash tag, newest first."""
        ...

    async def ping(self) -> None:
        """Return when Redis answers (in a cluster: every primary); raise `Unavailable` otherwise."""
        ...

    async def close(self) -> None:
        """Release connections. Subscriptions and tails of this bus are closed by their owners."""
        ...
