"""REST of the USDT-M account: balances, positions, settings, the ledger, listen keys."""

from apps.exchange.core.venue.accounts import IncomeRow
from apps.exchange.core.venue.outbound import PositionView
from apps.exchange.core.venue.types import (
    MarginType,
)
from apps.exchange.venue_shell import refusals, wire_um
from apps.exchange.venue_shell.endpoint import Call
from apps.exchange.venue_shell.market_handlers import listed, optional_symbol
from apps.exchange.venue_shell.orders_in import position_side
from apps.exchange.venue_shell.wire import Json, eight, num
from chimera.instruments import Market

UM = Market.USDM
ROWS_MAX = 1_000
SUCCESS: Json = {"code": 200, "msg": "success"}

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
    views = call.venue.positions(call.account_id, optional_symbol(call))
    return [wire_um.position_risk(view) for view in views if _concerns(view)]


def position_risk_v2(call: Call) -> list[Json]:
    views = call.venue.positions(call.account_id, optional_symbol(call))
    return [wire_um.position_risk_v2(view) for view in views]


def symbol_config(call: Call) -> list[Json]:
    symbol = optional_symbol(call)
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
    symbol = optional_symbol(call)
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


def set_multi_assets_mode(call: Call) -> Json:
    """Refuse: USDT is the only margin, and that is so already."""
    call.params.required("multiAssetsMargin")
    if call.params.flag("multiAssetsMargin"):
        raise refusals.unsupported()
    raise refusals.asset_mode_unchanged()


def fee_burn(call: Call) -> Json:
    return {"feeBurn": False}


def set_fee_burn(call: Call) -> Json:
    """Fees are taken in USDT and never in BNB: this can only be switched off."""
    call.params.required("feeBurn")
    if call.params.flag("feeBurn"):
        raise refusals.unsupported()
    return SUCCESS


def position_margin(call: Call) -> Json:
    amount = call.params.required_decimal("amount")
    kind = call.params.required_integer("type")
    if kind not in (1, 2):
        raise refusals.illegal("type", "1|2")
    call.venue.position_margin(
        call.account_id,
        listed(call).symbol,
        amount,
        kind == 1,
        call.now,
        position_side=position_side(call.params),
    )
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


def _concerns(view: PositionView) -> bool:
    return bool(
        view.qty or view.open_order_initial_margin or view.bid_notional or view.ask_notional
    )


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
