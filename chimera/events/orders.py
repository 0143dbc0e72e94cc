"""Commands to the exchange, its reports, and the state of our orders."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from chimera.clock import Millis
from chimera.events.base import Command, Event
from chimera.instruments import Instrument, Side
from chimera.money import SETTLEMENT_ASSET, ZERO, usdt


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


class Purpose(StrEnum):
    """What an order is for. Only `ENTRY` adds risk."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"


class LiquiditySide(StrEnum):
    MAKER = "MAKER"
    TAKER = "TAKER"


class Origin(StrEnum):
    """Whose order was filled."""

    OURS = "ours"
    EXTERNAL = "external"  # by hand, or by another program
    LIQUIDATION = "liquidation"  # the venue closes what has used up its margin
    ADL = "adl"  # the venue closes a winner against a bankrupt loser
    SETTLEMENT = "settlement"  # the venue closes what it no longer lists

    @property
    def is_venue(self) -> bool:
        """Whether the venue itself closed the position."""
        return self in (Origin.LIQUIDATION, Origin.ADL, Origin.SETTLEMENT)


class OrderState(StrEnum):
    INITIALIZED = "INITIALIZED"
    REFUSED = "REFUSED"  # by our own gates; never sent
    SUBMITTED = "SUBMITTED"  # recorded and asked; no answer yet
    UNKNOWN = "UNKNOWN"  # the ask failed in a way that may have succeeded
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        OrderState.REFUSED,
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
    }
)


ACKNOWLEDGED = frozenset({OrderState.OPEN, OrderState.PARTIALLY_FILLED})  # it rests at the venue
IN_DOUBT = frozenset({OrderState.SUBMITTED, OrderState.UNKNOWN})  # it may or may not be there


class Refusal(StrEnum):
    """What the venue's refusal of an order says about the position, whatever its code."""

    WOULD_TRIGGER = "would_trigger"  # the price is already beyond the stop
    NOTHING_HELD = "nothing_held"  # there is nothing that a reduce-only order could reduce
    OTHER = "other"


# --- commands ---------------------------------------------------------------------------------------


class PrepareSymbol(Command, frozen=True, kw_only=True, gc=False, tag="order.prepare.v1"):
    """Set one-way mode, isolated margin and leverage, and report what the venue then says."""

    leverage: int


class SubmitOrder(Command, frozen=True, kw_only=True, gc=False, tag="order.submit.v1"):
    """Place an order under our own id. Only the router makes one, after every gate approved."""

    client_order_id: str
    purpose: Purpose
    side: Side
    order_type: OrderType
    qty: Decimal
    px: Decimal | None = None
    trigger_px: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False


class CancelOrder(Command, frozen=True, kw_only=True, gc=False, tag="order.cancel.v1"):
    client_order_id: str
    conditional: bool


class QueryOrder(Command, frozen=True, kw_only=True, gc=False, tag="order.query.v1"):
    """Ask what became of an order, by our id; fills missed meanwhile come back as `OrderFilled`."""

    client_order_id: str
    conditional: bool


class QueryAccount(Command, frozen=True, kw_only=True, gc=False, tag="account.query.v1"):
    """Ask for wallet, positions and open orders of both books (plain and conditional)."""


# --- reports: the exchange's answers, from the REST reply or the user stream -------------------------


class OrderReport(Event, frozen=True, kw_only=True, gc=False):
    """Base of what the exchange says about one of our orders."""

    symbol: str
    client_order_id: str


class OrderAccepted(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.accepted.v1"):
    venue_order_id: str


class OrderRejected(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.rejected.v1"):
    """The venue refused. `code` and `message` are its own words, for people."""

    code: str
    message: str
    refusal: Refusal = Refusal.OTHER


class OrderFilled(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.filled.v1"):
    """Part or all of an order was executed. Counted once for each `(symbol, trade_id)`.

    The same struct is the `fills` document. `realised_pnl` is the venue's own figure, kept as
    evidence beside ours.
    """

    venue_order_id: str
    trade_id: str
    side: Side
    last_qty: Decimal
    last_px: Decimal
    filled_qty: Decimal
    fee: Decimal
    fee_asset: str
    liquidity_side: LiquiditySide
    realised_pnl: Decimal | None = None
    origin: Origin = Origin.OURS

    @property
    def fee_usdt(self) -> Decimal:
        """What the fee took from the USDT wallet: nothing where it was paid in another asset."""
        return self.fee if self.fee_asset == SETTLEMENT_ASSET else ZERO


class OrderTriggered(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.triggered.v1"):
    """A conditional order fired; `venue_order_id` is the child that now trades."""

    venue_order_id: str


class OrderCanceled(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.canceled.v1"):
    filled_qty: Decimal = ZERO


class OrderExpired(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.expired.v1"):
    filled_qty: Decimal = ZERO
    reason: str = ""


class CancelRejected(
    OrderReport, frozen=True, kw_only=True, gc=False, tag="order.cancel_rejected.v1"
):
    """The cancel was refused: usually the order is gone already, so it is queried."""

    code: str
    message: str


class SubmitUnknown(
    OrderReport, frozen=True, kw_only=True, gc=False, tag="order.submit_unknown.v1"
):
    """A submit or cancel ended without an answer. The order may exist."""

    message: str


class OrderUnclear(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.unclear.v1"):
    """The venue said something of an order that we cannot read. It may be anything until it is asked.

    `message` names the kind of thing, alike for all orders; `raw` is what the venue said.
    """

    message: str
    raw: str


class OrderStatus(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.status.v1"):
    """Answer to `QueryOrder` for an order that exists; its fills were reported before this."""

    venue_order_id: str
    state: OrderState
    filled_qty: Decimal


class OrderNotFound(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.not_found.v1"):
    """Answer to `QueryOrder`: the venue does not know it, which right after a submit proves nothing."""


class QueryFailed(OrderReport, frozen=True, kw_only=True, gc=False, tag="order.query_failed.v1"):
    """The venue could not be asked. The question stays open."""

    message: str


class SymbolPrepared(Event, frozen=True, kw_only=True, gc=False, tag="order.prepared.v1"):
    """What the venue says about a symbol now: its filters, and the margin settings as they are.

    `problem` is None when an entry may go ahead; `instrument` when the filters could not be read.
    """

    symbol: str
    leverage: int
    isolated: bool
    one_way: bool
    problem: str | None = None
    instrument: Instrument | None = None


class MarginSettingsChanged(Event, frozen=True, kw_only=True, gc=False, tag="account.settings.v1"):
    """Somebody changed the margin settings of `symbol`, or of the whole account (`ACCOUNT`)."""

    symbol: str


# --- our record of an order --------------------------------------------------------------------------


class Transition(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One line of an order's history."""

    ts: Millis
    state: OrderState
    event: str
    note: str = ""


class GateCheck(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One gate's answer: the value it looked at against its limit. `passed` decides."""

    gate: str
    passed: bool
    value: str
    limit: str


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The `orders` document: one order with its whole history, atomic by being one document."""

    client_order_id: str
    revision: int
    symbol: str
    ts: Millis
    intent_id: str
    generation: int
    purpose: Purpose
    side: Side
    order_type: OrderType
    qty: Decimal
    state: OrderState
    px: Decimal | None = None
    trigger_px: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    stop_distance: float | None = None  # of an entry: how far from its fill the stop will rest
    venue_order_id: str = ""
    triggered_at: Millis | None = None  # of a conditional order: when it fired
    filled_qty: Decimal = ZERO
    filled_notional: Decimal = ZERO
    trade_ids: tuple[str, ...] = ()
    gates: tuple[GateCheck, ...] = ()
    history: tuple[Transition, ...] = ()

    @property
    def leaves_qty(self) -> Decimal:
        return self.qty - self.filled_qty

    @property
    def avg_px(self) -> Decimal | None:
        """The average price of what was filled, to eight decimals; None before the first fill."""
        return usdt(self.filled_notional / self.filled_qty) if self.filled_qty else None

    @property
    def is_conditional(self) -> bool:
        """Whether it rests in the venue's book of conditional orders until it triggers."""
        return self.trigger_px is not None

    @property
    def trades_now(self) -> bool:
        """Whether it fills at once or not at all: at market, or conditional and fired."""
        return self.order_type is OrderType.MARKET or self.triggered_at is not None


class OrderChanged(Event, frozen=True, kw_only=True, gc=False, tag="order.changed.v1"):
    """An order of ours has a new state."""

    symbol: str
    order: OrderRecord
