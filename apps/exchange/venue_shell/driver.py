"""The venue's heartbeat: advances the feeds by the scaled clock, the venue's timers, and the streams."""

import asyncio
import logging
import time
from collections.abc import Iterator

from apps.exchange.core.venue.actions import Action
from apps.exchange.venue_shell.host import FeedPosition, Host
from chimera.clock import Millis

log = logging.getLogger(__name__)

TICK_S = 0.02  # the longest sleep: streams are flushed at least this often
SLICE_S = 0.01  # the longest stretch of feed work before clients get their turn
ADVANCE_S = 0.1  # between two looks at the venue's timers, which feed and requests look at too

Feed = Iterator[tuple[Millis, Action]]


class Driver:
    """Plays a merged, time-ordered feed into a host.

    Parameters
    ----------
    end : time of the feed's last action, or None for a feed that never ends
    """

    def __init__(self, host: Host, feed: Feed, *, end: Millis | None) -> None:
        self._host = host
        self._feed = feed
        self._next = next(feed, None)
        origin = host.clock.origin
        first = self._next[0] if self._next else None
        host.feed = FeedPosition(origin, end, min(origin, first or origin), first)
        self._advanced = 0.0

    async def run(self) -> None:
        """Play until cancelled; when the feed ends the market idles and the venue keeps serving."""
        host = self._host
        while True:
            busy = self._play_slice()
            self._advance()
            host.publish()
            wall = host.wall_now()
            host.market_hub.flush(wall)
            host.user_hub.expire(wall)
            await asyncio.sleep(0 if busy else self._pause_s())

    def _play_slice(self) -> bool:
        """Apply what is due; tell whether the slice ended before the work did."""
        host, position = self._host, self._host.feed
        deadline = time.perf_counter() + SLICE_S
        now = host.clock.now()
        while self._next is not None and self._next[0] <= now:
            at, action = self._next
            host.venue.apply(action, max(at, position.at))
            position.at = max(at, position.at)
            position.actions += 1
            self._next = next(self._feed, None)
            position.next_at = self._next[0] if self._next else None
            if self._next is None:
                log.info("the feed has ended at %d; the market idles", position.at)
            if time.perf_counter() > deadline:
                return True
        return False

    def _advance(self) -> None:
        now = time.monotonic()
        if now - self._advanced >= ADVANCE_S:
            self._advanced = now
            self._host.venue.advance(self._host.now())

    def _pause_s(self) -> float:
        if self._next is None:
            return TICK_S
        return min(TICK_S, max(0.001, self._host.clock.seconds_until(self._next[0])))
