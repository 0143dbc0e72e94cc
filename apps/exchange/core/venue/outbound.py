"""What the paper venue tells: public market events, private account events, and the views they carry.

Produced by the venue's core, drained in causal order, spoken on the wire by the shell.
"""

from decimal import Decimal

import msgspec

from apps.exchange.core.venue.types import (
    AlgoOrder,
    Execution,
    Fill,
    MarginType,
    Order,
    OrderList,
    PositionSide,
)
from chimera.clock import Millis
from chimera.instruments import Market
from chimera.money import ZERO


class Kline(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A bar ``[open_time, close_time]``; `close_time` is the last millisecond, as on the wire.

    A trade id of -1 is unknown: of the minutes before the feed's start, and of those without a trade.
    """

    open_time: Millis
    close_time: Millis
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    taker_base: Decimal
    taker_quote: Decimal
    first_trade_id: int
    last_trade_id: int


class Ticker(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The rolling day."""

    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    last_qty: Decimal
    volume: Decimal
    quote_volume: Decimal
    open_time: Millis
    close_time: Millis
    first_id: int
    last_id: int
    count: int


class FundingPayment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One settlement of funding: the rate, and the mark price it was paid on."""

    symbol: str
    ts: Millis
    rate: Decimal
    mark: Decimal


class BalanceChange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Futures: wallet and cross wallet after, `change` without PnL and fees. Spot: free and locked."""

    asset: str
    wallet: Decimal
    cross_wallet: Decimal = ZERO
    change: Decimal = ZERO
    locked: Decimal = ZERO


class PositionView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A futures position with everything the account pages say about it; `qty` is signed."""

    symbol: str
    position_side: PositionSide
    qty: Decimal
    entry_price: Decimal
    break_even_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    liquidation_price: Decimal
    margin_type: MarginType
    leverage: int
    isolated_wallet: Decimal
    isolated_margin: Decimal
    notional: Decimal
    initial_margin: Decimal
    position_initial_margin: Decimal
    open_order_initial_margin: Decimal
    maint_margin: Decimal
    max_notional: Decimal
    bid_notional: Decimal
    ask_notional: Decimal
    updated: Millis


class VenueEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    ts: Millis


class Traded(VenueEvent, frozen=True, kw_only=True, gc=False):
    market: Market
    symbol: str
    trade_id: int
    price: Decimal
    qty: Decimal
    buyer_is_maker: bool


Level = tuple[Decimal, Decimal]  # price, absolute quantity (0 removes)


class BookChanged(VenueEvent, frozen=True, kw_only=True, gc=False):
    """The levels that changed, absolute; `first_id` - 1 is the previous event's `final_id`."""

    market: Market
    symbol: str
    first_id: int
    final_id: int
    prev_final_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class QuoteMoved(VenueEvent, frozen=True, kw_only=True, gc=False):
    """The best bid or ask changed; a side without orders is 0 at 0."""

    market: Market
    symbol: str
    update_id: int
    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal


class KlineMoved(VenueEvent, frozen=True, kw_only=True, gc=False):
    market: Market
    symbol: str
    interval: str
    kline: Kline
    closed: bool


class MarkMoved(VenueEvent, frozen=True, kw_only=True, gc=False):
    symbol: str
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    next_funding_time: Millis


class Liquidated(VenueEvent, frozen=True, kw_only=True, gc=False):
    """The public notice of a liquidation order, sent when it is done."""

    order: Order


class PrivateEvent(VenueEvent, frozen=True, kw_only=True, gc=False):
    account_id: str


class OrderUpdated(PrivateEvent, frozen=True, kw_only=True, gc=False):
    order: Order
    execution_type: Execution
    fill: Fill | None = None


class AlgoUpdated(PrivateEvent, frozen=True, kw_only=True, gc=False):
    algo: AlgoOrder


class AccountChanged(PrivateEvent, frozen=True, kw_only=True, gc=False):
    """Balances (and futures positions) that changed. `symbol` names what funding was for."""

    market: Market
    reason: str
    balances: tuple[BalanceChange, ...]
    positions: tuple[PositionView, ...] = ()
    symbol: str = ""


class MarginCalled(PrivateEvent, frozen=True, kw_only=True, gc=False):
    """A position came near its liquidation; `cross_wallet` backs it unless it is isolated."""

    position: PositionView
    cross_wallet: Decimal


class LeverageChanged(PrivateEvent, frozen=True, kw_only=True, gc=False):
    symbol: str
    leverage: int


class ListUpdated(PrivateEvent, frozen=True, kw_only=True, gc=False):
    order_list: OrderList
