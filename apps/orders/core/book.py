"""What the router knows of one symbol: prices, our position, and our orders."""

from dataclasses import dataclass, field
from decimal import Decimal

from chimera.clock import Millis
from chimera.events.orders import OrderFilled, OrderRecord, Purpose
from chimera.instruments import Instrument, Side
from chimera.money import ZERO, decimal_of


@dataclass(slots=True)
class SymbolBook:
    symbol: str
    instrument: Instrument | None = None
    margin_problem: str | None = "unread"
    bid_px: float | None = None
    ask_px: float | None = None
    quote_ts: Millis = 0
    last_px: float | None = None
    last_ts: Millis = 0
    mark_px: float | None = None
    mark_ts: Millis = 0
    qty: Decimal = ZERO  # signed, folded from fills
    entry_px: Decimal = ZERO
    stop_distance: float | None = None
    stop_attempts: int = 0  # since the position was last protected
    stop_number: int = 0  # ever, so that ids never repeat
    unprotected_since: Millis | None = None
    last_protection: tuple[Decimal, Decimal, Millis | None] = (ZERO, ZERO, None)
    closes: int = 0  # how often the guardian closed at market, so that ids never repeat
    open_fills: list[str] = field(default_factory=list)  # fills that built the present position
    foreign_trades: set[str] = field(default_factory=set)
    orders: dict[str, OrderRecord] = field(default_factory=dict)  # not yet terminal, by client id

    @property
    def position_side(self) -> Side:
        return Side.BUY if self.qty > 0 else Side.SELL

    def working(self, purpose: Purpose) -> list[OrderRecord]:
        return [order for order in self.orders.values() if order.purpose is purpose]

    def taker_px(self, side: Side, now: Millis, max_age: Millis) -> Decimal | None:
        """Return what a taker on `side` would pay now: the quote while fresh, else the last price."""
        quote = self.ask_px if side is Side.BUY else self.bid_px
        if quote is not None and now - self.quote_ts <= max_age:
            return decimal_of(quote)
        return decimal_of(self.last_px) if self.last_px is not None else None

    def reference(self) -> tuple[Decimal | None, Millis]:
        """Return the newest of mark and last price, and when it was seen."""
        if self.mark_px is not None and self.mark_ts >= self.last_ts:
            return decimal_of(self.mark_px), self.mark_ts
        if self.last_px is not None:
            return decimal_of(self.last_px), self.last_ts
        return None, 0

    def fold(self, fill: OrderFilled) -> None:
        """Add a fill to the position; the entry price is the average of what is still held."""
        signed = fill.last_qty * fill.side.sign
        before, after = self.qty, self.qty + signed
        if before * after <= 0:
            self.open_fills.clear()
        if abs(after) > abs(before) or before * after < 0:
            self.open_fills.append(fill.id)
        if before == 0 or before * after < 0:  # opened, or turned over
            self.entry_px = fill.last_px
        elif abs(after) > abs(before):
            self.entry_px = (before * self.entry_px + signed * fill.last_px) / after
        elif after == 0:
            self.entry_px = ZERO
        self.qty = after
