"""Counts a fetch and checks its sequences: the end of every subscription's fetch."""

from collections.abc import Sequence

from chimera.bus.gaps import Gap, GapTracker
from chimera.bus.interface import Batch, Message, SubscriptionStats


def observe_batch(
    messages: Sequence[Message], tracker: GapTracker | None, stats: SubscriptionStats
) -> Batch:
    """Make the batch of `messages`, with gaps where a tracker is given."""
    gaps: list[Gap] = []
    stats.delivered += len(messages)
    for message in messages:
        redelivered = message.deliveries > 1
        stats.redelivered += redelivered
        if tracker is not None:
            gaps += tracker.observe(
                message.stream,
                message.producer,
                message.epoch,
                message.sequence,
                redelivered=redelivered,
            )
    return Batch(tuple(messages), tuple(gaps))
