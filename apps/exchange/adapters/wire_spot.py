"""Binance's account messages and REST answers for spot become reports. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from chimera.clock import Millis
from chimera.events.base import Event
from chimera.events.positions import RestingOrder
from chimera.instruments import Market, Side, symbol_of

from .wire_orders import Raw, UnknownKind, execution_events

CONDITIONAL_TYPES = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
STREAM_ENDS = ("eventStreamTerminated", "serverShutdown")
IGNORED = frozenset(
    {
        "outboundAccountPosition",  # what is held, see `balances_told`
        "balanceUpdate",  # money that moves on spot
        "listStatus",  # order lists, which we do not place
        "externalLockUpdate",  # what other products of the venue hold back
    }
)


def spot_user_events(message: Raw, now: Millis) -> Iterator[Event]:
    """Yield what one message of the user stream states about our orders.

    Money that moves there is not the futures account's, whose books we keep.

    Raises
    ------
    UnknownKind
        If nobody told us of this kind of message.
    """
    match message.get("e"):
        case "executionReport":
            yield from execution_events(
                message,
                symbol=symbol_of(message["s"], Market.SPOT),
                ours=message["C"] or message["c"],  # a cancel has an id of its own
                ts=message["T"],
                now=now,
                triggered=message["o"] in CONDITIONAL_TYPES and bool(message["w"]),
            )
        case kind if kind not in IGNORED:
            raise UnknownKind(kind)


def balances(account: Raw) -> dict[str, Decimal]:
    """Return what is held of each asset, free or locked."""
    return {
        row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in account["balances"]
    }


def balances_told(message: Raw) -> dict[str, Decimal]:
    """Return what an ``outboundAccountPosition`` says of the same; other messages say nothing."""
    if message.get("e") != "outboundAccountPosition":
        return {}
    return {row["a"]: Decimal(row["f"]) + Decimal(row["l"]) for row in message["B"]}


def resting_spot(row: Raw) -> RestingOrder:
    trigger = Decimal(row.get("stopPrice") or 0)
    return RestingOrder(
        symbol=symbol_of(row["symbol"], Market.SPOT),
        client_order_id=row["clientOrderId"],
        venue_order_id=str(row["orderId"]),
        conditional=False,
        side=Side(row["side"]),
        qty=Decimal(row["origQty"]),
        filled_qty=Decimal(row["executedQty"]),
        trigger_px=trigger or None,
    )
