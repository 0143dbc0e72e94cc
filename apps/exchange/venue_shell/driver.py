"""The venue's heartbeat: advances the feeds by the scaled clock, the venue's timers, and the streams."""

import asyncio
import logging
import time

from apps.exchange.core.venue.feeds.merge import Lookahead
from apps.exchange.venue_shell.host import FeedPosition, Host
from apps.exchange.venue_shell.journal import Advanced, Played
from apps.exchange.venue_shell.snapshot import Snapshot

log = logging.getLogger(__name__)

TICK_S = 0.02  # the longest sleep: streams are flushed at least this often
SLICE_S = 0.01  # the longest stretch of feed work before clients get their turn
ADVANCE_S = 0.1  # between two looks at the venue's timers, which feed and requests look at too


class Driver:
    """Plays a merged, time-ordered feed into a host, from `position` on."""

    def __init__(self, host: Host, feed: Lookahead, position: FeedPosition) -> None:
        self._host = host
        self._feed = feed
        host.feed = position
        self._advanced = 0.0

    async def run(self) -> None:
        """Play until cancelled; when the feed ends the market idles and the venue keeps serving."""
        while True:
            busy = self.beat()
            await asyncio.sleep(0 if busy else self._pause_s())

    def beat(self) -> bool:
        """Do and tell what is due; tell whether there is more."""
        host = self._host
        busy = self._play_slice()
        self._advance()
        host.publish()
        wall = host.wall_now()
        host.market_hub.flush(wall)
        host.user_hub.expire(wall)
        host.cut_old_sockets(wall)
        if host.journal is not None and host.journal.is_long:
            self.save()
        return busy

    def play(self, actions: int) -> None:
        """Apply so many actions, whatever the time."""
        for _ in range(actions):
            self._play()

    def save(self) -> None:
        """Put a snapshot in the place of the journal, if the host keeps one."""
        if self._host.journal is not None:
            self._host.journal.begin(Snapshot.of(self._host, self._feed).dump())

    def _play_slice(self) -> bool:
        """Apply what is due; tell whether the slice ended before the work did."""
        position, feed = self._host.feed, self._feed
        deadline = time.perf_counter() + SLICE_S
        now = self._host.clock.now()
        before, late = position.actions, False
        while feed.upcoming is not None and feed.upcoming[0] <= now and not late:
            self._play()
            if feed.upcoming is None:
                log.info("the feed has ended at %d; the market idles", position.at)
            late = time.perf_counter() > deadline
        if position.actions > before:
            self._host.note(Played(position.actions - before))
        return late

    def _play(self) -> None:
        position = self._host.feed
        at, action = self._feed.take()
        position.at = max(at, position.at)
        self._host.venue.apply(action, position.at)
        position.actions += 1
        position.next_at = self._feed.upcoming[0] if self._feed.upcoming else None

    def _advance(self) -> None:
        now = time.monotonic()
        if now - self._advanced >= ADVANCE_S:
            self._advanced = now
            due = Advanced(self._host.now(), self._host.wall.now())
            self._host.note(due)
            self._host.venue.advance(due.now)

    def _pause_s(self) -> float:
        upcoming = self._feed.upcoming
        if upcoming is None:
            return TICK_S
        return min(TICK_S, max(0.001, self._host.clock.seconds_until(upcoming[0])))
