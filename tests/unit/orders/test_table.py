"""The state table: every row, and nothing besides its rows."""

from decimal import Decimal

import pytest

from apps.orders.core.table import TABLE, Happening, advance, apply_fill
from chimera.events.orders import (
    LiquiditySide,
    OrderFilled,
    OrderRecord,
    OrderState,
    OrderType,
    Purpose,
)
from chimera.instruments import Side

D = Decimal
H, S = Happening, OrderState
EXPECTED = """
INITIALIZED submit SUBMITTED
SUBMITTED accept OPEN
SUBMITTED reject REJECTED
SUBMITTED lose_track UNKNOWN
SUBMITTED not_placed REJECTED
SUBMITTED fill_part PARTIALLY_FILLED
SUBMITTED fill_rest FILLED
SUBMITTED cancel CANCELED
SUBMITTED expire EXPIRED
SUBMITTED trigger OPEN
SUBMITTED misread UNKNOWN
UNKNOWN accept OPEN
UNKNOWN reject REJECTED
UNKNOWN not_placed REJECTED
UNKNOWN fill_part PARTIALLY_FILLED
UNKNOWN fill_rest FILLED
UNKNOWN cancel CANCELED
UNKNOWN expire EXPIRED
UNKNOWN trigger OPEN
OPEN fill_part PARTIALLY_FILLED
OPEN fill_rest FILLED
OPEN ask_cancel PENDING_CANCEL
OPEN cancel CANCELED
OPEN expire EXPIRED
OPEN trigger OPEN
OPEN reject REJECTED
OPEN misread UNKNOWN
PARTIALLY_FILLED fill_part PARTIALLY_FILLED
PARTIALLY_FILLED fill_rest FILLED
PARTIALLY_FILLED ask_cancel PENDING_CANCEL
PARTIALLY_FILLED cancel CANCELED
PARTIALLY_FILLED expire EXPIRED
PARTIALLY_FILLED misread UNKNOWN
PENDING_CANCEL fill_part PENDING_CANCEL
PENDING_CANCEL fill_rest FILLED
PENDING_CANCEL keep OPEN
PENDING_CANCEL cancel CANCELED
PENDING_CANCEL expire EXPIRED
PENDING_CANCEL reject REJECTED
PENDING_CANCEL misread UNKNOWN
CANCELED fill_part CANCELED
CANCELED fill_rest FILLED
EXPIRED fill_part EXPIRED
EXPIRED fill_rest FILLED
REJECTED accept UNKNOWN
REJECTED trigger UNKNOWN
REJECTED fill_part UNKNOWN
REJECTED fill_rest FILLED
"""
ROWS = {
    (S(row.split()[0]), H(row.split()[1])): S(row.split()[2])
    for row in EXPECTED.strip().splitlines()
}


def order(state: OrderState, filled: str = "0") -> OrderRecord:
    return OrderRecord(
        client_order_id="c-entry-x",
        revision=1,
        symbol="BTCUSDT-PERP",
        ts=1,
        intent_id="int:1",
        generation=1,
        purpose=Purpose.ENTRY,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        qty=D(10),
        state=state,
        filled_qty=D(filled),
    )


def fill(qty: str, trade_id: str = "1", px: str = "100") -> OrderFilled:
    return OrderFilled(
        id=f"fill:{trade_id}",
        ts_event=2,
        ts_init=3,
        symbol="BTCUSDT-PERP",
        client_order_id="c-entry-x",
        venue_order_id="v",
        trade_id=trade_id,
        side=Side.BUY,
        last_qty=D(qty),
        last_px=D(px),
        filled_qty=D(qty),
        fee=D(0),
        fee_asset="USDT",
        liquidity_side=LiquiditySide.TAKER,
    )


def test_table_holds_the_rows_that_were_agreed() -> None:
    assert ROWS == TABLE


@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize("happening", list(Happening))
def test_advance_follows_the_table_and_nothing_else(
    state: OrderState, happening: Happening
) -> None:
    moved = advance(order(state), happening, ts=7, event_id="e:1", note="why")

    if (state, happening) not in ROWS:
        assert moved is None
        return
    assert moved is not None
    assert moved.state is ROWS[state, happening]
    assert moved.revision == 2
    assert moved.history[-1].event == "e:1"
    assert moved.history[-1].note == "why"


def test_advance_open_with_fills_is_partially_filled() -> None:
    kept = advance(order(S.PENDING_CANCEL, filled="4"), H.KEEP, ts=7, event_id="e")

    assert kept is not None
    assert kept.state is S.PARTIALLY_FILLED


def test_apply_fill_same_trade_twice_counts_once() -> None:
    counted = apply_fill(order(S.OPEN), fill("4"))

    assert counted is not None
    assert (counted.filled_qty, counted.filled_notional) == (D(4), D(400))
    assert counted.leaves_qty == D(6)
    assert apply_fill(counted, fill("4")) is None


def test_apply_fill_rest_ends_the_order() -> None:
    counted = apply_fill(order(S.PARTIALLY_FILLED, filled="4"), fill("6", "2"))

    assert counted is not None
    assert counted.state is S.FILLED


@pytest.mark.parametrize("state", [S.CANCELED, S.EXPIRED])
def test_apply_fill_after_the_end_is_counted_all_the_same(state: OrderState) -> None:
    counted = apply_fill(order(state), fill("4"))

    assert counted is not None
    assert (counted.state, counted.filled_qty) == (state, D(4))
