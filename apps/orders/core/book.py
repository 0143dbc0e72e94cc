"""What the router knows of one symbol: prices, our position, and our orders."""

from dataclasses import dataclass, field
from decimal import Decimal

from chimera.clock import Millis
from chimera.events import BarClosed, PositionAdopted
from chimera.events.orders import OrderFilled, OrderRecord, Purpose
from chimera.instruments import Instrument, Side
from chimera.money import ZERO, decimal_of, is_price
from chimera.netting import net_fill
from chimera.seen import SeenIds

UNREAD = "unread"


@dataclass(slots=True)
class SymbolBook:
    """One symbol as the router knows it. None is unknown.

    Prices are quote per base, floats where the market says them. `qty` and `entry_px` are exact; `qty` is
    in base units, positive when long, negative when short. `stop_distance` is a fraction of the price.
    """

    symbol: str
    instrument: Instrument | None = None
    margin_problem: str | None = UNREAD
    margin_question: str = ""  # the newest about the margin settings; only its answer counts
    margin_alerted: str | None = None  # the problem that people were told of
    bid_px: float | None = None
    ask_px: float | None = None
    quote_ts: Millis = 0
    mark_px: float | None = None
    mark_ts: Millis = 0
    qty: Decimal = ZERO  # signed, folded from fills
    entry_px: Decimal = ZERO
    opened_at: Millis = 0  # when the present position began
    changed_at: Millis = 0  # when `qty` last changed
    counted: SeenIds = field(default_factory=SeenIds)  # fills that `qty` is made of
    adopted_at: Millis = 0  # fills up to then are part of what the venue told us
    settled_until: Millis = 0  # fills before then were counted in an earlier life
    open_fills: list[str] = field(default_factory=list)  # fills that built the present position
    stop_distance: float | None = None  # of our entry; None where others opened the position
    stop_refusals: int = 0  # in a row, of the present position
    stop_number: int = 0  # ever, so that ids never repeat
    closes: int = 0  # how often the guardian closed at market, so that ids never repeat
    close_again_at: Millis = 0
    exited_at: Millis = 0  # when an exit was last sent
    closed_by: str = ""  # the venue's own order that people were told of, by the venue's id
    holds_nothing: bool = False  # so the venue says of an exit, and we believe otherwise
    unprotected_since: Millis | None = None
    last_protection: tuple[Decimal, Decimal, Millis | None] = (ZERO, ZERO, None)
    orders: dict[str, OrderRecord] = field(default_factory=dict)  # not yet terminal, by client id

    @property
    def position_side(self) -> Side:
        return Side.BUY if self.qty > 0 else Side.SELL

    def working(self, purpose: Purpose) -> list[OrderRecord]:
        return [order for order in self.orders.values() if order.purpose is purpose]

    def take_quote(self, bid_px: float, ask_px: float, ts: Millis) -> None:
        if is_price(bid_px) and is_price(ask_px) and ts >= self.quote_ts:
            self.bid_px, self.ask_px, self.quote_ts = bid_px, ask_px, ts

    def take_mark(self, px: float, ts: Millis) -> None:
        if is_price(px) and ts >= self.mark_ts:
            self.mark_px, self.mark_ts = px, ts

    def take_bar(self, bar: BarClosed) -> None:
        """Take the prices of a market that is known by its bars alone; elsewhere a bar tells none."""
        if bar.mark_px is not None:
            self.take_mark(bar.mark_px, bar.ts_event)
            self.take_quote(bar.close, bar.close, bar.ts_event)

    def taker_px(self, side: Side) -> Decimal | None:
        """Return what a taker on `side` pays by the newest quote, however old that is."""
        px = self.ask_px if side is Side.BUY else self.bid_px
        return None if px is None else decimal_of(px)

    def quote_age(self, now: Millis) -> Millis | None:
        """Return how old the newest quote is; a time in the future is as far from now."""
        return None if self.bid_px is None else abs(now - self.quote_ts)

    def mark_age(self, now: Millis) -> Millis | None:
        """Return how old the newest mark price is; a time in the future is as far from now."""
        return None if self.mark_px is None else abs(now - self.mark_ts)

    def fold(self, fill: OrderFilled) -> bool:
        """Add a fill to the position, and tell whether it was new."""
        if fill.ts_event <= self.adopted_at or fill.ts_event < self.settled_until:
            return False
        if not self.counted.first_time(fill.id):
            return False
        netted = net_fill(
            self.qty, self.entry_px, side=fill.side, last_qty=fill.last_qty, last_px=fill.last_px
        )
        if netted.begins:
            self.opened_at = fill.ts_event
        if netted.begins or netted.qty == 0:
            self._forget_position()
        if netted.grows:
            self.open_fills.append(fill.id)
        self.qty, self.entry_px, self.changed_at = netted.qty, netted.entry_px, fill.ts_event
        self.holds_nothing = False
        return True

    def adopt(self, adopted: PositionAdopted) -> None:
        """Take the venue's word for the position."""
        if self.qty * adopted.qty <= 0:
            self._forget_position()
            self.opened_at = adopted.ts_event
        self.qty, self.entry_px = adopted.qty, adopted.entry_px
        self.adopted_at = self.changed_at = adopted.ts_event
        self.open_fills.clear()
        self.holds_nothing = False

    def _forget_position(self) -> None:
        """What was learned of a position that is over says nothing of the next."""
        self.open_fills.clear()
        self.stop_distance = None
        self.stop_refusals = 0
