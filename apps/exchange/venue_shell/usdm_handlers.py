"""REST of the USDT-M account: orders, the Algo service, positions, settings, history, listen keys."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from apps.exchange.core.venue.accounts import IncomeRow
from apps.exchange.core.venue.outbound import PositionView
from apps.exchange.core.venue.types import (
    MarginType,
    NewOrder,
    Order,
    TimeInForce,
    VenueError,
    VenueOrderType,
)
from apps.exchange.venue_shell import orders_in, refusals, wire_um
from apps.exchange.venue_shell.endpoint import Call
from apps.exchange.venue_shell.market_handlers import listed
from apps.exchange.venue_shell.params import Params
from apps.exchange.venue_shell.wire import Json, eight, num
from chimera.instruments import Market

UM = Market.USDM
BATCH_MAX = 5
ROWS_MAX = 1_000
SUCCESS: Json = {"code": 200, "msg": "success"}
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
        for entry in _batch(call.params, "batchOrders", dict)
    ]


def amend_order(call: Call) -> Json:
    params = call.params
    order_id, client_id = orders_in.order_refs(params)
    order = call.venue.amend_order(
        call.account_id,
        UM,
        listed(call).symbol,
        call.now,
        side=orders_in.side_of(params),
        price=params.required_decimal("price"),
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
        ids = _batch(params, "orderidlist", int)
        return [_or_error(partial(cancel, order_id=order_id)) for order_id in ids]
    names = _batch(params, "origclientorderidlist", str)
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
    orders = call.venue.open_orders(call.account_id, UM, _optional_symbol(call))
    return [wire_um.queried_order(order) for order in orders]


def all_orders(call: Call) -> list[Json]:
    params, symbol = call.params, _optional_symbol(call)
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
    account, symbol = call.venue.account(call.account_id), _optional_symbol(call)
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
    algos = call.venue.open_algos(call.account_id, _optional_symbol(call))
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


# --- account and positions -------------------------------------------------------------------------


def account(call: Call) -> Json:
    view = call.venue.account_view(call.account_id)
    rows = [wire_um.account_position(p) for p in view.positions if _concerns(p)]
    return wire_um.account(view, rows, call.now)


def account_v2(call: Call) -> Json:
    view = call.venue.account_view(call.account_id)
    rows = [wire_um.account_position_v2(p) for p in view.positions]
    return wire_um.account(view, rows, call.now) | {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def balance(call: Call) -> list[Json]:
    view = call.venue.account_view(call.account_id)
    return [wire_um.balance(call.account_id, view, call.now)]


def position_risk(call: Call) -> list[Json]:
    """v3: only what has a position or an open order."""
    views = call.venue.positions(call.account_id, _optional_symbol(call))
    return [wire_um.position_risk(view) for view in views if _concerns(view)]


def position_risk_v2(call: Call) -> list[Json]:
    views = call.venue.positions(call.account_id, _optional_symbol(call))
    return [wire_um.position_risk_v2(view) for view in views]


def symbol_config(call: Call) -> list[Json]:
    symbol = _optional_symbol(call)
    rows = {view.symbol: view for view in call.venue.positions(call.account_id, symbol)}
    return [wire_um.symbol_config(view) for view in rows.values()]


def account_config(call: Call) -> Json:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": call.venue.account(call.account_id).hedge,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def commission_rate(call: Call) -> Json:
    fees = call.venue.floor.fees
    return {
        "symbol": listed(call).symbol,
        "makerCommissionRate": num(fees.um_maker),
        "takerCommissionRate": num(fees.um_taker),
        "rpiCommissionRate": "0",
    }


def leverage_bracket(call: Call) -> Json | list[Json]:
    symbol = _optional_symbol(call)
    names = [symbol] if symbol else call.host.symbols(UM)
    return [wire_um.leverage_brackets(call.venue.listing(UM, name).instrument) for name in names]


def set_leverage(call: Call) -> Json:
    symbol, leverage = listed(call).symbol, call.params.required_integer("leverage")
    largest = call.venue.set_leverage(call.account_id, symbol, leverage, call.now)
    return {"leverage": leverage, "maxNotionalValue": num(largest), "symbol": symbol}


def set_margin_type(call: Call) -> Json:
    kind = call.params.required_choice("marginType", MarginType, -4045, "Invalid margin type.")
    call.venue.set_margin_type(call.account_id, listed(call).symbol, kind, call.now)
    return SUCCESS


def position_mode(call: Call) -> Json:
    return {"dualSidePosition": call.venue.account(call.account_id).hedge}


def set_position_mode(call: Call) -> Json:
    call.params.required("dualSidePosition")
    hedge = call.params.flag("dualSidePosition")
    call.venue.set_position_mode(call.account_id, hedge, call.now)
    return SUCCESS


def multi_assets_mode(call: Call) -> Json:
    return {"multiAssetsMargin": False}


def position_margin(call: Call) -> Json:
    amount = call.params.required_decimal("amount")
    kind = call.params.required_integer("type")
    if kind not in (1, 2):
        raise refusals.illegal("type", "1|2")
    symbol = listed(call).symbol
    call.venue.position_margin(call.account_id, symbol, amount, kind == 1, call.now)
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": kind,
    }


def income(call: Call) -> list[Json]:
    params = call.params
    rows = call.venue.income(
        call.account_id,
        symbol=params.text("symbol"),
        kind=params.text("incomeType"),
        start=params.integer("startTime"),
        end=params.integer("endTime"),
        limit=params.limit(100, ROWS_MAX),
    )
    return [_income(row) for row in rows]


def order_rate_limits(call: Call) -> list[Json]:
    return [
        {
            "rateLimitType": "ORDERS",
            "interval": "SECOND" if limit.name.endswith("S") else "MINUTE",
            "intervalNum": int(limit.name[:-1]),
            "limit": limit.count,
        }
        for limit in call.host.limiters[UM].rules.orders
    ]


# --- listen keys -----------------------------------------------------------------------------------


def open_listen_key(call: Call) -> Json:
    return {"listenKey": call.host.user_hub.open_listen_key(call.account_id, call.wall)}


def extend_listen_key(call: Call) -> Json:
    return {"listenKey": call.host.user_hub.extend_listen_key(call.account_id, call.wall)}


def close_listen_key(call: Call) -> Json:
    call.host.user_hub.close_listen_key(call.account_id)
    return {}


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


def _optional_symbol(call: Call) -> str | None:
    return listed(call).symbol if "symbol" in call.params else None


def _concerns(view: PositionView) -> bool:
    return bool(
        view.qty or view.open_order_initial_margin or view.bid_notional or view.ask_notional
    )


def _batch(params: Params, name: str, kind: type) -> list[Any]:
    try:
        entries = msgspec.json.decode(params.required(name), type=list[kind])  # type: ignore[valid-type]
    except (msgspec.ValidationError, msgspec.DecodeError):
        raise refusals.illegal(name, "a JSON array") from None
    if not 1 <= len(entries) <= BATCH_MAX * 2:
        raise VenueError(-4082, "Invalid number of batch orders.")
    return list(entries)


def _or_error(act: Callable[[], Json]) -> Json:
    try:
        return act()
    except VenueError as e:
        return {"code": e.code, "msg": e.message}


def _income(row: IncomeRow) -> Json:
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": eight(row.amount),
        "asset": row.asset,
        "info": row.info or row.kind,
        "time": row.ts,
        "tranId": row.tran_id,
        "tradeId": "" if row.trade_id is None else str(row.trade_id),
    }


def batch_size(params: Params) -> int:
    """Return how many orders a batch counts for."""
    try:
        return len(_batch(params, "batchOrders", dict))
    except VenueError:
        return 1
