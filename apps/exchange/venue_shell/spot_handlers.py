"""REST of the spot account: orders, order lists, balances, history."""

from typing import Any

from apps.exchange.core.venue.types import NewOrder, Order, OrderList, VenueError, VenueOrderType
from apps.exchange.venue_shell import orders_in, wire_spot
from apps.exchange.venue_shell.endpoint import Call
from apps.exchange.venue_shell.market_handlers import listed
from apps.exchange.venue_shell.orders_in import OcoRequest, ResponseType
from apps.exchange.venue_shell.params import Params
from apps.exchange.venue_shell.refusals import Refusal, missing
from apps.exchange.venue_shell.wire import Json, eight
from chimera.ids import client_order_id
from chimera.instruments import Market
from chimera.money import ZERO

SPOT = Market.SPOT
ROWS_MAX = 1_000
FULL_BY_DEFAULT = (VenueOrderType.MARKET, VenueOrderType.LIMIT)
ENCODE = {
    ResponseType.ACK: wire_spot.order_ack,
    ResponseType.RESULT: wire_spot.order_result,
    ResponseType.FULL: wire_spot.order_full,
}

# --- orders ----------------------------------------------------------------------------------------


def place_order(call: Call) -> Json:
    return _place(call, call.params)


def test_order(call: Call) -> Json:
    call.venue.test_order(call.account_id, SPOT, orders_in.spot_order(call.params), call.now)
    return {}


def cancel_order(call: Call) -> Json:
    order_id, client_id = orders_in.order_refs(call.params)
    return _cancel(call, order_id, client_id, call.params.client_id("newClientOrderId"))


def cancel_all(call: Call) -> list[Json]:
    symbol = listed(call).symbol
    orders = call.venue.cancel_all(call.account_id, SPOT, symbol, call.now)
    if not orders:
        raise VenueError(-2011, "Unknown order sent.")
    return [_canceled(call, order, None) for order in orders]


def cancel_replace(call: Call) -> Json:
    """Cancel one order and place another; under STOP_ON_FAILURE a failed cancel stops it all."""
    params = call.params
    mode = params.required("cancelReplaceMode")
    if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        raise VenueError(-1151, "Invalid cancelReplaceMode.")
    order_id, client_id = params.integer("cancelOrderId"), params.text("cancelOrigClientOrderId")
    canceled, cancel_failed = _try(
        lambda: _cancel(call, order_id, client_id, params.client_id("cancelNewClientOrderId"))
    )
    if cancel_failed and mode == "STOP_ON_FAILURE":
        raise _replace_failed(-2022, "FAILURE", canceled, "NOT_ATTEMPTED", None, 400)
    placed, place_failed = _try(lambda: _place(call, params))
    if cancel_failed or place_failed:
        both = cancel_failed and place_failed
        raise _replace_failed(
            -2022 if both else -2021,
            "FAILURE" if cancel_failed else "SUCCESS",
            canceled,
            "FAILURE" if place_failed else "SUCCESS",
            placed,
            400 if both else 409,
        )
    return {
        "cancelResult": "SUCCESS",
        "newOrderResult": "SUCCESS",
        "cancelResponse": canceled,
        "newOrderResponse": placed,
    }


def get_order(call: Call) -> Json:
    order_id, client_id = orders_in.order_refs(call.params)
    return wire_spot.queried_order(
        call.venue.get_order(
            call.account_id, SPOT, listed(call).symbol, order_id=order_id, client_order_id=client_id
        )
    )


def open_orders(call: Call) -> list[Json]:
    symbol = listed(call).symbol if "symbol" in call.params else None
    orders = call.venue.open_orders(call.account_id, SPOT, symbol)
    return [wire_spot.queried_order(order) for order in orders]


def all_orders(call: Call) -> list[Json]:
    params = call.params
    orders = call.venue.all_orders(
        call.account_id,
        SPOT,
        listed(call).symbol,
        order_id=params.integer("orderId"),
        start=params.integer("startTime"),
        end=params.integer("endTime"),
        limit=params.limit(500, ROWS_MAX),
    )
    return [wire_spot.queried_order(order) for order in orders]


def my_trades(call: Call) -> list[Json]:
    params, symbol = call.params, listed(call).symbol
    fills = call.venue.my_trades(
        call.account_id,
        SPOT,
        symbol,
        order_id=params.integer("orderId"),
        from_id=params.integer("fromId"),
        start=params.integer("startTime"),
        end=params.integer("endTime"),
        limit=params.limit(500, ROWS_MAX),
    )
    orders = call.venue.account(call.account_id).orders[(SPOT, symbol)]
    return [wire_spot.my_trade(fill, orders[fill.order_id].order_list_id) for fill in fills]


# --- order lists -----------------------------------------------------------------------------------


def place_oco(call: Call) -> Json:
    return _place_list(call, orders_in.spot_oco(call.params))


def place_oco_deprecated(call: Call) -> Json:
    return _place_list(call, orders_in.spot_oco_deprecated(call.params))


def cancel_list(call: Call) -> Json:
    list_id, client_id = call.params.integer("orderListId"), call.params.text("listClientOrderId")
    return wire_spot.order_list_report(
        call.venue.cancel_list(
            call.account_id,
            listed(call).symbol,
            call.now,
            order_list_id=list_id,
            list_client_order_id=client_id,
        )
    )


def get_list(call: Call) -> Json:
    return wire_spot.order_list(
        call.venue.get_list(
            call.account_id,
            order_list_id=call.params.integer("orderListId"),
            list_client_order_id=call.params.text("origClientOrderId"),
        )
    )


def open_lists(call: Call) -> list[Json]:
    return [wire_spot.order_list(group) for group in call.venue.open_lists(call.account_id)]


def all_lists(call: Call) -> list[Json]:
    limit = call.params.limit(500, ROWS_MAX)
    groups = call.venue.all_lists(call.account_id, limit=limit)
    return [wire_spot.order_list(group) for group in groups]


# --- account ---------------------------------------------------------------------------------------


def account(call: Call) -> Json:
    fees = call.venue.floor.fees
    held = call.venue.account(call.account_id).spot
    omit_zero = call.params.flag("omitZeroBalances")
    return {
        "makerCommission": int(fees.spot_maker * 10_000),
        "takerCommission": int(fees.spot_taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": eight(fees.spot_maker),
            "taker": eight(fees.spot_taker),
            "buyer": eight(ZERO),
            "seller": eight(ZERO),
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.now,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": eight(balance.free), "locked": eight(balance.locked)}
            for asset, balance in held.items()
            if balance.total or not omit_zero
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def commission(call: Call) -> Json:
    fees = call.venue.floor.fees
    zero = {"maker": eight(ZERO), "taker": eight(ZERO), "buyer": eight(ZERO), "seller": eight(ZERO)}
    return {
        "symbol": listed(call).symbol,
        "standardCommission": zero
        | {"maker": eight(fees.spot_maker), "taker": eight(fees.spot_taker)},
        "specialCommission": zero,
        "taxCommission": zero,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": eight(ZERO),
        },
    }


def order_rate_limits(call: Call) -> list[Json]:
    used = call.host.limiters[SPOT].orders_used(call.account_id, call.wall)
    return [
        {
            "rateLimitType": "ORDERS",
            "interval": "SECOND" if limit.name.endswith("S") else "DAY",
            "intervalNum": int(limit.name[:-1]),
            "limit": limit.count,
            "count": count,
        }
        for limit, count in used
    ]


def prevented_matches(call: Call) -> list[Json]:
    """What self-trade prevention kept apart, of one order or by its own id."""
    params, symbol = call.params, listed(call).symbol
    order_id, match_id = params.integer("orderId"), params.integer("preventedMatchId")
    if order_id is None and match_id is None:
        raise missing("orderId")
    matches = call.venue.prevented_matches(
        call.account_id,
        symbol,
        order_id=order_id,
        match_id=match_id,
        from_id=params.integer("fromPreventedMatchId"),
        limit=params.limit(500, ROWS_MAX),
    )
    return [wire_spot.prevented_match(match) for match in matches]


# --- helpers ---------------------------------------------------------------------------------------


def _place(call: Call, params: Params) -> Json:
    request: NewOrder = orders_in.spot_order(params)
    kind = orders_in.response_type(params)
    order = call.venue.place_order(call.account_id, SPOT, request, call.now)
    if kind is None:
        kind = ResponseType.FULL if request.type in FULL_BY_DEFAULT else ResponseType.ACK
    return ENCODE[kind](order)


def _place_list(call: Call, request: OcoRequest) -> Json:
    quantity = request.above.quantity
    assert quantity is not None
    group: OrderList = call.venue.place_oco(
        call.account_id,
        request.symbol,
        request.side,
        quantity,
        request.above,
        request.below,
        call.now,
        list_client_order_id=request.list_client_order_id,
    )
    return wire_spot.order_list_report(group)


def _cancel(call: Call, order_id: int | None, client_id: str | None, cancel_id: str | None) -> Json:
    order = call.venue.cancel_order(
        call.account_id,
        SPOT,
        listed(call).symbol,
        call.now,
        order_id=order_id,
        client_order_id=client_id,
    )
    return _canceled(call, order, cancel_id)


def _canceled(call: Call, order: Order, cancel_id: str | None) -> Json:
    cancel_id = cancel_id or client_order_id("cancel", order.order_id)
    call.host.user_hub.name_cancel(order.order_id, cancel_id)
    return wire_spot.canceled_order(order, cancel_id)


def _try(act: Any) -> tuple[Json, bool]:
    try:
        return act(), False
    except VenueError as e:
        return {"code": e.code, "msg": e.message}, True


class ReplaceFailed(Refusal):
    """A cancelReplace that did not do both; the answer says what happened to each half."""

    def __init__(self, status: int, code: int, data: Json) -> None:
        text = (
            "Order cancel-replace failed."
            if status == 400
            else ("Order cancel-replace partially failed.")
        )
        super().__init__(status, code, text)
        self.data = data

    def body(self) -> Json:
        return {**super().body(), "data": self.data}


def _replace_failed(
    code: int, canceled: str, cancel: Json, placed: str, order: Json | None, status: int
) -> ReplaceFailed:
    return ReplaceFailed(
        status,
        code,
        {
            "cancelResult": canceled,
            "newOrderResult": placed,
            "cancelResponse": cancel,
            "newOrderResponse": order,
        },
    )
