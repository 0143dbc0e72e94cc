"""One instrument's order book: price-time priority, with own orders queued among external liquidity.

External liquidity (orders without an account) is what a feed says stands at a price; own orders keep
their place in the queue. What our takers consumed stays consumed until the feed changes that level, so
no quantity is filled twice. Used by the desk, which decides who trades; the book only keeps order.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from sortedcontainers import SortedDict

from apps.exchange.core.venue.types import Order
from chimera.instruments import Side
from chimera.money import ZERO

PriceQty = tuple[Decimal, Decimal]


@dataclass(slots=True, eq=False)
class Entry:
    """A place in a queue: an own order, or external quantity of strangers."""

    qty: Decimal
    order: Order | None = None


@dataclass(slots=True, eq=False)
class Level:
    price: Decimal
    queue: deque[Entry] = field(default_factory=deque)
    total: Decimal = ZERO
    external: Decimal = ZERO
    own: int = 0

    def grow_external(self, qty: Decimal) -> None:
        """Append strangers at the tail."""
        if self.queue and self.queue[-1].order is None:
            self.queue[-1].qty += qty
        else:
            self.queue.append(Entry(qty))
        self.total += qty
        self.external += qty

    def cut_external(self, qty: Decimal) -> None:
        """Remove strangers from the tail: those who queued last are taken to have cancelled."""
        self.total -= qty
        self.external -= qty
        for entry in reversed(self.queue):
            if entry.order is not None:
                continue
            cut = min(qty, entry.qty)
            entry.qty -= cut
            qty -= cut
            if not qty:
                break
        self.queue = deque(entry for entry in self.queue if entry.qty)

    def take_front(self, qty: Decimal) -> None:
        """Execute `qty` of the first entry."""
        entry = self.queue[0]
        entry.qty -= qty
        self.total -= qty
        if entry.order is None:
            self.external -= qty
        if not entry.qty:
            self.queue.popleft()
            if entry.order is not None:
                self.own -= 1

    def rotate_front(self, qty: Decimal) -> None:
        """Let strangers trade ahead of us: their place goes, the displayed quantity stays.

        How much stands at the level is for the depth feed alone to say.
        """
        entry = self.queue[0]
        entry.qty -= qty
        self.total -= qty
        self.external -= qty
        if not entry.qty:
            self.queue.popleft()
        self.grow_external(qty)


class OrderBook:
    """Two sides of levels. Every change of a displayed quantity is remembered until `flush`."""

    def __init__(self) -> None:
        self._sides: dict[Side, SortedDict[Decimal, Level]] = {side: SortedDict() for side in Side}
        self._own: dict[Side, SortedDict[Decimal, Level]] = {side: SortedDict() for side in Side}
        self._fed: dict[Side, dict[Decimal, Decimal]] = {side: {} for side in Side}
        self._changed: dict[Side, set[Decimal]] = {side: set() for side in Side}
        self._unbuilt: dict[Side, Iterator[PriceQty]] = {side: iter(()) for side in Side}
        self.update_id = 0

    # --- reading ------------------------------------------------------------------------------------

    def best(self, side: Side) -> Level | None:
        return _best(self._sides[side], side) or self._build_next(side)

    def best_own(self, side: Side) -> Level | None:
        """Return the best level on `side` that holds an own order."""
        return _best(self._own[side], side)

    @property
    def has_own(self) -> bool:
        return bool(self._own[Side.BUY] or self._own[Side.SELL])

    def walk(self, side: Side) -> Iterator[Level]:
        """Yield levels best first."""
        levels = self._sides[side]
        yield from reversed(levels.values()) if side is Side.BUY else levels.values()
        while (level := self._build_next(side)) is not None:
            yield level

    def level(self, side: Side, price: Decimal) -> Level | None:
        self._build_rest(side)
        level: Level | None = self._sides[side].get(price)
        return level

    def depth(self, side: Side, limit: int) -> list[PriceQty]:
        """Return up to `limit` displayed levels, best first."""
        found: list[PriceQty] = []
        for level in self.walk(side):
            if len(found) == limit:
                break
            found.append((level.price, level.total))
        return found

    def available(self, side: Side, limit_price: Decimal | None) -> Iterator[Level]:
        """Yield the levels of `side` that a taker with this limit may take, best first."""
        for level in self.walk(side):
            if not reaches(side, level.price, limit_price):
                return
            yield level

    def orders(self) -> Iterator[tuple[Side, Level, Entry]]:
        """Yield every own order's place, by side and price."""
        for side in Side:
            for level in self._own[side].values():
                for entry in level.queue:
                    if entry.order is not None:
                        yield side, level, entry

    # --- own orders ---------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """Queue an own order's remaining quantity at the tail of its price."""
        for side in Side:
            self._build_rest(side)
        level = self._level(order.side, order.price)
        level.queue.append(Entry(order.remaining, order))
        level.total += order.remaining
        level.own += 1
        self._own[order.side][order.price] = level
        self._changed[order.side].add(order.price)

    def remove(self, order: Order) -> None:
        """Take an own order out; one that does not rest here is left alone."""
        level = self._own[order.side].get(order.price)
        if level is None:
            return
        for entry in level.queue:
            if entry.order is order:
                level.queue.remove(entry)
                level.total -= entry.qty
                level.own -= 1
                self._tidy(order.side, level)
                return

    def take(self, side: Side, level: Level, qty: Decimal) -> None:
        """Execute `qty` of the first entry of `level`."""
        level.take_front(qty)
        self._tidy(side, level)

    def rotate(self, level: Level, qty: Decimal) -> None:
        """Move `qty` of strangers from the front of `level` to its tail."""
        level.rotate_front(qty)

    # --- external liquidity -------------------------------------------------------------------------

    def fed(self, side: Side, price: Decimal) -> Decimal:
        """Return the external quantity that the feed last said stands at `price`."""
        self._build_rest(side)
        return self._fed[side].get(price, ZERO)

    def set_level(self, side: Side, price: Decimal, qty: Decimal, *, taken: Decimal = ZERO) -> None:
        """Make the external quantity at `price` become `qty`, less what of it was `taken` on arrival.

        A repeated quantity is no change, so what was consumed there stays consumed.
        """
        self._build_rest(side)
        fed = self._fed[side]
        if fed.get(price, ZERO) == qty:
            return
        if qty:
            fed[price] = qty
        else:
            del fed[price]
        self._force(side, price, qty - taken)

    def replace_external(self, side: Side, levels: Mapping[Decimal, Decimal]) -> None:
        """Make these the only external levels. Where own orders queue, the queue stays as it is."""
        self._build_rest(side)
        own = self._own[side]
        fed = self._fed[side]
        for price in [price for price in fed if price not in levels and price not in own]:
            del fed[price]
            self._force(side, price, ZERO)
        for price, qty in levels.items():
            if price not in own:
                fed[price] = qty
                self._force(side, price, qty)

    def stock(self, side: Side, rungs: Iterator[PriceQty]) -> None:
        """Make `rungs`, best first, the only levels; each is built when somebody looks that far.

        Only where no own order rests, and not for a published book: what is new goes untold.
        """
        self._sides[side].clear()
        self._fed[side].clear()
        self._unbuilt[side] = rungs

    def external_levels(self, side: Side) -> Iterable[Decimal]:
        """Return the prices at which the feed said something stands."""
        self._build_rest(side)
        return list(self._fed[side])

    # --- publishing ---------------------------------------------------------------------------------

    def flush(self) -> tuple[tuple[PriceQty, ...], tuple[PriceQty, ...]] | None:
        """Return displayed quantities changed since the last flush (bids, asks), or None."""
        changed = self._changed
        if not changed[Side.BUY] and not changed[Side.SELL]:
            return None
        bids = tuple(self._displayed(Side.BUY, p) for p in sorted(changed[Side.BUY], reverse=True))
        asks = tuple(self._displayed(Side.SELL, p) for p in sorted(changed[Side.SELL]))
        changed[Side.BUY].clear()
        changed[Side.SELL].clear()
        return bids, asks

    def _build_next(self, side: Side) -> Level | None:
        for price, qty in self._unbuilt[side]:
            level = Level(price, deque((Entry(qty),)), total=qty, external=qty)
            self._sides[side][price] = level
            self._fed[side][price] = qty
            return level
        return None

    def _build_rest(self, side: Side) -> None:
        while self._build_next(side) is not None:
            pass

    def _displayed(self, side: Side, price: Decimal) -> PriceQty:
        level = self._sides[side].get(price)
        return price, level.total if level else ZERO

    def _force(self, side: Side, price: Decimal, qty: Decimal) -> None:
        level = self._sides[side].get(price)
        before = level.external if level else ZERO
        if qty == before:
            return
        if level is None:
            level = self._level(side, price)
        if qty > before:
            level.grow_external(qty - before)
        else:
            level.cut_external(before - qty)
        self._tidy(side, level)

    def _level(self, side: Side, price: Decimal) -> Level:
        levels = self._sides[side]
        level: Level | None = levels.get(price)
        if level is None:
            level = levels[price] = Level(price)
        return level

    def _tidy(self, side: Side, level: Level) -> None:
        self._changed[side].add(level.price)
        if not level.own:
            self._own[side].pop(level.price, None)
        if not level.queue:
            del self._sides[side][level.price]


def reaches(side: Side, price: Decimal, limit_price: Decimal | None) -> bool:
    """Tell whether a taker with `limit_price` may trade at `price` on the resting `side`."""
    if limit_price is None:
        return True
    return price <= limit_price if side is Side.SELL else price >= limit_price


def _best(levels: "SortedDict[Decimal, Level]", side: Side) -> Level | None:
    if not levels:
        return None
    level: Level = levels.peekitem(-1 if side is Side.BUY else 0)[1]
    return level
