"""Order requests off the wire: parameters into the core's `NewOrder`, with Binance's own complaints."""

from dataclasses import dataclass
from enum import StrEnum

from apps.exchange.core.venue.refusals import spot_unsupported
from apps.exchange.core.venue.types import (
    NewOrder,
    PositionSide,
    PriceMatch,
    StpMode,
    TimeInForce,
    VenueError,
    VenueOrderType,
    WorkingType,
)
from apps.exchange.venue_shell import refusals
from apps.exchange.venue_shell.params import Params
from chimera.instruments import Side

T = VenueOrderType
USDM_PLAIN = frozenset({T.LIMIT, T.MARKET})
USDM_CONDITIONAL = frozenset(
    {T.STOP, T.STOP_MARKET, T.TAKE_PROFIT, T.TAKE_PROFIT_MARKET, T.TRAILING_STOP_MARKET}
)
SPOT_TYPES = frozenset(
    {
        T.LIMIT,
        T.MARKET,
        T.LIMIT_MAKER,
        T.STOP_LOSS,
        T.STOP_LOSS_LIMIT,
        T.TAKE_PROFIT,
        T.TAKE_PROFIT_LIMIT,
    }
)
USDM_ALGO_WITH_PRICE = frozenset({T.STOP, T.TAKE_PROFIT})
SPOT_WITH_PRICE = frozenset({T.LIMIT, T.LIMIT_MAKER, T.STOP_LOSS_LIMIT, T.TAKE_PROFIT_LIMIT})
SPOT_WITH_TIF = frozenset({T.LIMIT, T.STOP_LOSS_LIMIT, T.TAKE_PROFIT_LIMIT})
SPOT_WITH_STOP = frozenset({T.STOP_LOSS, T.STOP_LOSS_LIMIT, T.TAKE_PROFIT, T.TAKE_PROFIT_LIMIT})
SPOT_STOP_LIMITS = frozenset({T.STOP_LOSS_LIMIT, T.TAKE_PROFIT_LIMIT})

NO_ALGO_HERE = VenueError(
    -4120,
    "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
)
ID_TOO_LONG = VenueError(-4015, "Client order id length should be less than 36 chars")


class ResponseType(StrEnum):
    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class OcoRequest:
    """``POST /api/v3/orderList/oco``: two legs of one quantity, named by their place in the price."""

    symbol: str
    side: Side
    above: NewOrder
    below: NewOrder
    list_client_order_id: str | None


def side_of(params: Params) -> Side:
    return params.required_choice("side", Side, -1117, "Invalid side.")


def response_type(params: Params) -> ResponseType | None:
    return params.choice("newOrderRespType", ResponseType, -1136, "Invalid newOrderRespType.")


def order_refs(params: Params) -> tuple[int | None, str | None]:
    """Return (orderId, origClientOrderId), at least one of which must have been sent."""
    order_id, client_id = params.integer("orderId"), params.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise VenueError(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    return order_id, client_id


def price_match(params: Params) -> PriceMatch:
    match = params.choice("priceMatch", PriceMatch, -5037, "Invalid price match.")
    return match or PriceMatch.NONE


def usdm_order(params: Params) -> NewOrder:
    """Read ``POST /fapi/v1/order``."""
    symbol, side, kind = params.symbol(), side_of(params), _type(params)
    if kind in USDM_CONDITIONAL:
        raise NO_ALGO_HERE
    if kind not in USDM_PLAIN:
        raise VenueError(-1116, "Invalid orderType.")
    if kind is T.LIMIT:
        params.required("timeInForce")
        _require_price(params)
    elif "price" in params:
        raise refusals.superfluous("price")
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=params.required_decimal("quantity"),
        price=params.decimal("price"),
        time_in_force=_time_in_force(params),
        client_order_id=params.client_id("newClientOrderId", ID_TOO_LONG),
        reduce_only=params.flag("reduceOnly"),
        position_side=position_side(params),
        good_till_date=params.integer("goodTillDate"),
        stp_mode=_stp_mode(params),
        price_match=price_match(params),
    )


def usdm_algo(params: Params) -> NewOrder:
    """Read ``POST /fapi/v1/algoOrder``."""
    if params.required("algoType") != "CONDITIONAL":
        raise VenueError(-1102, "Mandatory parameter 'algoType' was malformed.")
    symbol, side, kind = params.symbol(), side_of(params), _type(params)
    if kind not in USDM_CONDITIONAL:
        raise VenueError(-1116, "Invalid orderType.")
    closes = params.flag("closePosition")
    if closes and "quantity" in params:
        raise VenueError(-4137, "Quantity must be zero with closePosition equals true")
    if closes and "reduceOnly" in params:
        raise refusals.superfluous("reduceonly")
    if not closes:
        params.required("quantity")
    if kind in USDM_ALGO_WITH_PRICE:
        _require_price(params)
    params.required("callbackRate" if kind is T.TRAILING_STOP_MARKET else "triggerPrice")
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=params.decimal("quantity"),
        price=params.decimal("price"),
        stop_price=params.decimal("triggerPrice"),
        time_in_force=_time_in_force(params),
        client_order_id=params.client_id("clientAlgoId", ID_TOO_LONG),
        reduce_only=params.flag("reduceOnly"),
        close_position=closes,
        position_side=position_side(params),
        working_type=params.choice("workingType", WorkingType, -4144, "Invalid working type.")
        or WorkingType.CONTRACT_PRICE,
        price_protect=(params.text("priceProtect") or "").lower() == "true",
        activate_price=params.decimal("activatePrice"),
        callback_rate=params.decimal("callbackRate"),
        good_till_date=params.integer("goodTillDate"),
        stp_mode=_stp_mode(params),
        price_match=price_match(params),
    )


def spot_order(params: Params) -> NewOrder:
    """Read ``POST /api/v3/order``."""
    symbol, side, kind = params.symbol(), side_of(params), _type(params)
    if kind not in SPOT_TYPES:
        raise VenueError(-1116, "Invalid orderType.")
    for name in _spot_mandatory(kind, params):
        params.required(name)
    _refuse_iceberg(params, "icebergQty")
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=params.decimal("quantity"),
        quote_quantity=params.decimal("quoteOrderQty"),
        price=params.decimal("price"),
        stop_price=params.decimal("stopPrice"),
        time_in_force=_time_in_force(params),
        client_order_id=params.client_id("newClientOrderId"),
        stp_mode=_stp_mode(params),
        trailing_delta=params.integer("trailingDelta"),
    )


def spot_oco(params: Params) -> OcoRequest:
    """Read ``POST /api/v3/orderList/oco``."""
    symbol, side = params.symbol(), side_of(params)
    params.required_decimal("quantity")
    return OcoRequest(
        symbol=symbol,
        side=side,
        above=_leg(params, "above", symbol, side),
        below=_leg(params, "below", symbol, side),
        list_client_order_id=params.client_id("listClientOrderId"),
    )


def spot_oco_deprecated(params: Params) -> OcoRequest:
    """Read ``POST /api/v3/order/oco``: `price` is the limit leg, `stopPrice` the stop leg."""
    sent = params.raw()
    limit = {
        "Type": "LIMIT_MAKER",
        "Price": params.required("price"),
        "ClientOrderId": sent.get("limitClientOrderId"),
        "IcebergQty": sent.get("limitIcebergQty"),
    }
    stop = {
        "Type": "STOP_LOSS_LIMIT" if "stopLimitPrice" in params else "STOP_LOSS",
        "StopPrice": params.required("stopPrice"),
        "Price": sent.get("stopLimitPrice"),
        "TimeInForce": sent.get("stopLimitTimeInForce", "GTC"),
        "ClientOrderId": sent.get("stopClientOrderId"),
        "IcebergQty": sent.get("stopIcebergQty"),
    }
    above, below = (limit, stop) if side_of(params) is Side.SELL else (stop, limit)
    legs = {
        place + suffix: value
        for place, leg in (("above", above), ("below", below))
        for suffix, value in leg.items()
        if value is not None
    }
    return spot_oco(Params({**sent, **legs}))


def _leg(params: Params, place: str, symbol: str, side: Side) -> NewOrder:
    kind = params.required_choice(f"{place}Type", T, -1158, "Invalid leg type.")
    if kind in SPOT_WITH_PRICE:
        params.required(f"{place}Price")
    if kind in SPOT_WITH_STOP and f"{place}TrailingDelta" not in params:
        params.required(f"{place}StopPrice")
    if kind in SPOT_STOP_LIMITS:
        params.required(f"{place}TimeInForce")
    _refuse_iceberg(params, f"{place}IcebergQty")
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=params.decimal("quantity"),
        price=params.decimal(f"{place}Price"),
        stop_price=params.decimal(f"{place}StopPrice"),
        time_in_force=params.choice(
            f"{place}TimeInForce", TimeInForce, -1115, "Invalid timeInForce."
        ),
        client_order_id=params.client_id(f"{place}ClientOrderId"),
        trailing_delta=params.integer(f"{place}TrailingDelta"),
    )


def _refuse_iceberg(params: Params, name: str) -> None:
    if params.decimal(name):
        raise spot_unsupported("Iceberg")


def _spot_mandatory(kind: VenueOrderType, params: Params) -> list[str]:
    names = []
    if kind in SPOT_WITH_TIF:
        names.append("timeInForce")
    if kind is not T.MARKET or "quoteOrderQty" not in params:
        names.append("quantity")
    if kind in SPOT_WITH_PRICE:
        names.append("price")
    if kind in SPOT_WITH_STOP and "trailingDelta" not in params:
        names.append("stopPrice")
    return names


def _type(params: Params) -> VenueOrderType:
    return params.required_choice("type", VenueOrderType, -1116, "Invalid orderType.")


def _time_in_force(params: Params) -> TimeInForce | None:
    return params.choice("timeInForce", TimeInForce, -1115, "Invalid timeInForce.")


def position_side(params: Params) -> PositionSide:
    side = params.choice("positionSide", PositionSide, -4060, "Invalid position side.")
    return side or PositionSide.BOTH


def _require_price(params: Params) -> None:
    if price_match(params) is PriceMatch.NONE:
        params.required("price")


def _stp_mode(params: Params) -> StpMode | None:
    return params.choice(
        "selfTradePreventionMode", StpMode, -5039, "Invalid self trade prevention mode."
    )
