"""What protects each open position at the venue, from the record: positions and resting stops.

Read by the health probe and by the console, so that both say the same.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from chimera.events import type_of
from chimera.events.orders import ACKNOWLEDGED, OrderRecord, Purpose
from chimera.events.positions import PositionChanged
from chimera.instruments import Side
from chimera.money import ZERO
from chimera.runtime.restore import traded_symbols
from chimera.store import Collection, Store

_NEWEST_READ = 500
_STOPS_READ = 1_000


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """An open position and how much of it the venue has acknowledged a stop for."""

    position: PositionChanged
    acknowledged_qty: Decimal
    trigger_px: Decimal | None

    @property
    def is_protected(self) -> bool:
        return self.acknowledged_qty >= abs(self.position.qty)


def protections(store: Store) -> list[Protection]:
    """Return every open position with its stop, by symbol."""
    stops = stops_resting(store)
    held = (position for position in positions_newest(store) if position.qty)
    return [_protection(position, stops) for position in held]


def positions_newest(store: Store) -> list[PositionChanged]:
    """Return the newest snapshot of every symbol that ever had a position, by symbol."""
    found = (position_newest(store, symbol) for symbol in symbols_known(store))
    return [position for position in found if position is not None]


def position_newest(store: Store, symbol: str) -> PositionChanged | None:
    """Return the newest snapshot of one symbol; fills of one millisecond are told by sequence."""
    page = store.query(
        Collection.POSITIONS_SNAPSHOTS,
        equal={"symbol": symbol, "type": type_of(PositionChanged)},
        order="desc",
        limit=20,
    )
    snapshots = [msgspec.convert(d.body, PositionChanged) for d in page.documents]
    return max(snapshots, key=lambda snapshot: snapshot.sequence, default=None)


def stops_resting(store: Store) -> list[OrderRecord]:
    """Return the stops the venue has acknowledged and not yet finished."""
    found: list[OrderRecord] = []
    for state in sorted(ACKNOWLEDGED):
        page = store.query(
            Collection.ORDERS,
            equal={"state": state.value, "purpose": Purpose.STOP.value},
            order="desc",
            limit=_STOPS_READ,
        )
        found += (msgspec.convert(document.body, OrderRecord) for document in page.documents)
    return [stop for stop in found if not stop.trades_now]  # one that fired rests no more


def symbols_known(store: Store) -> list[str]:
    """Return every symbol ever traded and those of the newest signals and orders, sorted.

    A position may be left to its stop while a bundle of other symbols writes the newest documents.
    """
    symbols = set(traded_symbols(store))
    for collection in (Collection.SIGNALS, Collection.ORDERS):
        page = store.query(collection, order="desc", limit=_NEWEST_READ)
        symbols.update(str(d.body["symbol"]) for d in page.documents if "symbol" in d.body)
    return sorted(symbols)


def _protection(position: PositionChanged, stops: Iterable[OrderRecord]) -> Protection:
    closing = Side.SELL if position.qty > 0 else Side.BUY
    covering = [s for s in stops if s.symbol == position.symbol and s.side is closing]
    best = max(covering, key=lambda stop: stop.leaves_qty, default=None)
    if best is None:
        return Protection(position=position, acknowledged_qty=ZERO, trigger_px=None)
    return Protection(
        position=position,
        acknowledged_qty=min(best.leaves_qty, abs(position.qty)),
        trigger_px=best.trigger_px,
    )
