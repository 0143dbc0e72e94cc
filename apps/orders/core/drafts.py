"""Orders as they are first written down: an entry that passed the gates or did not, an exit, a stop."""

from decimal import Decimal

from chimera.clock import Millis
from chimera.events import IntentIssued
from chimera.events.orders import GateCheck, OrderRecord, OrderState, OrderType, Purpose, Transition
from chimera.ids import client_order_id
from chimera.money import ZERO

from .book import SymbolBook
from .gates import RiskApproved, RiskRefused
from .sizing import stop_trigger


def unready_entry(intent: IntentIssued, now: Millis, reason: str) -> OrderRecord:
    """Return the refusal of an entry that could not even be planned."""
    return OrderRecord(
        client_order_id=client_order_id(Purpose.ENTRY, intent.id),
        revision=1,
        symbol=intent.symbol,
        ts=now,
        intent_id=intent.id,
        generation=intent.generation,
        purpose=Purpose.ENTRY,
        side=intent.side,
        order_type=OrderType.MARKET,
        qty=ZERO,
        state=OrderState.REFUSED,
        history=(_refused(now, intent.id, reason),),
    )


def entry_order(
    intent: IntentIssued, verdict: RiskApproved | RiskRefused, now: Millis
) -> OrderRecord:
    """Return an entry with its gates' answers: initialized, or refused."""
    plan = verdict.plan
    refusal = verdict.reasons if isinstance(verdict, RiskRefused) else None
    return OrderRecord(
        client_order_id=client_order_id(Purpose.ENTRY, intent.id),
        revision=0 if refusal is None else 1,
        symbol=intent.symbol,
        ts=now,
        intent_id=intent.id,
        generation=intent.generation,
        purpose=Purpose.ENTRY,
        side=intent.side,
        order_type=plan.order_type,
        qty=plan.qty,
        px=plan.px,
        state=OrderState.INITIALIZED if refusal is None else OrderState.REFUSED,
        stop_distance=plan.stop_distance,
        gates=verdict.checks,
        history=() if refusal is None else (_refused(now, intent.id, refusal),),
    )


def exit_order(
    book: SymbolBook,
    *,
    intent_id: str,
    generation: int,
    qty: Decimal,
    checks: tuple[GateCheck, ...],
    refusal: str,
    now: Millis,
) -> OrderRecord:
    """Return a reduce-only market order for `qty` of the position: initialized, or refused."""
    return OrderRecord(
        client_order_id=client_order_id(Purpose.EXIT, intent_id),
        revision=1 if refusal else 0,
        symbol=book.symbol,
        ts=now,
        intent_id=intent_id,
        generation=generation,
        purpose=Purpose.EXIT,
        side=book.position_side.opposite,
        order_type=OrderType.MARKET,
        qty=qty,
        reduce_only=True,
        state=OrderState.REFUSED if refusal else OrderState.INITIALIZED,
        gates=checks,
        history=(_refused(now, intent_id, refusal),) if refusal else (),
    )


def stop_order(
    book: SymbolBook,
    *,
    qty: Decimal,
    from_px: Decimal,
    distance: float,
    tick_size: Decimal,
    generation: int,
    now: Millis,
) -> OrderRecord:
    """Return the next stop for the position in `book`, `distance` (a fraction) away from `from_px`."""
    number = f"{book.symbol}:{now}:{book.stop_number}"
    return OrderRecord(
        client_order_id=client_order_id(Purpose.STOP, number),
        revision=0,
        symbol=book.symbol,
        ts=now,
        intent_id=f"guard:{number}",
        generation=generation,
        purpose=Purpose.STOP,
        side=book.position_side.opposite,
        order_type=OrderType.STOP_MARKET,
        qty=qty,
        trigger_px=stop_trigger(
            position_side=book.position_side,
            from_px=from_px,
            stop_distance=distance,
            tick_size=tick_size,
        ),
        reduce_only=True,
        state=OrderState.INITIALIZED,
    )


def _refused(now: Millis, event_id: str, note: str) -> Transition:
    return Transition(ts=now, state=OrderState.REFUSED, event=event_id, note=note)
