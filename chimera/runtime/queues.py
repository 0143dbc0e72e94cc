"""Queues with a written bound, for what comes in or goes out faster than it can be dealt with.

1. At the bound market data is conflated: of quotes, depth, marks and trades only the newest of each
   symbol is kept, of heartbeats the newest of each service. They may be lost by design.
2. Where that does not free half of the queue there is no room any more: inputs stop, nothing is lost.
3. When three quarters have been dealt with, inputs begin again.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Generic, TypeVar

import structlog

from chimera.events import (
    DepthChanged,
    MarkPriceChanged,
    QuoteChanged,
    ServiceReported,
    StreamDisconnected,
    TradePrinted,
    TradingHalted,
)
from chimera.events.base import Event

log = structlog.get_logger(__name__)

WAITING_MAX = 20_000  # items of one queue
UNTOUCHED = 500  # the oldest, which somebody may be working on

Item = TypeVar("Item")


class Conflation:
    """One walk through a queue, newest first: says which events newer ones make superfluous."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self._newest: set[Hashable] = set()

    def keeps(self, event: Event) -> bool:
        about = _subject(event)
        if about is None:
            return True
        if about in self._newest:
            self.dropped[type(event).__name__] += 1
            return False
        self._newest.add(about)
        return True


def _subject(event: Event) -> Hashable:
    """Return what `event` is the newest word about, or None where every event counts."""
    match event:
        case QuoteChanged() | DepthChanged() | MarkPriceChanged() | TradePrinted():
            return type(event), event.symbol
        case ServiceReported(service=service):
            return ServiceReported, service
        case TradingHalted(id=event_id) | StreamDisconnected(id=event_id, connected=False):
            return type(event), event_id  # told again with each heartbeat
    return None


class Room:
    """Whether inputs may be taken: as long as none of the queues that share it is full."""

    def __init__(self) -> None:
        self.there = asyncio.Event()
        self.there.set()
        self.lacking = asyncio.Event()
        self._full: set[str] = set()

    def has(self, queue: str) -> bool:
        return queue not in self._full

    def lack(self, queue: str) -> None:
        self._full.add(queue)
        self.there.clear()
        self.lacking.set()

    def regain(self, queue: str) -> None:
        self._full.discard(queue)
        if not self._full:
            self.lacking.clear()
            self.there.set()


class BoundedQueue(Generic[Item]):
    """One queue, oldest first.

    Parameters
    ----------
    thin : takes superfluous events out of an item, and says whether anything is left of it
    """

    def __init__(self, name: str, room: Room, thin: Callable[[Item, Conflation], bool]) -> None:
        self._name = name
        self._room = room
        self._thin = thin
        self._items: deque[Item] = deque()
        self._conflate_at = WAITING_MAX

    def __len__(self) -> int:
        return len(self._items)

    def append(self, item: Item) -> None:
        self._items.append(item)
        if len(self._items) >= self._conflate_at:
            self._conflate()

    def put_back(self, item: Item) -> None:
        """Let `item` be the next again."""
        self._items.appendleft(item)

    def oldest(self, count: int) -> list[Item]:
        return list(islice(self._items, count))

    def pop(self) -> Item:
        item = self._items.popleft()
        if len(self._items) <= WAITING_MAX // 4 and not self._room.has(self._name):
            self._conflate_at = WAITING_MAX
            self._room.regain(self._name)
            log.info("inputs are taken again", queue=self._name, waiting=len(self._items))
        return item

    def _conflate(self) -> None:
        conflation = Conflation()
        kept: deque[Item] = deque()
        while len(self._items) > UNTOUCHED:
            item = self._items.pop()
            if self._thin(item, conflation):
                kept.appendleft(item)
        self._items += kept
        waiting = len(self._items)
        if conflation.dropped:
            log.warning(
                "market data dropped",
                queue=self._name,
                dropped=dict(conflation.dropped),
                kept=waiting,
            )
        if waiting > WAITING_MAX // 2:
            self._conflate_at = 2 * waiting  # so that each item is looked at twice at most
            self._room.lack(self._name)
            log.error("no inputs are taken: too much waits", queue=self._name, waiting=waiting)
        else:
            self._conflate_at = WAITING_MAX
