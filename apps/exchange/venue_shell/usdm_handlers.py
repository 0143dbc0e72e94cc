"""REST of USDT-M trading: plain orders, the Algo service, and their history."""

from collections.abc import Callable
from functools import partial
from typing import Any

from apps.exchange.core.venue.types import (
    NewOrder,
    Order,
    TimeInForce,
    VenueError,
    VenueOrderType,
)
from apps.exchange.venue_shell import orders_in, refusals, wire_um
from apps.exchange.venue_shell.endpoint import Call
from apps.exchange.venue_shell.market_handlers import listed, optional_symbol
from apps.exchange.venue_shell.params import Params
from apps.exchange.venue_shell.wire import Json, loads
from chimera.instruments import Market

UM = Market.USDM
PLACE_MAX, CANCEL_MAX = 5, 10  # orders in a batch
ROWS_MAX = 1_000
ALL_CANCELED: Json = {
    "code": 200,
    "msg": "The operation of cancel all open order is done.",
}
LIQUIDATION_PREFIX = "autoclose-"

# --- plain orders ----------------------------------------------------------------------------------


def place_order(call: Call) -> Json:
    return _place(call, call.params)


def test_order(call: Call) -> Json:
    call.venue.test_order(call.account_id, UM, orders_in.usdm_order(call.params), call.now)
    return {}


def place_batch(call: Call) -> list[Json]:
    return [
        _or_error(partial(_place, call, Params.of_json(entry)))
        for entry in _batch(call.params, "batchOrders", dict[str, Any], PLACE_MAX)
    ]


def amend_order(call: Call) -> Json:
    params = call.params
    order_id, client_id = orders_in.order_refs(params)
    order = call.venue.amend_order(
        call.account_id,
        listed(call).symbol,
        call.now,
        side=orders_in.side_of(params),
        price=params.decimal("price"),
        price_match=orders_in.price_match(params),
        quantity=params.required_decimal("quantity"),
        order_id=order_id,
        client_order_id=client_id,
    )
    return wire_um.order(order)


def cancel_order(call: Call) -> Json:
    order_id, client_id = orders_in.order_refs(call.params)
    return wire_um.order(
        call.venue.cancel_order(
            call.account_id,
            UM,
            listed(call).symbol,
            call.now,
            order_id=order_id,
            client_order_id=client_id,
        )
    )


def cancel_batch(call: Call) -> list[Json]:
    """``orderidlist`` or ``origclientorderidlist``: JSON arrays, under either spelling."""
    values = {name.lower(): value for name, value in call.params.raw().items()}
    params, symbol = Params(values), listed(call).symbol

    def cancel(**reference: Any) -> Json:
        return wire_um.order(
            call.venue.cancel_order(call.account_id, UM, symbol, call.now, **reference)
        )

    if "orderidlist" in params:
        ids = _batch(params, "orderidlist", int, CANCEL_MAX)
        return [_or_error(partial(cancel, order_id=order_id)) for order_id in ids]
    names = _batch(params, "origclientorderidlist", str, CANCEL_MAX)
    return [_or_error(partial(cancel, client_order_id=name)) for name in names]


def cancel_all(call: Call) -> Json:
    call.venue.cancel_all(call.account_id, UM, listed(call).symbol, call.now)
    return ALL_CANCELED


def countdown_cancel_all(call: Call) -> Json:
    symbol = listed(call).symbol
    countdown = call.params.required_integer("countdownTime")
    call.venue.countdown_cancel_all(call.account_id, symbol, countdown, call.now)
    return {"symbol": symbol, "countdownTime": str(countdown)}


def get_order(call: Call) -> Json:
    return wire_um.queried_order(_find(call))


def get_open_order(call: Call) -> Json:
    order = _find(call)
    if not order.status.is_open:
        raise VenueError(-2013, "Order does not exist.")
    return wire_um.queried_order(order)


def open_orders(call: Call) -> list[Json]:
    orders = call.venue.open_orders(call.account_id, UM, optional_symbol(call))
    return [wire_um.queried_order(order) for order in orders]


def all_orders(call: Call) -> list[Json]:
    params, symbol = call.params, optional_symbol(call)
    rows = [
        order
        for name in ([symbol] if symbol else call.host.symbols(UM))
        for order in call.venue.all_orders(
            call.account_id,
            UM,
            name,
            order_id=params.integer("orderId"),
            start=params.integer("startTime"),
            end=params.integer("endTime"),
            limit=params.limit(500, ROWS_MAX),
        )
    ]
    return [wire_um.queried_order(order) for order in rows]


def force_orders(call: Call) -> list[Json]:
    account, symbol = call.venue.account(call.account_id), optional_symbol(call)
    return [
        wire_um.liquidation_order(order)
        for (market, name), orders in account.orders.items()
        if market is UM and symbol in (None, name)
        for order in orders.values()
        if order.client_order_id.startswith(LIQUIDATION_PREFIX)
    ]


def user_trades(call: Call) -> list[Json]:
    params = call.params
    fills = call.venue.my_trades(
        call.account_id,
        UM,
        listed(call).symbol,
        order_id=params.integer("orderId"),
        from_id=params.integer("fromId"),
        start=params.integer("startTime"),
        end=params.integer("endTime"),
        limit=params.limit(500, ROWS_MAX),
    )
    return [wire_um.user_trade(fill) for fill in fills]


# --- the Algo service ------------------------------------------------------------------------------


def place_algo(call: Call) -> Json:
    request = orders_in.usdm_algo(call.params)
    return wire_um.algo_order(call.venue.place_algo(call.account_id, request, call.now))


def cancel_algo(call: Call) -> Json:
    algo_id, client_id = _algo_refs(call.params)
    algo = call.venue.cancel_algo(
        call.account_id, call.now, algo_id=algo_id, client_algo_id=client_id
    )
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_algo_id,
        "code": "200",
        "msg": "success",
    }


def cancel_all_algo(call: Call) -> Json:
    call.venue.cancel_all_algo(call.account_id, listed(call).symbol, call.now)
    return ALL_CANCELED


def get_algo(call: Call) -> Json:
    algo_id, client_id = _algo_refs(call.params)
    return wire_um.queried_algo(
        call.venue.get_algo(call.account_id, algo_id=algo_id, client_algo_id=client_id)
    )


def open_algos(call: Call) -> list[Json]:
    algos = call.venue.open_algos(call.account_id, optional_symbol(call))
    return [wire_um.queried_algo(algo) for algo in algos]


def all_algos(call: Call) -> list[Json]:
    params = call.params
    algos = call.venue.all_algos(
        call.account_id,
        listed(call).symbol,
        algo_id=params.integer("algoId"),
        start=params.integer("startTime"),
        end=params.integer("endTime"),
        limit=params.limit(500, ROWS_MAX),
    )
    return [wire_um.queried_algo(algo) for algo in algos]


# --- helpers ---------------------------------------------------------------------------------------


def _place(call: Call, params: Params) -> Json:
    request = orders_in.usdm_order(params)
    order = call.venue.place_order(call.account_id, UM, request, call.now)
    asked_result = orders_in.response_type(params) is orders_in.ResponseType.RESULT
    if asked_result and _answers_final_state(request):
        return wire_um.order(order)
    return wire_um.order_ack(order)


def _answers_final_state(request: NewOrder) -> bool:
    """A resting LIMIT answers NEW even when it crosses: its fills come by the stream."""
    return request.type is VenueOrderType.MARKET or request.time_in_force not in (
        None,
        TimeInForce.GTC,
        TimeInForce.GTD,
    )


def _find(call: Call) -> Order:
    order_id, client_id = orders_in.order_refs(call.params)
    return call.venue.get_order(
        call.account_id, UM, listed(call).symbol, order_id=order_id, client_order_id=client_id
    )


def _algo_refs(params: Params) -> tuple[int | None, str | None]:
    algo_id, client_id = params.integer("algoId"), params.text("clientAlgoId")
    if algo_id is None and client_id is None:
        raise VenueError(
            -1102, "Param 'clientAlgoId' or 'algoId' must be sent, but both were empty/null!"
        )
    return algo_id, client_id


def _batch(params: Params, name: str, kind: Any, most: int) -> list[Any]:
    try:
        entries: list[Any] = loads(params.required(name), list[kind])
    except ValueError:
        raise refusals.illegal(name, "a JSON array") from None
    if not 1 <= len(entries) <= most:
        raise VenueError(-4082, "Invalid number of batch orders.")
    return entries


def _or_error(act: Callable[[], Json]) -> Json:
    try:
        return act()
    except VenueError as e:
        return {"code": e.code, "msg": e.message}


def batch_size(params: Params) -> int:
    """Return how many orders a batch counts for."""
    try:
        return len(_batch(params, "batchOrders", dict[str, Any], PLACE_MAX))
    except VenueError:
        return 1


def batch_symbols(params: Params) -> set[str]:
    """Return the symbols of a batch's orders."""
    try:
        entries = _batch(params, "batchOrders", dict[str, Any], PLACE_MAX)
    except VenueError:
        return set()
    return {str(entry.get("symbol", "")) for entry in entries}
