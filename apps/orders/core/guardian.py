"""The guardian: what to do so that a stop rests at the venue for the whole position, and for nothing else.

1. Flat: stops that rest are cancelled.
2. Of the stops that rest, the largest is kept and the others are cancelled: new before old, always.
   If it covers the whole position, all is well.
3. A stop is on its way, in doubt, or fired and not filled: wait; what becomes of it comes back here.
   Never a second one meanwhile. One that fired rests no more: the position counts as unprotected.
4. The venue refused the last stop and an exit is under way: wait for the exit.
5. No stop: place one. What the venue refuses again and again ends in closing at market.
"""

from dataclasses import dataclass
from decimal import Decimal

from chimera.events.orders import ACKNOWLEDGED, IN_DOUBT, OrderRecord, Purpose

from .book import SymbolBook

MAX_STOP_REFUSALS = 3


@dataclass(frozen=True, slots=True)
class PlaceStop:
    qty: Decimal


@dataclass(frozen=True, slots=True)
class CancelStop:
    order: OrderRecord


@dataclass(frozen=True, slots=True)
class CloseNow:
    reason: str


Move = PlaceStop | CancelStop | CloseNow


def guard(book: SymbolBook) -> list[Move]:
    """Return what is to be done for the position in `book`; nothing when all is well or under way."""
    stops = book.working(Purpose.STOP)
    resting = [stop for stop in stops if _rests(stop)]
    if book.qty == 0:
        return [CancelStop(stop) for stop in resting]

    best = max(
        (stop for stop in resting if stop.side is book.position_side.opposite),
        key=lambda stop: (stop.leaves_qty, stop.ts),
        default=None,
    )
    moves: list[Move] = [CancelStop(stop) for stop in resting if stop is not best]
    if best is not None and best.leaves_qty >= abs(book.qty):
        return moves
    if any(stop.state in IN_DOUBT for stop in stops):
        return moves
    if any(stop.trades_now and stop.side is book.position_side.opposite for stop in stops):
        return moves
    if book.stop_refusals and book.working(Purpose.EXIT):
        return moves
    if book.stop_refusals >= MAX_STOP_REFUSALS:
        return [*moves, CloseNow(f"no stop after {book.stop_refusals} attempts")]
    return [*moves, PlaceStop(abs(book.qty))]


def acknowledged_qty(book: SymbolBook) -> Decimal:
    """Return how much of the position the venue has acknowledged a stop for."""
    quantities = [
        stop.leaves_qty
        for stop in book.working(Purpose.STOP)
        if _rests(stop) and stop.side is book.position_side.opposite
    ]
    return min(max(quantities, default=Decimal(0)), abs(book.qty))


def _rests(stop: OrderRecord) -> bool:
    return stop.state in ACKNOWLEDGED and not stop.trades_now
