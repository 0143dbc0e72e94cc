"""USDT-M futures on the wire: every REST body and stream event, field by field as Binance has it."""

from collections.abc import Iterable
from decimal import Decimal

from apps.exchange.core.venue.accounts import AccountView
from apps.exchange.core.venue.floor import FUNDING_INTERVAL, Listing
from apps.exchange.core.venue.instruments import VenueInstrument
from apps.exchange.core.venue.outbound import (
    AccountChanged,
    AlgoUpdated,
    BookChanged,
    FundingPayment,
    Level,
    LeverageChanged,
    Liquidated,
    OrderUpdated,
    PositionView,
    QuoteMoved,
    Ticker,
    Traded,
)
from apps.exchange.core.venue.types import (
    AlgoOrder,
    Fill,
    MarginType,
    Order,
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
from chimera.clock import HOUR, Millis
from chimera.money import ZERO

MARGIN_ASSET = "USDT"
INTEREST_RATE = "0.00010000"
CHILD_TYPE = {
    VenueOrderType.STOP: VenueOrderType.LIMIT,
    VenueOrderType.TAKE_PROFIT: VenueOrderType.LIMIT,
}

# --- REST: orders ----------------------------------------------------------------------------------


def order(order: Order) -> Json:
    """One order as placing, cancelling and amending answer it."""
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "price": num(order.price),
        "avgPrice": eight(order.avg_price),
        "origQty": num(order.quantity),
        "executedQty": num(order.executed),
        "cumQty": num(order.executed),
        "cumQuote": eight(order.cum_quote),
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": num(order.stop_price),
        "workingType": order.working_type,
        "priceProtect": order.price_protect,
        "origType": order.orig_type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.stp_mode,
        "goodTillDate": order.good_till_date,
        "updateTime": order.updated,
    }


def order_ack(placed: Order) -> Json:
    """The answer to ``newOrderRespType=ACK``: the order as it was taken in, without fills."""
    return {
        **order(placed),
        "status": "NEW",
        "avgPrice": "0.00",
        "executedQty": "0",
        "cumQty": "0",
        "cumQuote": "0",
    }


def queried_order(queried: Order) -> Json:
    """One order as the query endpoints answer it."""
    body = order(queried)
    del body["cumQty"]
    body["time"] = queried.created
    return body


def algo_order(algo: AlgoOrder) -> Json:
    """One conditional order as placing it answers."""
    request = algo.request
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": request.type,
        "symbol": request.symbol,
        "side": request.side,
        "positionSide": request.position_side,
        "timeInForce": request.time_in_force or "GTC",
        "quantity": num(request.quantity or ZERO),
        "algoStatus": algo.status,
        "triggerPrice": num(request.stop_price or ZERO),
        "price": num(request.price or ZERO),
        "icebergQuantity": None,
        "selfTradePreventionMode": request.stp_mode or "NONE",
        "workingType": request.working_type,
        "priceMatch": "NONE",
        "closePosition": request.close_position,
        "priceProtect": request.price_protect,
        "reduceOnly": request.reduce_only,
        "activatePrice": num(request.activate_price) if request.activate_price else "",
        "callbackRate": num(request.callback_rate) if request.callback_rate else "",
        "createTime": algo.created,
        "updateTime": algo.updated,
        "triggerTime": algo.trigger_time,
        "goodTillDate": request.good_till_date or 0,
    }


def queried_algo(algo: AlgoOrder) -> Json:
    """One conditional order as the query endpoints answer it, naming its child once triggered."""
    child = algo.child
    return {
        **algo_order(algo),
        "actualOrderId": str(child.order_id) if child else "",
        "actualPrice": eight(child.avg_price) if child else "0.00000",
        "actualQty": num(child.executed) if child else "0",
        "actualType": child.type if child else "",
        "tpOrderType": "",
    }


def user_trade(fill: Fill) -> Json:
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": fill.side,
        "positionSide": fill.position_side,
        "price": num(fill.price),
        "qty": num(fill.qty),
        "quoteQty": eight(fill.quote_qty),
        "realizedPnl": eight(fill.realized_pnl),
        "commission": eight(fill.fee),
        "commissionAsset": fill.fee_asset,
        "marginAsset": MARGIN_ASSET,
        "time": fill.ts,
        "buyer": fill.side == "BUY",
        "maker": fill.is_maker,
    }


def liquidation_order(forced: Order) -> Json:
    body = queried_order(forced)
    return {
        name: body[name]
        for name in (
            "orderId",
            "symbol",
            "status",
            "clientOrderId",
            "price",
            "avgPrice",
            "origQty",
            "executedQty",
            "cumQuote",
            "timeInForce",
            "type",
            "reduceOnly",
            "closePosition",
            "side",
            "positionSide",
            "stopPrice",
            "workingType",
            "origType",
            "time",
            "updateTime",
        )
    }


# --- REST: market ----------------------------------------------------------------------------------


def ticker_24h(listing: Listing, day: Ticker) -> Json:
    return {
        "symbol": listing.symbol,
        "priceChange": num(day.last - day.open),
        "priceChangePercent": percent_change(day),
        "weightedAvgPrice": weighted_average(day),
        "lastPrice": num(day.last),
        "lastQty": num(day.last_qty),
        "openPrice": num(day.open),
        "highPrice": num(day.high),
        "lowPrice": num(day.low),
        "volume": num(day.volume),
        "quoteVolume": eight(day.quote_volume),
        "openTime": day.open_time,
        "closeTime": day.close_time,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.count,
    }


def premium_index(listing: Listing, now: Millis) -> Json:
    mark, index = listing.mark or ZERO, _index(listing)
    return {
        "symbol": listing.symbol,
        "markPrice": eight(mark),
        "indexPrice": eight(index),
        "estimatedSettlePrice": eight(index),
        "lastFundingRate": eight(listing.funding_rate),
        "interestRate": INTEREST_RATE,
        "nextFundingTime": listing.next_funding_time,
        "time": now,
    }


def funding_payment(payment: FundingPayment) -> Json:
    return {
        "symbol": payment.symbol,
        "fundingRate": eight(payment.rate),
        "fundingTime": payment.ts,
        "markPrice": eight(payment.mark),
    }


def funding_info(symbol: str) -> Json:
    return {
        "symbol": symbol,
        "adjustedFundingRateCap": "0.02000000",
        "adjustedFundingRateFloor": "-0.02000000",
        "fundingIntervalHours": FUNDING_INTERVAL // HOUR,
        "disclaimer": False,
    }


def leverage_brackets(instrument: VenueInstrument) -> Json:
    """A row of leverageBracket, whose figures are JSON numbers."""
    return {
        "symbol": instrument.symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": step.bracket,
                "initialLeverage": step.initial_leverage,
                "notionalCap": int(step.cap),
                "notionalFloor": int(step.floor),
                "maintMarginRatio": float(step.maint_margin_ratio),
                "cum": float(step.cum),
            }
            for step in instrument.brackets
        ],
    }


# --- REST: account ---------------------------------------------------------------------------------


def account(view: AccountView, positions: list[Json], now: Millis) -> Json:
    """The account page, v3 and the common part of v2; USDT is the only asset."""
    return {
        "totalInitialMargin": eight(view.initial_margin),
        "totalMaintMargin": eight(view.maint_margin),
        "totalWalletBalance": eight(view.wallet_balance),
        "totalUnrealizedProfit": eight(view.unrealized_pnl),
        "totalMarginBalance": eight(view.margin_balance),
        "totalPositionInitialMargin": eight(view.position_initial_margin),
        "totalOpenOrderInitialMargin": eight(view.open_order_initial_margin),
        "totalCrossWalletBalance": eight(view.cross_wallet),
        "totalCrossUnPnl": eight(view.cross_unrealized_pnl),
        "availableBalance": eight(view.available),
        "maxWithdrawAmount": eight(view.max_withdraw),
        "assets": [
            {
                "asset": MARGIN_ASSET,
                "walletBalance": eight(view.wallet_balance),
                "unrealizedProfit": eight(view.unrealized_pnl),
                "marginBalance": eight(view.margin_balance),
                "maintMargin": eight(view.maint_margin),
                "initialMargin": eight(view.initial_margin),
                "positionInitialMargin": eight(view.position_initial_margin),
                "openOrderInitialMargin": eight(view.open_order_initial_margin),
                "crossWalletBalance": eight(view.cross_wallet),
                "crossUnPnl": eight(view.cross_unrealized_pnl),
                "availableBalance": eight(view.available),
                "maxWithdrawAmount": eight(view.max_withdraw),
                "marginAvailable": True,
                "updateTime": now,
            }
        ],
        "positions": positions,
    }


def balance(alias: str, view: AccountView, now: Millis) -> Json:
    return {
        "accountAlias": alias,
        "asset": MARGIN_ASSET,
        "balance": eight(view.wallet_balance),
        "crossWalletBalance": eight(view.cross_wallet),
        "crossUnPnl": eight(view.cross_unrealized_pnl),
        "availableBalance": eight(view.available),
        "maxWithdrawAmount": eight(view.max_withdraw),
        "marginAvailable": True,
        "updateTime": now,
    }


def symbol_config(view: PositionView) -> Json:
    return {
        "symbol": view.symbol,
        "marginType": view.margin_type,
        "isAutoAddMargin": False,
        "leverage": view.leverage,
        "maxNotionalValue": num(view.max_notional),
    }


# --- REST: positions -------------------------------------------------------------------------------


def position_risk(view: PositionView) -> Json:
    """A row of positionRisk v3."""
    isolated = view.margin_type is MarginType.ISOLATED
    return {
        "symbol": view.symbol,
        "positionSide": view.position_side,
        "positionAmt": num(view.qty),
        "entryPrice": eight(view.entry_price),
        "breakEvenPrice": eight(view.break_even_price),
        "markPrice": eight(view.mark_price),
        "unRealizedProfit": eight(view.unrealized_pnl),
        "liquidationPrice": eight(view.liquidation_price),
        "isolatedMargin": eight(view.isolated_margin if isolated else ZERO),
        "notional": eight(view.notional),
        "marginAsset": MARGIN_ASSET,
        "isolatedWallet": eight(view.isolated_wallet if isolated else ZERO),
        "initialMargin": eight(view.initial_margin),
        "maintMargin": eight(view.maint_margin),
        "positionInitialMargin": eight(view.position_initial_margin),
        "openOrderInitialMargin": eight(view.open_order_initial_margin),
        "adl": 1,
        "bidNotional": eight(view.bid_notional),
        "askNotional": eight(view.ask_notional),
        "updateTime": view.updated,
    }


def position_risk_v2(view: PositionView) -> Json:
    return {
        **position_risk(view),
        "leverage": str(view.leverage),
        "marginType": _margin_type(view.margin_type),
        "isAutoAddMargin": "false",
        "maxNotionalValue": num(view.max_notional),
    }


def account_position(view: PositionView) -> Json:
    """A row of account v3's positions."""
    isolated = view.margin_type is MarginType.ISOLATED
    return {
        "symbol": view.symbol,
        "positionSide": view.position_side,
        "positionAmt": num(view.qty),
        "unrealizedProfit": eight(view.unrealized_pnl),
        "isolatedMargin": eight(view.isolated_margin if isolated else ZERO),
        "notional": eight(view.notional),
        "isolatedWallet": eight(view.isolated_wallet if isolated else ZERO),
        "initialMargin": eight(view.initial_margin),
        "maintMargin": eight(view.maint_margin),
        "updateTime": view.updated,
    }


def account_position_v2(view: PositionView) -> Json:
    return {
        **account_position(view),
        "positionInitialMargin": eight(view.position_initial_margin),
        "openOrderInitialMargin": eight(view.open_order_initial_margin),
        "leverage": str(view.leverage),
        "isolated": view.margin_type is MarginType.ISOLATED,
        "entryPrice": eight(view.entry_price),
        "breakEvenPrice": eight(view.break_even_price),
        "maxNotional": num(view.max_notional),
        "bidNotional": eight(view.bid_notional),
        "askNotional": eight(view.ask_notional),
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
        "P": eight(_index(listing)),
        "i": eight(_index(listing)),
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
        "pm": "NONE",
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
            "pm": "NONE",
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
        "mt": _margin_type(view.margin_type),
        "iw": eight(view.isolated_wallet if isolated else ZERO),
        "ps": view.position_side,
    }


def _margin_type(margin_type: MarginType) -> str:
    return "isolated" if margin_type is MarginType.ISOLATED else "cross"


def _index(listing: Listing) -> Decimal:
    return listing.index or listing.mark or ZERO
