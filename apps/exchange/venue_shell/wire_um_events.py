"""USDT-M futures on the wire: every stream event, field by field as Binance has it."""

from collections.abc import Iterable

from apps.exchange.core.venue.floor import Listing
from apps.exchange.core.venue.outbound import (
    AccountChanged,
    AlgoUpdated,
    BookChanged,
    Level,
    LeverageChanged,
    Liquidated,
    MarginCalled,
    OrderUpdated,
    PositionView,
    QuoteMoved,
    Ticker,
    Traded,
)
from apps.exchange.core.venue.types import (
    MarginType,
    VenueOrderType,
)
from apps.exchange.venue_shell.wire import (
    Json,
    eight,
    levels,
    num,
    percent_change,
    weighted_average,
)
from apps.exchange.venue_shell.wire_um import index_price, margin_type
from chimera.clock import Millis
from chimera.money import ZERO

CHILD_TYPE = {
    VenueOrderType.STOP: VenueOrderType.LIMIT,
    VenueOrderType.TAKE_PROFIT: VenueOrderType.LIMIT,
}

# --- market streams --------------------------------------------------------------------------------


def trade(event: Traded) -> Json:
    return {
        "e": "trade",
        "E": event.ts,
        "T": event.ts,
        "s": event.symbol,
        "t": event.trade_id,
        "p": num(event.price),
        "q": num(event.qty),
        "X": "MARKET",
        "m": event.buyer_is_maker,
    }


def agg_trade(event: Traded) -> Json:
    return {
        "e": "aggTrade",
        "E": event.ts,
        "s": event.symbol,
        "a": event.trade_id,
        "p": num(event.price),
        "q": num(event.qty),
        "nq": num(event.qty),
        "f": event.trade_id,
        "l": event.trade_id,
        "T": event.ts,
        "m": event.buyer_is_maker,
    }


def depth_update(change: BookChanged) -> Json:
    return {
        "e": "depthUpdate",
        "E": change.ts,
        "T": change.ts,
        "s": change.symbol,
        "U": change.first_id,
        "u": change.final_id,
        "pu": change.prev_final_id,
        "b": levels(change.bids),
        "a": levels(change.asks),
    }


def depth_levels(
    symbol: str,
    ts: Millis,
    update_id: int,
    previous_id: int,
    bids: Iterable[Level],
    asks: Iterable[Level],
) -> Json:
    """The ``@depth<n>`` event."""
    return {
        "e": "depthUpdate",
        "E": ts,
        "T": ts,
        "s": symbol,
        "U": previous_id + 1,
        "u": update_id,
        "pu": previous_id,
        "b": levels(bids),
        "a": levels(asks),
    }


def book_ticker(event: QuoteMoved) -> Json:
    return {
        "e": "bookTicker",
        "u": event.update_id,
        "s": event.symbol,
        "b": num(event.bid),
        "B": num(event.bid_qty),
        "a": num(event.ask),
        "A": num(event.ask_qty),
        "T": event.ts,
        "E": event.ts,
    }


def mark_price(listing: Listing, now: Millis) -> Json | None:
    """The ``@markPrice`` event; None while the mark is unknown."""
    if listing.mark is None:
        return None
    return {
        "e": "markPriceUpdate",
        "E": now,
        "s": listing.symbol,
        "p": eight(listing.mark),
        "ap": eight(listing.mark),
        "P": eight(index_price(listing)),
        "i": eight(index_price(listing)),
        "r": eight(listing.funding_rate),
        "T": listing.next_funding_time,
    }


def mini_ticker(symbol: str, day: Ticker, now: Millis) -> Json:
    return {
        "e": "24hrMiniTicker",
        "E": now,
        "s": symbol,
        "c": num(day.last),
        "o": num(day.open),
        "h": num(day.high),
        "l": num(day.low),
        "v": num(day.volume),
        "q": eight(day.quote_volume),
    }


def ticker(listing: Listing, day: Ticker, now: Millis) -> Json:
    """The ``@ticker`` event."""
    return {
        "e": "24hrTicker",
        "E": now,
        "s": listing.symbol,
        "p": num(day.last - day.open),
        "P": percent_change(day),
        "w": weighted_average(day),
        "c": num(day.last),
        "Q": num(day.last_qty),
        "o": num(day.open),
        "h": num(day.high),
        "l": num(day.low),
        "v": num(day.volume),
        "q": eight(day.quote_volume),
        "O": day.open_time,
        "C": day.close_time,
        "F": day.first_id,
        "L": day.last_id,
        "n": day.count,
    }


def force_order(event: Liquidated) -> Json:
    forced = event.order
    return {
        "e": "forceOrder",
        "E": event.ts,
        "o": {
            "s": forced.symbol,
            "S": forced.side,
            "o": forced.type,
            "f": forced.time_in_force,
            "q": num(forced.quantity),
            "p": num(forced.price),
            "ap": eight(forced.avg_price),
            "X": forced.status,
            "l": num(forced.fills[-1].qty if forced.fills else ZERO),
            "z": num(forced.executed),
            "T": event.ts,
        },
    }


# --- user stream -----------------------------------------------------------------------------------


def order_trade_update(event: OrderUpdated) -> Json:
    order, fill = event.order, event.fill
    body = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": num(order.quantity),
        "p": num(order.price),
        "ap": eight(order.avg_price),
        "sp": num(order.stop_price),
        "x": event.execution_type,
        "X": order.status,
        "i": order.order_id,
        "l": num(fill.qty if fill else ZERO),
        "z": num(order.executed),
        "L": num(fill.price if fill else ZERO),
        "T": event.ts,
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill.is_maker if fill else False,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.orig_type,
        "ps": order.position_side,
        "cp": order.close_position,
        "rp": eight(fill.realized_pnl if fill else ZERO),
        "pP": order.price_protect,
        "si": 0,
        "ss": 0,
        "V": order.stp_mode,
        "pm": order.price_match,
        "gtd": order.good_till_date,
        "er": str(order.expiry_reason.futures_code),
    }
    if fill:
        body["N"] = fill.fee_asset
        body["n"] = eight(fill.fee)
    if event.execution_type == "AMENDMENT":
        body["M"] = order.modify_count
    return {"e": "ORDER_TRADE_UPDATE", "E": event.ts, "T": event.ts, "o": body}


def trade_lite(event: OrderUpdated) -> Json:
    """The fast hint beside every fill: flat, and without fees."""
    order, fill = event.order, event.fill
    assert fill is not None
    return {
        "e": "TRADE_LITE",
        "E": event.ts,
        "T": event.ts,
        "s": order.symbol,
        "q": num(order.quantity),
        "p": num(order.price),
        "m": fill.is_maker,
        "c": order.client_order_id,
        "S": order.side,
        "L": num(fill.price),
        "l": num(fill.qty),
        "t": fill.trade_id,
        "i": order.order_id,
    }


def algo_update(event: AlgoUpdated) -> Json:
    algo = event.algo
    request, child = algo.request, algo.child
    return {
        "e": "ALGO_UPDATE",
        "T": event.ts,
        "E": event.ts,
        "o": {
            "caid": algo.client_algo_id,
            "aid": algo.algo_id,
            "at": "CONDITIONAL",
            "o": request.type,
            "s": request.symbol,
            "S": request.side,
            "ps": request.position_side,
            "f": request.time_in_force or "GTC",
            "q": num(request.quantity or ZERO),
            "X": algo.status,
            "ai": str(child.order_id) if child else "",
            "ap": eight(child.avg_price) if child else "0",
            "aq": num(child.executed) if child else "0",
            "act": child.type if child else CHILD_TYPE.get(request.type, VenueOrderType.MARKET),
            "tp": num(request.stop_price or ZERO),
            "p": num(request.price or ZERO),
            "V": request.stp_mode or "NONE",
            "wt": request.working_type,
            "pm": request.price_match,
            "cp": request.close_position,
            "pP": request.price_protect,
            "R": request.reduce_only,
            "tt": algo.trigger_time,
            "gtd": request.good_till_date or 0,
            "rm": algo.reject_reason,
            "ia": algo.activated,
        },
    }


def account_update(event: AccountChanged) -> Json:
    body: Json = {
        "m": event.reason,
        "B": [
            {
                "a": balance.asset,
                "wb": eight(balance.wallet),
                "cw": eight(balance.cross_wallet),
                "bc": eight(balance.change),
            }
            for balance in event.balances
        ],
        "P": [_account_update_position(view) for view in event.positions],
    }
    if event.symbol:
        body["S"] = event.symbol
    return {"e": "ACCOUNT_UPDATE", "E": event.ts, "T": event.ts, "a": body}


def leverage_update(event: LeverageChanged) -> Json:
    return {
        "e": "ACCOUNT_CONFIG_UPDATE",
        "E": event.ts,
        "T": event.ts,
        "ac": {"s": event.symbol, "l": event.leverage},
    }


def margin_call(event: MarginCalled) -> Json:
    view = event.position
    isolated = view.margin_type is MarginType.ISOLATED
    body: Json = {
        "e": "MARGIN_CALL",
        "E": event.ts,
        "p": [
            {
                "s": view.symbol,
                "ps": view.position_side,
                "pa": num(view.qty),
                "mt": view.margin_type,
                "iw": eight(view.isolated_wallet if isolated else ZERO),
                "mp": eight(view.mark_price),
                "up": eight(view.unrealized_pnl),
                "mm": eight(view.maint_margin),
            }
        ],
    }
    if not isolated:
        body["cw"] = eight(event.cross_wallet)
    return body


def listen_key_expired(listen_key: str, ts: Millis) -> Json:
    return {"e": "listenKeyExpired", "E": ts, "listenKey": listen_key}


def _account_update_position(view: PositionView) -> Json:
    isolated = view.margin_type is MarginType.ISOLATED
    return {
        "s": view.symbol,
        "pa": num(view.qty),
        "ep": eight(view.entry_price),
        "bep": eight(view.break_even_price),
        "cr": eight(view.realized_pnl),
        "up": eight(view.unrealized_pnl),
        "mt": margin_type(view.margin_type),
        "iw": eight(view.isolated_wallet if isolated else ZERO),
        "ps": view.position_side,
    }
