"""The life of an order as a table: `(state, what happened) -> state`. What is not listed changes nothing."""

from enum import StrEnum

import msgspec

from chimera.clock import Millis
from chimera.events.orders import OrderFilled, OrderRecord, OrderState, Transition

S = OrderState


class Happening(StrEnum):
    """What can happen to an order, whoever told us."""

    SUBMIT = "submit"
    ACCEPT = "accept"
    REJECT = "reject"
    LOSE_TRACK = "lose_track"  # no answer, or one that may mean either
    MISREAD = "misread"  # the venue said something of it that we do not know
    NOT_PLACED = "not_placed"  # asked for long enough: the venue never had it
    FILL_PART = "fill_part"
    FILL_REST = "fill_rest"
    ASK_CANCEL = "ask_cancel"
    KEEP = "keep"  # the cancel was refused, and it still rests
    CANCEL = "cancel"
    EXPIRE = "expire"
    TRIGGER = "trigger"  # a conditional order fired; its child trades now


H = Happening

TABLE: dict[tuple[OrderState, Happening], OrderState] = {
    (S.INITIALIZED, H.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, H.ACCEPT): S.OPEN,
    (S.SUBMITTED, H.REJECT): S.REJECTED,
    (S.SUBMITTED, H.LOSE_TRACK): S.UNKNOWN,
    (S.SUBMITTED, H.NOT_PLACED): S.REJECTED,  # we died before it left
    (S.SUBMITTED, H.FILL_PART): S.PARTIALLY_FILLED,  # a fill may arrive before the acknowledgement
    (S.SUBMITTED, H.FILL_REST): S.FILLED,
    (S.SUBMITTED, H.CANCEL): S.CANCELED,
    (S.SUBMITTED, H.EXPIRE): S.EXPIRED,
    (S.SUBMITTED, H.MISREAD): S.UNKNOWN,
    (S.UNKNOWN, H.ACCEPT): S.OPEN,
    (S.UNKNOWN, H.REJECT): S.REJECTED,
    (S.UNKNOWN, H.NOT_PLACED): S.REJECTED,
    (S.UNKNOWN, H.FILL_PART): S.PARTIALLY_FILLED,
    (S.UNKNOWN, H.FILL_REST): S.FILLED,
    (S.UNKNOWN, H.CANCEL): S.CANCELED,
    (S.UNKNOWN, H.EXPIRE): S.EXPIRED,
    (S.OPEN, H.FILL_PART): S.PARTIALLY_FILLED,
    (S.OPEN, H.FILL_REST): S.FILLED,
    (S.OPEN, H.ASK_CANCEL): S.PENDING_CANCEL,
    (S.OPEN, H.CANCEL): S.CANCELED,
    (S.OPEN, H.EXPIRE): S.EXPIRED,
    (S.OPEN, H.MISREAD): S.UNKNOWN,
    (S.OPEN, H.TRIGGER): S.OPEN,
    (S.SUBMITTED, H.TRIGGER): S.OPEN,
    (S.UNKNOWN, H.TRIGGER): S.OPEN,
    (S.OPEN, H.REJECT): S.REJECTED,  # a conditional order refused at its trigger
    (S.PARTIALLY_FILLED, H.FILL_PART): S.PARTIALLY_FILLED,
    (S.PARTIALLY_FILLED, H.FILL_REST): S.FILLED,
    (S.PARTIALLY_FILLED, H.ASK_CANCEL): S.PENDING_CANCEL,
    (S.PARTIALLY_FILLED, H.CANCEL): S.CANCELED,
    (S.PARTIALLY_FILLED, H.EXPIRE): S.EXPIRED,
    (S.PARTIALLY_FILLED, H.MISREAD): S.UNKNOWN,
    (S.PENDING_CANCEL, H.FILL_PART): S.PENDING_CANCEL,
    (S.PENDING_CANCEL, H.FILL_REST): S.FILLED,
    (S.PENDING_CANCEL, H.KEEP): S.OPEN,
    (S.PENDING_CANCEL, H.CANCEL): S.CANCELED,
    (S.PENDING_CANCEL, H.EXPIRE): S.EXPIRED,
    (S.PENDING_CANCEL, H.REJECT): S.REJECTED,
    (S.PENDING_CANCEL, H.MISREAD): S.UNKNOWN,
    # Fills outrun endings: what was traded is counted whatever we believed.
    (S.CANCELED, H.FILL_PART): S.CANCELED,
    (S.CANCELED, H.FILL_REST): S.FILLED,
    (S.EXPIRED, H.FILL_PART): S.EXPIRED,
    (S.EXPIRED, H.FILL_REST): S.FILLED,
    # We gave it up as not placed, and it may be there after all; or two reports changed places.
    (S.REJECTED, H.ACCEPT): S.UNKNOWN,
    (S.REJECTED, H.TRIGGER): S.UNKNOWN,
    (S.REJECTED, H.FILL_PART): S.UNKNOWN,
    (S.REJECTED, H.FILL_REST): S.FILLED,
}


def advance(
    order: OrderRecord, happening: Happening, *, ts: Millis, event_id: str, note: str = ""
) -> OrderRecord | None:
    """Return the order's next revision, or None when the table knows no such move."""
    state = TABLE.get((order.state, happening))
    if state is None:
        return None
    if state is S.OPEN and order.filled_qty:
        state = S.PARTIALLY_FILLED
    return _revised(order, state, ts, event_id, note or happening.value)


def apply_fill(order: OrderRecord, fill: OrderFilled) -> OrderRecord | None:
    """Count a fill into the order once; None when this trade was counted before."""
    if fill.trade_id in order.trade_ids:
        return None
    filled = order.filled_qty + fill.last_qty
    happening = H.FILL_REST if filled >= order.qty else H.FILL_PART
    state = TABLE.get((order.state, happening), order.state)
    counted = msgspec.structs.replace(
        order,
        filled_qty=filled,
        filled_notional=order.filled_notional + fill.last_qty * fill.last_px,
        trade_ids=(*order.trade_ids, fill.trade_id),
        venue_order_id=order.venue_order_id or fill.venue_order_id,
    )
    note = f"{fill.last_qty} at {fill.last_px}"
    return _revised(counted, state, fill.ts_event, fill.id, note)


def _revised(
    order: OrderRecord, state: OrderState, ts: Millis, event_id: str, note: str
) -> OrderRecord:
    return msgspec.structs.replace(
        order,
        state=state,
        revision=order.revision + 1,
        history=(*order.history, Transition(ts=ts, state=state, event=event_id, note=note)),
    )
