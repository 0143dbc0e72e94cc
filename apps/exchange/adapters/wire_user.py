"""Binance's account messages and REST answers for USDT-M futures become reports. Pure.

Conditional orders live in a service of their own: they have their own ids, and what trades in the end
is a child order. Reports always name the order we know, by our own id.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chimera.clock import HOUR, Millis
from chimera.events import (
    FundingPaid,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderStatus,
    OrderTriggered,
    WalletChanged,
)
from chimera.events.base import Event
from chimera.events.orders import LiquiditySide, OrderState
from chimera.events.positions import HeldPosition, RestingOrder
from chimera.instruments import Market, Side, symbol_of
from chimera.money import ZERO

Raw = dict[str, Any]

PLAIN_STATES = {
    "NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}
CONDITIONAL_STATES = {
    "NEW": OrderState.OPEN,
    "TRIGGERING": OrderState.OPEN,
    "TRIGGERED": OrderState.OPEN,
    "FINISHED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}


class Children:
    """Which conditional order each triggered child came from, by the child's order id."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def learn(self, child_order_id: str, client_algo_id: str) -> None:
        if child_order_id and child_order_id != "0":
            self._parents[child_order_id] = client_algo_id

    def our_id(self, order_id: str, client_order_id: str) -> str:
        return self._parents.get(order_id, client_order_id)


def user_events(message: Raw, children: Children, now: Millis) -> Iterator[Event]:
    """Yield what one message of the user stream states about our orders and money."""
    match message.get("e"):
        case "ORDER_TRADE_UPDATE":
            yield from _order_events(message["o"], children, message["T"], now)
        case "ALGO_UPDATE":
            yield from _conditional_events(message["o"], children, message["T"], now)
        case "ACCOUNT_UPDATE":
            yield from _account_events(message["a"], message["T"], now)


def _order_events(o: Raw, children: Children, ts: Millis, now: Millis) -> Iterator[Event]:
    symbol = symbol_of(o["s"], Market.USDM)
    venue_id = str(o["i"])
    ours = children.our_id(venue_id, o["c"])
    match o["x"]:
        case "NEW":
            yield OrderAccepted(
                id=f"accepted:{ours}:{venue_id}",
                ts_event=ts,
                ts_init=now,
                symbol=symbol,
                client_order_id=ours,
                venue_order_id=venue_id,
            )
        case "TRADE" | "CALCULATED":
            yield OrderFilled(
                id=f"fill:{symbol}:{o['t']}",
                ts_event=ts,
                ts_init=now,
                symbol=symbol,
                client_order_id=ours,
                venue_order_id=venue_id,
                trade_id=str(o["t"]),
                side=Side(o["S"]),
                last_qty=Decimal(o["l"]),
                last_px=Decimal(o["L"]),
                filled_qty=Decimal(o["z"]),
                fee=Decimal(o.get("n") or 0),
                fee_asset=o.get("N") or "USDT",
                liquidity_side=LiquiditySide.MAKER if o["m"] else LiquiditySide.TAKER,
                realised_pnl=Decimal(o["rp"]),
            )
        case "CANCELED":
            yield OrderCanceled(
                id=f"canceled:{ours}",
                ts_event=ts,
                ts_init=now,
                symbol=symbol,
                client_order_id=ours,
                filled_qty=Decimal(o["z"]),
            )
        case "EXPIRED":
            yield OrderExpired(
                id=f"expired:{ours}",
                ts_event=ts,
                ts_init=now,
                symbol=symbol,
                client_order_id=ours,
                filled_qty=Decimal(o["z"]),
                reason=str(o.get("er", "")),
            )


def _conditional_events(o: Raw, children: Children, ts: Millis, now: Millis) -> Iterator[Event]:
    symbol = symbol_of(o["s"], Market.USDM)
    ours = o["caid"]
    children.learn(str(o.get("ai") or ""), ours)
    named: dict[str, Any] = {
        "ts_event": ts,
        "ts_init": now,
        "symbol": symbol,
        "client_order_id": ours,
    }
    match o["X"]:
        case "NEW":
            yield OrderAccepted(
                id=f"accepted:{ours}:{o['aid']}", venue_order_id=str(o["aid"]), **named
            )
        case "TRIGGERED":
            yield OrderTriggered(
                id=f"triggered:{ours}", venue_order_id=str(o.get("ai") or ""), **named
            )
        case "FINISHED":
            yield OrderStatus(
                id=f"finished:{ours}",
                venue_order_id=str(o.get("ai") or ""),
                state=OrderState.FILLED,
                filled_qty=Decimal(o.get("aq") or 0),
                **named,
            )
        case "CANCELED":
            yield OrderCanceled(id=f"canceled:{ours}", **named)
        case "EXPIRED":
            yield OrderExpired(id=f"expired:{ours}", reason=str(o.get("rm") or ""), **named)
        case "REJECTED":
            reason = str(o.get("rm") or "")
            yield OrderRejected(
                id=f"rejected:{ours}", code="REJECTED_AT_TRIGGER", message=reason, **named
            )


def _account_events(a: Raw, ts: Millis, now: Millis) -> Iterator[Event]:
    reason = a["m"]
    for balance in a["B"]:
        if reason == "FUNDING_FEE":
            symbol = a.get("S") or (a["P"][0]["s"] if a["P"] else "")
            yield _funding_paid(symbol, balance["bc"], balance["a"], ts, now)
        yield WalletChanged(
            id=f"wallet:{balance['a']}:{ts}:{balance['wb']}",
            ts_event=ts,
            ts_init=now,
            asset=balance["a"],
            balance=Decimal(balance["wb"]),
            reason=reason,
        )


def funding_of_income(rows: list[Raw], now: Millis) -> Iterator[FundingPaid]:
    """Yield the funding payments among `income` rows, oldest first."""
    for row in sorted(rows, key=lambda row: int(row["time"])):
        if row["incomeType"] == "FUNDING_FEE":
            yield _funding_paid(row["symbol"], row["income"], row["asset"], int(row["time"]), now)


def _funding_paid(symbol: str, amount: str, asset: str, ts: Millis, now: Millis) -> FundingPaid:
    """Return a funding payment, named by its hour: the stream and `income` may differ by moments."""
    name = symbol_of(symbol, Market.USDM)
    return FundingPaid(
        id=f"funding:{name}:{ts - ts % HOUR}",
        ts_event=ts,
        ts_init=now,
        symbol=name,
        amount=Decimal(amount),
        asset=asset,
    )


def fills_of_trades(trades: list[Raw], client_order_id: str, now: Millis) -> Iterator[OrderFilled]:
    """Yield the fills that `userTrades` lists for one order, oldest first."""
    filled = ZERO
    for trade in sorted(trades, key=lambda trade: int(trade["id"])):
        symbol = symbol_of(trade["symbol"], Market.USDM)
        filled += Decimal(trade["qty"])
        yield OrderFilled(
            id=f"fill:{symbol}:{trade['id']}",
            ts_event=int(trade["time"]),
            ts_init=now,
            symbol=symbol,
            client_order_id=client_order_id,
            venue_order_id=str(trade["orderId"]),
            trade_id=str(trade["id"]),
            side=Side(trade["side"]),
            last_qty=Decimal(trade["qty"]),
            last_px=Decimal(trade["price"]),
            filled_qty=filled,
            fee=Decimal(trade["commission"]),
            fee_asset=trade["commissionAsset"],
            liquidity_side=LiquiditySide.MAKER if trade["maker"] else LiquiditySide.TAKER,
            realised_pnl=Decimal(trade["realizedPnl"]),
        )


def held_position(row: Raw, leverage: int, isolated: bool) -> HeldPosition:
    """Return a position of `positionRisk`, with the settings that answer no longer carries."""
    return HeldPosition(
        symbol=symbol_of(row["symbol"], Market.USDM),
        qty=Decimal(row["positionAmt"]),
        entry_px=Decimal(row["entryPrice"]),
        mark_px=Decimal(row["markPrice"]),
        unrealised_pnl=Decimal(row["unRealizedProfit"]),
        leverage=leverage,
        isolated=isolated,
    )


def resting_plain(row: Raw) -> RestingOrder:
    return RestingOrder(
        symbol=symbol_of(row["symbol"], Market.USDM),
        client_order_id=row["clientOrderId"],
        venue_order_id=str(row["orderId"]),
        conditional=False,
        side=Side(row["side"]),
        qty=Decimal(row["origQty"]),
        filled_qty=Decimal(row["executedQty"]),
        trigger_px=None,
    )


def resting_conditional(row: Raw) -> RestingOrder:
    return RestingOrder(
        symbol=symbol_of(row["symbol"], Market.USDM),
        client_order_id=row["clientAlgoId"],
        venue_order_id=str(row["algoId"]),
        conditional=True,
        side=Side(row["side"]),
        qty=Decimal(row["quantity"] or 0),
        filled_qty=ZERO,
        trigger_px=Decimal(row["triggerPrice"]) if row.get("triggerPrice") else None,
    )
