"""REST that belongs to no market: exchange information and the ``/sapi`` wallet."""

from typing import Any

from apps.exchange.core.venue.accounts import IncomeKind
from apps.exchange.core.venue.types import VenueError
from apps.exchange.venue_shell.endpoint import Call
from apps.exchange.venue_shell.limits import LimitRules
from apps.exchange.venue_shell.market_handlers import listed
from apps.exchange.venue_shell.refusals import bad_symbol
from apps.exchange.venue_shell.wire import Json, eight, num
from chimera.instruments import Market

HALTED_STATUS = {Market.USDM: "PENDING_TRADING", Market.SPOT: "HALT"}
DIRECTIONS = ("MAIN_UMFUTURE", "UMFUTURE_MAIN")
RAW_REQUESTS = {
    "rateLimitType": "RAW_REQUESTS",
    "interval": "MINUTE",
    "intervalNum": 5,
    "limit": 300_000,
}
INTERVALS = {"S": "SECOND", "M": "MINUTE", "D": "DAY"}


def usdm_exchange_info(call: Call) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": call.wall,
        "futuresType": "U_MARGINED",
        "rateLimits": _rate_limits(call.host.limiters[Market.USDM].rules),
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": _symbols(call, call.host.symbols(Market.USDM)),
    }


def spot_exchange_info(call: Call) -> Json:
    """Every symbol, or those that `symbol` or `symbols` names."""
    names = call.host.symbols(Market.SPOT)
    if "symbol" in call.params:
        names = [listed(call).symbol]
    elif (asked := call.params.text("symbols")) is not None:
        wanted = [part.strip(' "') for part in asked.strip("[]").split(",")]
        if not set(wanted) <= set(names):
            raise bad_symbol()
        names = wanted
    return {
        "timezone": "UTC",
        "serverTime": call.wall,
        "rateLimits": [*_rate_limits(call.host.limiters[Market.SPOT].rules), RAW_REQUESTS],
        "exchangeFilters": [],
        "symbols": _symbols(call, names),
    }


def empty_exchange_info(call: Call) -> Json:
    """COIN-M: nothing is listed, so that clients which load every market find an empty one."""
    return {
        "timezone": "UTC",
        "serverTime": call.wall,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }


def no_rows(call: Call) -> list[Any]:
    return []


def system_status(call: Call) -> Json:
    return {"status": 0, "msg": "normal"}


def transfer(call: Call) -> Json:
    """Move money between the spot and the futures wallet."""
    params = call.params
    direction = params.required("type")
    if direction not in DIRECTIONS:
        raise VenueError(
            -1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed."
        )
    asset, amount = params.required("asset"), params.required_decimal("amount")
    return {"tranId": call.venue.transfer(call.account_id, asset, amount, direction, call.now)}


def transfers(call: Call) -> Json:
    """Past transfers of one direction, newest first."""
    direction = call.params.required("type")
    start, end = call.params.integer("startTime"), call.params.integer("endTime")
    sign = 1 if direction == "MAIN_UMFUTURE" else -1
    rows = [
        {
            "asset": row.asset,
            "amount": num(abs(row.amount)),
            "type": direction,
            "status": "CONFIRMED",
            "tranId": row.tran_id,
            "timestamp": row.ts,
        }
        for row in reversed(call.venue.account(call.account_id).income)
        if row.kind is IncomeKind.TRANSFER
        and row.market is Market.USDM
        and row.amount * sign > 0
        and (start is None or row.ts >= start)
        and (end is None or row.ts <= end)
    ]
    return {"total": len(rows), "rows": rows[: call.params.integer("size") or 10]}


def trade_fee(call: Call) -> list[Json]:
    fees = call.venue.floor.fees
    names = [listed(call).symbol] if "symbol" in call.params else call.host.symbols(Market.SPOT)
    return [
        {
            "symbol": name,
            "makerCommission": num(fees.spot_maker),
            "takerCommission": num(fees.spot_taker),
        }
        for name in names
    ]


def coins(call: Call) -> list[Json]:
    """``capital/config/getall``: what the account holds; nothing can be deposited or withdrawn."""
    return [
        {
            "coin": asset,
            "name": asset,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "free": eight(balance.free),
            "locked": eight(balance.locked),
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "networkList": [],
        }
        for asset, balance in call.venue.account(call.account_id).spot.items()
    ]


def _symbols(call: Call, names: list[str]) -> list[Json]:
    rows = []
    for name in names:
        info = dict(call.venue.listing(call.market, name).instrument.info)
        if (call.market, name) in call.host.faults.halted:
            info["status"] = HALTED_STATUS[call.market]
        rows.append(info)
    return rows


def _rate_limits(rules: LimitRules) -> list[Json]:
    weight: Json = {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": rules.weight_per_minute,
    }
    orders = [
        {
            "rateLimitType": "ORDERS",
            "interval": INTERVALS[limit.name[-1]],
            "intervalNum": int(limit.name[:-1]),
            "limit": limit.count,
        }
        for limit in rules.orders
    ]
    return [weight, *orders]
