"""A whole venue at one instant: what a start begins with, and what a journal's snapshot holds.

What belongs to connections is not part of it: sockets, listen keys and rate limits begin anew.
"""

import pickle
from dataclasses import dataclass

from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.feeds.merge import Lookahead
from apps.exchange.venue_shell.host import FeedPosition, Host
from chimera.clock import SECOND, Millis, ScaledClock
from chimera.errors import InvalidInput

# Of an outage the market lives through this much and is caught up with, so that whoever shares the
# clock stays right; for the rest of it time stands still.
MISSED_MAX = 60 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`seen` is the wall's time then; `reports` counts the execution reports numbered so far."""

    venue: Venue
    feed: Lookahead
    position: FeedPosition
    clock: ScaledClock
    seen: Millis
    reports: int = 0

    @classmethod
    def of(cls, host: Host, feed: Lookahead) -> "Snapshot":
        return cls(
            venue=host.venue,
            feed=feed,
            position=host.feed,
            clock=host.clock,
            seen=host.wall.now(),
            reports=host.user_hub.reports,
        )

    @classmethod
    def load(cls, content: bytes) -> "Snapshot":
        """Read what `dump` wrote; raise `InvalidInput` if it cannot be read."""
        try:
            snapshot = pickle.loads(content)  # noqa: S301 - our own file, of the same build
        except Exception as e:  # unpickling raises anything
            raise InvalidInput(f"--state: the snapshot cannot be read: {e}") from e
        assert isinstance(snapshot, cls)
        return snapshot

    def dump(self) -> bytes:
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)

    def clock_from(self, seen: Millis, now: Millis, speed: float) -> ScaledClock:
        """Return the clock of a venue last `seen` alive then that starts again `now` (wall, ms)."""
        stood_ns = max(0, now - seen - MISSED_MAX) * 1_000_000
        clock = ScaledClock(
            origin=self.clock.origin,
            speed=self.clock.speed,
            anchor_ns=self.clock.anchor_ns + stood_ns,
        )
        return clock if speed == clock.speed else ScaledClock(origin=clock.now(), speed=speed)
