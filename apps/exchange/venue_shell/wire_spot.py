"""Spot on the wire: every REST body and stream event, field by field as Binance has it."""

from collections.abc import Iterable

from apps.exchange.core.venue.filters import SPOT_STOPS
from apps.exchange.core.venue.floor import Listing
from apps.exchange.core.venue.outbound import (
    AccountChanged,
    BookChanged,
    Level,
    ListUpdated,
    OrderUpdated,
    QuoteMoved,
    Ticker,
    Traded,
)
from apps.exchange.core.venue.types import (
    ExpiryReason,
    Fill,
    Order,
    OrderList,
    PreventedMatch,
)
from apps.exchange.venue_shell.wire import (
    Json,
    eight,
    levels_eight,
    percent_change,
    weighted_average,
)
from chimera.clock import Millis
from chimera.money import ZERO

TRADE_GROUP = 1  # an account trades with itself only
TRANSFER_REASONS = frozenset(
    {"TRANSFER", "MARGIN_TRANSFER", "ASSET_TRANSFER", "DEPOSIT", "WITHDRAW"}
)

# --- REST: market ----------------------------------------------------------------------------------


def ticker_24h(listing: Listing, day: Ticker) -> Json:
    bid, bid_qty, ask, ask_qty = listing.quote
    return {
        "symbol": listing.symbol,
        "priceChange": eight(day.last - day.open),
        "priceChangePercent": percent_change(day),
        "weightedAvgPrice": weighted_average(day),
        "prevClosePrice": eight(day.open),
        "lastPrice": eight(day.last),
        "lastQty": eight(day.last_qty),
        "bidPrice": eight(bid),
        "bidQty": eight(bid_qty),
        "askPrice": eight(ask),
        "askQty": eight(ask_qty),
        "openPrice": eight(day.open),
        "highPrice": eight(day.high),
        "lowPrice": eight(day.low),
        "volume": eight(day.volume),
        "quoteVolume": eight(day.quote_volume),
        "openTime": day.open_time,
        "closeTime": day.close_time,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.count,
    }


# --- REST: orders ----------------------------------------------------------------------------------


def order_ack(order: Order) -> Json:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": order.updated,
    }


def order_result(order: Order) -> Json:
    return {**order_ack(order), **_state(order)}


def order_full(order: Order) -> Json:
    return {**order_result(order), "fills": [_order_fill(fill) for fill in order.fills]}


def queried_order(order: Order) -> Json:
    body = order_result(order)
    del body["transactTime"]
    body["time"] = order.created
    body["updateTime"] = order.updated
    body["isWorking"] = order.is_working
    return body


def canceled_order(order: Order, cancel_id: str) -> Json:
    """The answer to a cancel: `clientOrderId` is the cancel's own, the order's is the original."""
    return {
        **order_result(order),
        "origClientOrderId": order.client_order_id,
        "clientOrderId": cancel_id,
    }


def order_list(group: OrderList) -> Json:
    return {
        "orderListId": group.order_list_id,
        "contingencyType": "OCO",
        "listStatusType": group.status,
        "listOrderStatus": _list_order_status(group),
        "listClientOrderId": group.list_client_order_id,
        "transactionTime": group.updated,
        "symbol": group.symbol,
        "orders": [
            {
                "symbol": order.symbol,
                "orderId": order.order_id,
                "clientOrderId": order.client_order_id,
            }
            for order in group.orders
        ],
    }


def order_list_report(group: OrderList) -> Json:
    return {**order_list(group), "orderReports": [order_result(order) for order in group.orders]}


def my_trade(fill: Fill, order_list_id: int) -> Json:
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": order_list_id,
        "price": eight(fill.price),
        "qty": eight(fill.qty),
        "quoteQty": eight(fill.quote_qty),
        "commission": eight(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.ts,
        "isBuyer": fill.side == "BUY",
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


# --- market streams --------------------------------------------------------------------------------


def trade(event: Traded) -> Json:
    return {
        "e": "trade",
        "E": event.ts,
        "s": event.symbol,
        "t": event.trade_id,
        "p": eight(event.price),
        "q": eight(event.qty),
        "T": event.ts,
        "m": event.buyer_is_maker,
        "M": True,
    }


def agg_trade(event: Traded) -> Json:
    return {
        "e": "aggTrade",
        "E": event.ts,
        "s": event.symbol,
        "a": event.trade_id,
        "p": eight(event.price),
        "q": eight(event.qty),
        "f": event.trade_id,
        "l": event.trade_id,
        "T": event.ts,
        "m": event.buyer_is_maker,
        "M": True,
    }


def depth_update(change: BookChanged) -> Json:
    return {
        "e": "depthUpdate",
        "E": change.ts,
        "s": change.symbol,
        "U": change.first_id,
        "u": change.final_id,
        "b": levels_eight(change.bids),
        "a": levels_eight(change.asks),
    }


def depth_levels(update_id: int, bids: Iterable[Level], asks: Iterable[Level]) -> Json:
    """The ``@depth<n>`` event, which on spot is a bare snapshot; REST depth is the same."""
    return {
        "lastUpdateId": update_id,
        "bids": levels_eight(bids),
        "asks": levels_eight(asks),
    }


def book_ticker(event: QuoteMoved) -> Json:
    return {
        "u": event.update_id,
        "s": event.symbol,
        "b": eight(event.bid),
        "B": eight(event.bid_qty),
        "a": eight(event.ask),
        "A": eight(event.ask_qty),
    }


def mini_ticker(symbol: str, day: Ticker, now: Millis) -> Json:
    return {
        "e": "24hrMiniTicker",
        "E": now,
        "s": symbol,
        "c": eight(day.last),
        "o": eight(day.open),
        "h": eight(day.high),
        "l": eight(day.low),
        "v": eight(day.volume),
        "q": eight(day.quote_volume),
    }


def ticker(listing: Listing, day: Ticker, now: Millis) -> Json:
    """The ``@ticker`` event."""
    bid, bid_qty, ask, ask_qty = listing.quote
    return {
        "e": "24hrTicker",
        "E": now,
        "s": listing.symbol,
        "p": eight(day.last - day.open),
        "P": percent_change(day),
        "w": weighted_average(day),
        "x": eight(day.open),
        "c": eight(day.last),
        "Q": eight(day.last_qty),
        "b": eight(bid),
        "B": eight(bid_qty),
        "a": eight(ask),
        "A": eight(ask_qty),
        "o": eight(day.open),
        "h": eight(day.high),
        "l": eight(day.low),
        "v": eight(day.volume),
        "q": eight(day.quote_volume),
        "O": day.open_time,
        "C": day.close_time,
        "F": day.first_id,
        "L": day.last_id,
        "n": day.count,
    }


def prevented_match(match: PreventedMatch) -> Json:
    body: Json = {
        "symbol": match.symbol,
        "preventedMatchId": match.match_id,
        "takerOrderId": match.taker_order_id,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_order_id,
        "tradeGroupId": TRADE_GROUP,
        "selfTradePreventionMode": match.mode,
        "price": eight(match.price),
        "transactTime": match.ts,
    }
    if match.taker_qty:
        body["takerPreventedQuantity"] = eight(match.taker_qty)
    if match.maker_qty:
        body["makerPreventedQuantity"] = eight(match.maker_qty)
    return body


# --- user stream -----------------------------------------------------------------------------------


def execution_report(event: OrderUpdated, execution_id: int, cancel_id: str | None) -> Json:
    order, fill = event.order, event.fill
    on_book = order.status.is_open and (order.is_working or order.type not in SPOT_STOPS)
    body: Json = {
        "e": "executionReport",
        "E": event.ts,
        "s": order.symbol,
        "c": cancel_id or order.client_order_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": eight(order.quantity),
        "p": eight(order.price),
        "P": eight(order.stop_price),
        "F": "0.00000000",
        "g": order.order_list_id,
        "C": order.client_order_id if cancel_id else "",
        "x": event.execution_type,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": eight(fill.qty if fill else ZERO),
        "z": eight(order.executed),
        "L": eight(fill.price if fill else ZERO),
        "n": eight(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": event.ts,
        "t": fill.trade_id if fill else -1,
        "I": execution_id,
        "w": on_book,
        "m": fill.is_maker if fill else False,
        "M": False,
        "O": order.created,
        "Z": eight(order.cum_quote),
        "Y": eight(fill.quote_qty if fill else ZERO),
        "Q": eight(order.quote_quantity),
        "V": order.stp_mode,
    }
    if on_book or order.working_time >= 0:
        body["W"] = order.working_time if order.working_time >= 0 else event.ts
    if order.trailing_delta is not None:
        body["d"] = order.trailing_delta
    if order.expiry_reason is not ExpiryReason.NONE:
        body["eR"] = order.expiry_reason
    return body


def event_stream_terminated(ts: Millis) -> Json:
    return {"e": "eventStreamTerminated", "E": ts}


def server_shutdown(ts: Millis) -> Json:
    return {"e": "serverShutdown", "E": ts}


def account_events(event: AccountChanged) -> list[Json]:
    """The changed balances, absolute; a transfer also says by how much."""
    events = [_account_position(event)]
    if event.reason in TRANSFER_REASONS:
        events += [
            {
                "e": "balanceUpdate",
                "E": event.ts,
                "a": balance.asset,
                "d": eight(balance.change),
                "T": event.ts,
            }
            for balance in event.balances
        ]
    return events


def _account_position(event: AccountChanged) -> Json:
    return {
        "e": "outboundAccountPosition",
        "E": event.ts,
        "u": event.ts,
        "B": [{"a": b.asset, "f": eight(b.wallet), "l": eight(b.locked)} for b in event.balances],
    }


def list_status(event: ListUpdated) -> Json:
    group = event.order_list
    return {
        "e": "listStatus",
        "E": event.ts,
        "s": group.symbol,
        "g": group.order_list_id,
        "c": "OCO",
        "l": group.status,
        "L": _list_order_status(group),
        "r": "NONE",
        "C": group.list_client_order_id,
        "T": event.ts,
        "O": [
            {"s": order.symbol, "i": order.order_id, "c": order.client_order_id}
            for order in group.orders
        ],
    }


def _state(order: Order) -> Json:
    body: Json = {
        "price": eight(order.price),
        "origQty": eight(order.quantity),
        "executedQty": eight(order.executed),
        "origQuoteOrderQty": eight(order.quote_quantity),
        "cummulativeQuoteQty": eight(order.cum_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "workingTime": order.working_time,
        "selfTradePreventionMode": order.stp_mode,
    }
    if order.type in SPOT_STOPS:
        body["stopPrice"] = eight(order.stop_price)
        body["icebergQty"] = "0.00000000"
    if order.trailing_delta is not None:
        body["trailingDelta"] = order.trailing_delta
    if order.expiry_reason is not ExpiryReason.NONE:
        body["expiryReason"] = order.expiry_reason
    return body


def _order_fill(fill: Fill) -> Json:
    return {
        "price": eight(fill.price),
        "qty": eight(fill.qty),
        "commission": eight(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.trade_id,
    }


def _list_order_status(group: OrderList) -> str:
    return "EXECUTING" if group.is_open else "ALL_DONE"
