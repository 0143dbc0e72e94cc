"""Joining feeds in order of time."""

import heapq
from collections.abc import Iterable, Iterator

from apps.exchange.core.venue.actions import Action
from chimera.clock import Millis

TimedAction = tuple[Millis, Action]


class _Merge:
    """Feeds joined by time. It can be pickled in the middle where its feeds can."""

    def __init__(self, feeds: Iterable[Iterator[TimedAction]]) -> None:
        self._feeds = list(feeds)
        # The number of its feed comes before an action, so that actions are never compared.
        self._heads: list[tuple[Millis, int, Action]] = []
        for number, feed in enumerate(self._feeds):
            for at, action in feed:
                self._heads.append((at, number, action))
                break
        heapq.heapify(self._heads)

    def __iter__(self) -> "_Merge":
        return self

    def __next__(self) -> TimedAction:
        if not self._heads:
            raise StopIteration
        at, number, action = self._heads[0]
        following = next(self._feeds[number], None)
        if following is None:
            heapq.heappop(self._heads)
        else:
            heapq.heapreplace(self._heads, (following[0], number, following[1]))
        return at, action


def merge(*feeds: Iterable[TimedAction]) -> Iterator[TimedAction]:
    """Return all actions by time; at the same time in the order of the arguments.

    Marks and funding rates belong before the bars of the same instant, so that a settlement uses them.
    """
    return _Merge(iter(feed) for feed in feeds)


class Lookahead:
    """A feed whose next action is seen before it is taken (None at the end); pickled as its feed is."""

    def __init__(self, feed: Iterable[TimedAction]) -> None:
        self._feed = iter(feed)
        self.upcoming = next(self._feed, None)

    def take(self) -> TimedAction:
        """Return the action that was upcoming; there must be one."""
        taken = self.upcoming
        assert taken is not None, "the feed has ended"
        self.upcoming = next(self._feed, None)
        return taken
