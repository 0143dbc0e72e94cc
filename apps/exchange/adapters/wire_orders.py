"""Execution reports: what both markets say about an order in the same letters. Pure.

`x` is what just happened, `X` the state after it; `l`, `L`, `t` are the last fill, `z` all fills so far.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from apps.exchange.core.origin import origin_of
from chimera.clock import Millis
from chimera.events import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
    OrderUnclear,
)
from chimera.events.base import Event
from chimera.events.orders import LiquiditySide, OrderState
from chimera.instruments import Market, Side, symbol_of
from chimera.money import ZERO

Raw = dict[str, Any]

RAW_MAX = 2_000  # characters of a message that are kept
ORDER_STATES = {
    "NEW": OrderState.OPEN,
    "PENDING_NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}
_FILLS = frozenset({"TRADE", "CALCULATED"})
_ENDINGS = frozenset({"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED", "TRADE_PREVENTION"})


class UnknownKind(LookupError):
    """A kind of message that we do not know; nothing is known to be wrong with it."""


def cut(message: Raw) -> str:
    """Return the text of a message as a log keeps it."""
    return repr(message)[:RAW_MAX]


def execution_events(
    o: Raw, *, symbol: str, ours: str, ts: Millis, now: Millis, triggered: bool = False
) -> Iterator[Event]:
    """Yield what one execution report states.

    Parameters
    ----------
    o : the report's fields, from ``ORDER_TRADE_UPDATE`` or ``executionReport``
    ours : the client id under which we know the order
    triggered : this is a conditional order that now works

    Notes
    -----
    What we cannot read is yielded as `OrderUnclear`, so that the order is asked about. A fill is a fill
    whatever the status after it is called.
    """
    named: dict[str, Any] = {
        "ts_event": ts,
        "ts_init": now,
        "symbol": symbol,
        "client_order_id": ours,
    }
    venue_id = str(o["i"])
    happened, state = o["x"], ORDER_STATES.get(o["X"])
    if happened in _FILLS:
        yield from _fill(o, named)
    if state is None or happened not in {"NEW", "AMENDMENT", "REPLACED"} | _FILLS | _ENDINGS:
        yield _unclear(o, named, f"the venue reported {happened} with the status {o['X']}")
    elif happened == "NEW":
        kind = OrderTriggered if triggered else OrderAccepted
        word = "triggered" if triggered else "accepted"
        yield kind(id=f"{word}:{ours}:{venue_id}", venue_order_id=venue_id, **named)
    elif happened in _ENDINGS:
        yield from _ending(o, state, named)


def fills_of_trades(
    trades: Sequence[Raw], market: Market, client_order_id: str, now: Millis
) -> Iterator[OrderFilled]:
    """Yield the fills that `userTrades` or `myTrades` lists for one order, oldest first."""
    filled = ZERO
    for trade in sorted(trades, key=lambda trade: int(trade["id"])):
        symbol = symbol_of(trade["symbol"], market)
        filled += Decimal(trade["qty"])
        futures = market is Market.USDM
        buyer, maker = (
            trade["buyer" if futures else "isBuyer"],
            trade["maker" if futures else "isMaker"],
        )
        yield OrderFilled(
            id=f"fill:{symbol}:{trade['id']}",
            ts_event=int(trade["time"]),
            ts_init=now,
            symbol=symbol,
            client_order_id=client_order_id,
            venue_order_id=str(trade["orderId"]),
            trade_id=str(trade["id"]),
            side=Side.BUY if buyer else Side.SELL,
            last_qty=Decimal(trade["qty"]),
            last_px=Decimal(trade["price"]),
            filled_qty=filled,
            fee=Decimal(trade["commission"]),
            fee_asset=trade["commissionAsset"],
            liquidity_side=LiquiditySide.MAKER if maker else LiquiditySide.TAKER,
            realised_pnl=Decimal(trade["realizedPnl"]) if futures else None,
            origin=origin_of(client_order_id),
        )


def _fill(o: Raw, named: dict[str, Any]) -> Iterator[Event]:
    qty, px = Decimal(o["l"]), Decimal(o["L"])
    if qty == 0:
        return
    if px <= 0:  # seen in the wild: a fill without its price, which only the trade list has
        yield _unclear(o, named, "the venue reported a fill without its price")
        return
    trade_id = str(o["t"])
    yield OrderFilled(
        id=f"fill:{named['symbol']}:{trade_id}",
        venue_order_id=str(o["i"]),
        trade_id=trade_id,
        side=Side(o["S"]),
        last_qty=qty,
        last_px=px,
        filled_qty=Decimal(o["z"]),
        fee=Decimal(o.get("n") or 0),  # left out when there is none
        fee_asset=o.get("N") or "USDT",
        liquidity_side=LiquiditySide.MAKER if o["m"] else LiquiditySide.TAKER,
        realised_pnl=Decimal(o["rp"]) if "rp" in o else None,
        origin=origin_of(named["client_order_id"]),
        **named,
    )


def _ending(o: Raw, state: OrderState, named: dict[str, Any]) -> Iterator[Event]:
    ours, filled = named["client_order_id"], Decimal(o["z"])
    match state:
        case OrderState.CANCELED:
            yield OrderCanceled(id=f"canceled:{ours}", filled_qty=filled, **named)
        case OrderState.EXPIRED:
            reason = str(o.get("er") or o.get("eR") or "")
            yield OrderExpired(id=f"expired:{ours}", filled_qty=filled, reason=reason, **named)
        case OrderState.REJECTED:
            yield OrderRejected(
                id=f"rejected:{ours}", code="REJECTED", message=str(o.get("r") or ""), **named
            )


def _unclear(o: Raw, named: dict[str, Any], message: str) -> OrderUnclear:
    return OrderUnclear(
        id=f"unclear:{named['client_order_id']}:{o['x']}:{o['X']}:{named['ts_event']}",
        message=message,
        raw=cut(o),
        **named,
    )
