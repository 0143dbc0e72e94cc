"""What the guardian wants done, for every situation of a position and its stops."""

from decimal import Decimal

import msgspec
import pytest

from apps.orders.core.book import SymbolBook
from apps.orders.core.guardian import (
    MAX_STOP_REFUSALS,
    CancelStop,
    CloseNow,
    PlaceStop,
    acknowledged_qty,
    guard,
)
from chimera.events.orders import OrderRecord, OrderState, OrderType, Purpose
from chimera.instruments import Side

D = Decimal
S = OrderState


def stop(
    name: str, qty: str, state: OrderState, side: Side = Side.SELL, filled: str = "0"
) -> OrderRecord:
    return OrderRecord(
        client_order_id=name,
        revision=2,
        symbol="BTCUSDT-PERP",
        ts=int(name),
        intent_id="guard",
        generation=1,
        purpose=Purpose.STOP,
        side=side,
        order_type=OrderType.STOP_MARKET,
        qty=D(qty),
        trigger_px=D(90),
        state=state,
        filled_qty=D(filled),
    )


def book(qty: str, *stops: OrderRecord, refusals: int = 0, exiting: bool = False) -> SymbolBook:
    held = SymbolBook("BTCUSDT-PERP", qty=D(qty), stop_refusals=refusals)
    held.orders = {order.client_order_id: order for order in stops}
    if exiting:
        leaving = OrderRecord(
            client_order_id="exit",
            revision=1,
            symbol="BTCUSDT-PERP",
            ts=9,
            intent_id="int",
            generation=1,
            purpose=Purpose.EXIT,
            side=Side.SELL,
            order_type=OrderType.MARKET,
            qty=abs(D(qty)),
            state=S.SUBMITTED,
        )
        held.orders["exit"] = leaving
    return held


def test_guard_flat_without_stops_does_nothing() -> None:
    assert guard(book("0")) == []


def test_guard_flat_sweeps_what_rests_and_waits_for_what_is_in_doubt() -> None:
    resting = stop("1", "5", S.OPEN)

    moves = guard(book("0", resting, stop("2", "5", S.SUBMITTED), stop("3", "5", S.UNKNOWN)))

    assert moves == [CancelStop(resting)]


@pytest.mark.parametrize("qty", ["5", "-5"])
def test_guard_naked_position_places_a_stop_for_all_of_it(qty: str) -> None:
    assert guard(book(qty)) == [PlaceStop(D(5))]


@pytest.mark.parametrize("state", [S.SUBMITTED, S.UNKNOWN])
def test_guard_stop_in_doubt_never_places_a_second_one(state: OrderState) -> None:
    assert guard(book("5", stop("1", "5", state))) == []
    assert guard(book("9", stop("1", "5", S.OPEN), stop("2", "9", state))) == []


def test_guard_position_grown_places_the_new_stop_before_the_old_one_goes() -> None:
    old = stop("1", "5", S.OPEN)
    assert guard(book("9", old)) == [PlaceStop(D(9))]

    new = stop("2", "9", S.OPEN)
    assert guard(book("9", old, new)) == [CancelStop(old)]
    assert guard(book("9", new)) == []


def test_guard_position_shrunk_keeps_the_larger_stop() -> None:
    assert guard(book("3", stop("1", "5", S.OPEN))) == []


def test_guard_growing_on_sweeps_smaller_stops_at_once() -> None:
    small, larger = stop("1", "5", S.OPEN), stop("2", "7", S.OPEN)

    assert guard(book("9", small, larger)) == [CancelStop(small), PlaceStop(D(9))]


def test_guard_two_equal_stops_keeps_the_newer() -> None:
    older, newer = stop("1", "5", S.OPEN), stop("2", "5", S.OPEN)

    assert guard(book("5", older, newer)) == [CancelStop(older)]


def test_guard_stop_of_the_other_side_protects_nothing() -> None:
    wrong = stop("1", "5", S.OPEN, Side.BUY)

    assert guard(book("5", wrong)) == [CancelStop(wrong), PlaceStop(D(5))]
    assert acknowledged_qty(book("5", wrong)) == 0


def test_guard_stop_being_cancelled_does_not_count() -> None:
    assert guard(book("5", stop("1", "5", S.PENDING_CANCEL))) == [PlaceStop(D(5))]


def test_guard_stop_that_fired_is_waited_for_and_protects_nothing() -> None:
    fired = msgspec.structs.replace(stop("1", "5", S.OPEN), triggered_at=1)

    assert guard(book("5", fired)) == []
    assert guard(book("0", fired)) == []
    assert guard(book("-5", fired)) == [PlaceStop(D(5))]
    assert acknowledged_qty(book("5", fired)) == 0


def test_guard_stop_partly_filled_covers_what_it_leaves() -> None:
    assert guard(book("3", stop("1", "5", S.PARTIALLY_FILLED, filled="2"))) == []
    assert acknowledged_qty(book("3", stop("1", "5", S.PARTIALLY_FILLED, filled="2"))) == D(3)


def test_guard_refusals_below_the_bound_try_again() -> None:
    assert guard(book("5", refusals=MAX_STOP_REFUSALS - 1)) == [PlaceStop(D(5))]


def test_guard_refusals_exhausted_closes() -> None:
    (move,) = guard(book("5", refusals=MAX_STOP_REFUSALS))

    assert isinstance(move, CloseNow)


def test_guard_refused_stop_with_an_exit_under_way_waits_for_the_exit() -> None:
    assert guard(book("5", refusals=1, exiting=True)) == []
    assert guard(book("5", refusals=0, exiting=True)) == [PlaceStop(D(5))]
