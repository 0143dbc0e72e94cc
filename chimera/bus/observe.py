"""Checks the sequences of what was fetched: the end of every subscription's fetch."""

from collections.abc import Sequence

from chimera.bus.gaps import Gap, GapTracker
from chimera.bus.interface import Batch, Message


def observe_batch(messages: Sequence[Message], tracker: GapTracker | None) -> Batch:
    """Make the batch of `messages`, with gaps where a tracker is given."""
    if tracker is None:
        return Batch(tuple(messages))
    gaps: list[Gap] = []
    for message in messages:
        gaps += tracker.observe(
            message.stream,
            message.producer,
            message.epoch,
            message.sequence,
            redelivered=message.deliveries > 1,
        )
    return Batch(tuple(messages), tuple(gaps))
