"""Joining feeds in order of time."""

import heapq
from collections.abc import Iterable, Iterator

from apps.exchange.core.venue.actions import Action
from chimera.clock import Millis

TimedAction = tuple[Millis, Action]


def merge(*feeds: Iterable[TimedAction]) -> Iterator[TimedAction]:
    """Yield all actions by time; at the same time in the order of the arguments.

    Marks and funding rates belong before the bars of the same instant, so that a settlement uses them.
    """
    return heapq.merge(*feeds, key=lambda timed: timed[0])
