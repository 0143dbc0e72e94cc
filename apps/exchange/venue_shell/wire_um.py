"""USDT-M futures on the wire: every REST body, field by field as Binance has it.

The stream events are in `wire_um_events`.
"""

from decimal import Decimal

from apps.exchange.core.venue.accounts import AccountView
from apps.exchange.core.venue.floor import FUNDING_INTERVAL, Listing
from apps.exchange.core.venue.instruments import VenueInstrument
from apps.exchange.core.venue.outbound import (
    FundingPayment,
    PositionView,
    Ticker,
)
from apps.exchange.core.venue.types import (
    AlgoOrder,
    Fill,
    MarginType,
    Order,
)
from apps.exchange.venue_shell.wire import (
    Json,
    eight,
    num,
    percent_change,
    weighted_average,
)
from chimera.clock import HOUR, Millis
from chimera.money import ZERO

MARGIN_ASSET = "USDT"
INTEREST_RATE = "0.00010000"

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
        "priceMatch": order.price_match,
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
        "priceMatch": request.price_match,
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
    mark, index = listing.mark or ZERO, index_price(listing)
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
        "marginType": margin_type(view.margin_type),
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


# --- spelling --------------------------------------------------------------------------------------


def margin_type(kind: MarginType) -> str:
    """Spell a margin type as v2 positions and account events do."""
    return "isolated" if kind is MarginType.ISOLATED else "cross"


def index_price(listing: Listing) -> Decimal:
    """Return the index, for which the mark stands in where none is fed."""
    return listing.index or listing.mark or ZERO
