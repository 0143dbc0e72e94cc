"""The paper venue's orders and fills, spelled as Binance spells them. Used by the core and its shell.

Requests and fills are frozen; `Order`, `AlgoOrder` and `OrderList` live in the venue and change, so
what leaves in an event (`outbound.py`) is a snapshot.
"""

import copy
from decimal import Decimal
from enum import StrEnum

import msgspec

from chimera.clock import Millis
from chimera.instruments import Market, Side
from chimera.money import ZERO


class VenueOrderType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


class VenueOrderStatus(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    REJECTED = "REJECTED"
    PENDING_NEW = "PENDING_NEW"

    @property
    def is_open(self) -> bool:
        return self in _OPEN


_OPEN = frozenset(
    {VenueOrderStatus.NEW, VenueOrderStatus.PARTIALLY_FILLED, VenueOrderStatus.PENDING_NEW}
)


class AlgoStatus(StrEnum):
    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"
    GTE_GTC = "GTE_GTC"


class MarginType(StrEnum):
    ISOLATED = "ISOLATED"
    CROSSED = "CROSSED"


class PositionSide(StrEnum):
    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class WorkingType(StrEnum):
    CONTRACT_PRICE = "CONTRACT_PRICE"
    MARK_PRICE = "MARK_PRICE"


class StpMode(StrEnum):
    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class PriceMatch(StrEnum):
    """A limit price taken from the book: the n-th best of the other side, or of the order's own."""

    NONE = "NONE"
    OPPONENT = "OPPONENT"
    OPPONENT_5 = "OPPONENT_5"
    OPPONENT_10 = "OPPONENT_10"
    OPPONENT_20 = "OPPONENT_20"
    QUEUE = "QUEUE"
    QUEUE_5 = "QUEUE_5"
    QUEUE_10 = "QUEUE_10"
    QUEUE_20 = "QUEUE_20"

    @property
    def queues(self) -> bool:
        return self.startswith("QUEUE")

    @property
    def level(self) -> int:
        """Return which level it means; 1 is the best."""
        return int(self.partition("_")[2] or 1)


class Execution(StrEnum):
    """Why an order update is sent: the wire's `x`."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    AMENDMENT = "AMENDMENT"
    CALCULATED = "CALCULATED"
    REJECTED = "REJECTED"
    TRADE_PREVENTION = "TRADE_PREVENTION"


class ExpiryReason(StrEnum):
    """Why an order ended before it was filled; the futures wire sends `futures_code` as `er`."""

    NONE = "NONE"
    STP = "STP"
    IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
    FOK = "UNFILLED_FOK_ORDER_EXPIRED"
    LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
    REDUCE_ONLY = "REDUCE_ONLY"
    LIQUIDATION = "LIQUIDATION"
    POSITION_CLOSED = "GTE_CONDITION"
    OCO = "OCO_TRIGGER"
    REJECTED = "REJECTED"
    GTD = "GTD"

    @property
    def futures_code(self) -> int:
        return _FUTURES_EXPIRY.get(self, 0)


_FUTURES_EXPIRY = {
    ExpiryReason.STP: 1,
    ExpiryReason.IOC: 2,
    ExpiryReason.FOK: 2,
    ExpiryReason.LIQUIDITY: 2,
    ExpiryReason.REDUCE_ONLY: 4,
    ExpiryReason.LIQUIDATION: 5,
    ExpiryReason.POSITION_CLOSED: 6,
}


class VenueError(Exception):
    """The venue refuses a request: Binance's negative code and text, HTTP 400 on the wire."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request to place a plain or conditional order; `stop_price` is the trigger of the latter."""

    symbol: str
    side: Side
    type: VenueOrderType
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.BOTH
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_protect: bool = False
    activate_price: Decimal | None = None
    callback_rate: Decimal | None = None
    good_till_date: Millis | None = None
    stp_mode: StpMode | None = None
    price_match: PriceMatch = PriceMatch.NONE
    trailing_delta: int | None = None


class Fill(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order's side of one trade. `fee` is positive when charged; `realized_pnl` is 0 on spot."""

    trade_id: int
    order_id: int
    account_id: str
    market: Market
    symbol: str
    side: Side
    position_side: PositionSide
    price: Decimal
    qty: Decimal
    quote_qty: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    realized_pnl: Decimal
    ts: Millis


class PreventedMatch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Two spot orders of one account that would have met at `price`; the quantities are what expired."""

    match_id: int
    symbol: str
    taker_order_id: int
    maker_order_id: int
    mode: StpMode
    price: Decimal
    taker_qty: Decimal
    maker_qty: Decimal
    ts: Millis


class Order(msgspec.Struct, kw_only=True, eq=False):
    """One plain order. `quantity` of a spot market order by quote is what it bought in the end."""

    order_id: int
    account_id: str
    market: Market
    symbol: str
    client_order_id: str
    side: Side
    type: VenueOrderType
    orig_type: VenueOrderType
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    created: Millis
    updated: Millis
    quote_quantity: Decimal = ZERO
    executed: Decimal = ZERO
    cum_quote: Decimal = ZERO
    status: VenueOrderStatus = VenueOrderStatus.NEW
    reduce_only: bool = False
    close_position: bool = False
    stop_price: Decimal = ZERO
    position_side: PositionSide = PositionSide.BOTH
    working_type: WorkingType = WorkingType.CONTRACT_PRICE
    price_protect: bool = False
    good_till_date: Millis = 0
    stp_mode: StpMode = StpMode.NONE
    price_match: PriceMatch = PriceMatch.NONE
    trailing_delta: int | None = None
    order_list_id: int = -1
    expiry_reason: ExpiryReason = ExpiryReason.NONE
    is_working: bool = False
    working_time: Millis = -1
    modify_count: int = 0
    algo_id: int | None = None
    is_liquidation: bool = False
    fills: list[Fill] = []  # each order gets its own

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def avg_price(self) -> Decimal:
        return self.cum_quote / self.executed if self.executed else ZERO

    def snapshot(self) -> "Order":
        """Return the order as it is now, untouched by what happens to it later."""
        still = copy.copy(self)
        still.fills = list(self.fills)
        return still


class AlgoOrder(msgspec.Struct, kw_only=True, eq=False):
    """One conditional futures order: its own id space, its own life; the child does the trading."""

    algo_id: int
    account_id: str
    client_algo_id: str
    request: NewOrder
    created: Millis
    updated: Millis
    status: AlgoStatus = AlgoStatus.NEW
    trigger_time: Millis = 0
    child: Order | None = None
    activated: bool = False
    extreme: Decimal | None = None
    reject_reason: str = ""

    @property
    def is_open(self) -> bool:
        return self.status is AlgoStatus.NEW

    @property
    def symbol(self) -> str:
        return self.request.symbol

    def snapshot(self) -> "AlgoOrder":
        still = copy.copy(self)
        still.child = self.child.snapshot() if self.child else None
        return still


class ListStatus(StrEnum):
    """An order list's `listStatusType`."""

    RESPONSE = "RESPONSE"
    EXEC_STARTED = "EXEC_STARTED"
    ALL_DONE = "ALL_DONE"


class OrderList(msgspec.Struct, kw_only=True, eq=False):
    """A spot OCO: two orders of which at most one trades."""

    order_list_id: int
    account_id: str
    symbol: str
    list_client_order_id: str
    orders: list[Order]
    created: Millis
    updated: Millis
    status: ListStatus = ListStatus.EXEC_STARTED

    @property
    def is_open(self) -> bool:
        return self.status is ListStatus.EXEC_STARTED

    def snapshot(self) -> "OrderList":
        still = copy.copy(self)
        still.orders = [order.snapshot() for order in self.orders]
        return still
