"""Binance's account messages and REST answers for USDT-M futures become reports. Pure.

Conditional orders live in a service of their own: they have their own ids, and what trades in the end
is a child order. Reports always name the order we know, by our own id.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chimera.clock import HOUR, Millis
from chimera.events import (
    ACCOUNT,
    FeeCharged,
    FundingPaid,
    MarginSettingsChanged,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderTriggered,
    OrderUnclear,
    WalletTransferred,
)
from chimera.events.base import Event
from chimera.events.orders import OrderState
from chimera.events.positions import HeldPosition, RestingOrder
from chimera.instruments import Market, Side, symbol_of
from chimera.money import ZERO

from .wire_orders import Raw, UnknownKind, cut, execution_events

CONDITIONAL_STATES = {
    "NEW": OrderState.OPEN,
    "ACCEPTED": OrderState.OPEN,
    "TRIGGERING": OrderState.OPEN,
    "TRIGGERED": OrderState.OPEN,
    "FINISHED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}
CHILDREN_KEPT = 1_000
NO_CHILD = ("", "0", "None")
STREAM_ENDS = "listenKeyExpired"
IGNORED = frozenset(
    {
        "TRADE_LITE",  # a fill told early, without its fee
        "MARGIN_CALL",  # what is held has a stop long before, or is being closed
        "CONDITIONAL_ORDER_TRIGGER_REJECT",  # retired: an ALGO_UPDATE says so
        "STRATEGY_UPDATE",  # the venue's own strategies, which we do not use
        "GRID_UPDATE",
    }
)


class Children:
    """Which conditional order each triggered child came from, by the child's order id."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def learn(self, child_order_id: str, client_algo_id: str) -> None:
        if child_order_id in NO_CHILD:
            return
        self._parents[child_order_id] = client_algo_id
        if len(self._parents) > CHILDREN_KEPT:
            del self._parents[next(iter(self._parents))]

    def our_id(self, order_id: str, client_order_id: str) -> str:
        return self._parents.get(order_id, client_order_id)

    def knows(self, order_id: str) -> bool:
        return order_id in self._parents


INSURANCE = "INSURANCE_CLEAR"
TRANSFERS = ("ASSET_TRANSFER", "DEPOSIT", "WITHDRAW", "ADMIN_DEPOSIT", "ADMIN_WITHDRAW")


def user_events(message: Raw, children: Children, now: Millis) -> Iterator[Event]:
    """Yield what one message of the user stream states about our orders and money.

    Raises
    ------
    UnknownKind
        If nobody told us of this kind of message.
    """
    match message.get("e"):
        case "ORDER_TRADE_UPDATE":
            o = message["o"]
            yield from execution_events(
                o,
                symbol=symbol_of(o["s"], Market.USDM),
                ours=children.our_id(str(o["i"]), o["c"]),
                ts=message["T"],
                now=now,
            )
        case "ALGO_UPDATE":
            yield from _conditional_events(message["o"], children, message["T"], now)
        case "ACCOUNT_UPDATE":
            yield from _account_events(message["a"], message["T"], now)
        case "ACCOUNT_CONFIG_UPDATE":
            change = message.get("ac") or message["ai"]
            symbol = symbol_of(change["s"], Market.USDM) if "s" in change else ACCOUNT
            yield _settings_changed(symbol, message["T"], now)
        case kind if kind not in IGNORED:
            raise UnknownKind(kind)


def _conditional_events(o: Raw, children: Children, ts: Millis, now: Millis) -> Iterator[Event]:
    ours, venue_id, child_id = o["caid"], str(o["aid"]), str(o.get("ai") or "")
    children.learn(child_id, ours)
    named: dict[str, Any] = {
        "ts_event": ts,
        "ts_init": now,
        "symbol": symbol_of(o["s"], Market.USDM),
        "client_order_id": ours,
    }
    reason = str(o.get("rm") or "")
    match o["X"]:
        case "NEW" | "ACCEPTED":
            yield OrderAccepted(id=f"accepted:{ours}:{venue_id}", venue_order_id=venue_id, **named)
        case "TRIGGERING":
            return  # its child is told of next
        case "TRIGGERED":
            yield OrderTriggered(id=f"triggered:{ours}", venue_order_id=child_id, **named)
        case "FINISHED":  # the child ended; a fill of it that we missed is then asked for
            filled = Decimal(o.get("aq") or 0)
            yield OrderExpired(id=f"finished:{ours}", filled_qty=filled, reason="finished", **named)
        case "CANCELED":
            yield OrderCanceled(id=f"canceled:{ours}", **named)
        case "EXPIRED":
            yield OrderExpired(id=f"expired:{ours}", reason=reason, **named)
        case "REJECTED":
            yield OrderRejected(
                id=f"rejected:{ours}", code="REJECTED_AT_TRIGGER", message=reason, **named
            )
        case unknown:
            yield OrderUnclear(
                id=f"unclear:{ours}:{unknown}:{ts}",
                message=f"the venue reported the conditional status {unknown}",
                raw=cut(o),
                **named,
            )


def _account_events(a: Raw, ts: Millis, now: Millis) -> Iterator[Event]:
    reason = a["m"]
    if reason == "MARGIN_TYPE_CHANGE":
        for position in a["P"]:
            yield _settings_changed(symbol_of(position["s"], Market.USDM), ts, now)
    for balance in a["B"]:
        if reason == INSURANCE:
            yield _insurance_fee(a.get("S") or a["P"][0]["s"], balance, ts, now)
        if reason == "FUNDING_FEE":
            symbol = a.get("S") or a["P"][0]["s"]
            yield _funding_paid(symbol, balance["bc"], balance["a"], ts, now)
        if reason in TRANSFERS:
            yield WalletTransferred(
                id=f"transfer:um:{balance['a']}:{ts}:{balance['bc']}",
                ts_event=ts,
                ts_init=now,
                asset=balance["a"],
                amount=Decimal(balance["bc"]),
            )


def _insurance_fee(symbol: str, balance: Raw, ts: Millis, now: Millis) -> FeeCharged:
    """Return what a liquidation paid to the insurance fund; `bc` leaves out PnL and commission."""
    name = symbol_of(symbol, Market.USDM)
    return FeeCharged(
        id=f"fee:{name}:{INSURANCE}:{ts}:{balance['bc']}",
        ts_event=ts,
        ts_init=now,
        symbol=name,
        amount=-Decimal(balance["bc"]),
        asset=balance["a"],
        reason=INSURANCE,
    )


def _settings_changed(symbol: str, ts: Millis, now: Millis) -> MarginSettingsChanged:
    return MarginSettingsChanged(
        id=f"settings:{symbol}:{ts}", ts_event=ts, ts_init=now, symbol=symbol
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


def holdings(account: Raw) -> dict[str, Decimal]:
    """Return balances by asset and positions by symbol and side of ``v3/account``."""
    wallets = {row["asset"]: Decimal(row["walletBalance"]) for row in account["assets"]}
    sides = {
        f"{row['symbol']}:{row['positionSide']}": Decimal(row["positionAmt"])
        for row in account["positions"]
    }
    return wallets | sides


def holdings_told(message: Raw) -> dict[str, Decimal]:
    """Return what an ``ACCOUNT_UPDATE`` says of the same; other messages say nothing."""
    if message.get("e") != "ACCOUNT_UPDATE":
        return {}
    a = message["a"]
    wallets = {row["a"]: Decimal(row["wb"]) for row in a["B"]}
    return wallets | {f"{row['s']}:{row['ps']}": Decimal(row["pa"]) for row in a.get("P", ())}


def held_position(row: Raw, setting: Raw) -> HeldPosition:
    """Return a position of `positionRisk`, with the settings of `symbolConfig` that it lacks."""
    return HeldPosition(
        symbol=symbol_of(row["symbol"], Market.USDM),
        qty=Decimal(row["positionAmt"]),
        entry_px=Decimal(row["entryPrice"]),
        mark_px=Decimal(row["markPrice"]),
        unrealised_pnl=Decimal(row["unRealizedProfit"]),
        leverage=int(setting["leverage"]),
        isolated=setting["marginType"] == "ISOLATED",
    )


def resting_plain(row: Raw) -> RestingOrder:
    """Return an order that rests in the book, of a row of ``openOrders``."""
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
    """Return an open conditional order; one that closes the whole position states no quantity."""
    return RestingOrder(
        symbol=symbol_of(row["symbol"], Market.USDM),
        client_order_id=row["clientAlgoId"],
        venue_order_id=str(row["algoId"]),
        conditional=True,
        side=Side(row["side"]),
        qty=Decimal(row.get("quantity") or 0),
        filled_qty=ZERO,
        trigger_px=Decimal(row["triggerPrice"]) if row.get("triggerPrice") else None,
    )
