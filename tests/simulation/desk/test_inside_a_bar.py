"""B2: what happens inside one bar takes the path that costs: an entry's stop is there before the price goes on."""

from decimal import Decimal

import pytest

from apps.exchange.core.venue.actions import Bar
from apps.experiments.core.desk import ACCOUNT_ID
from chimera.bundles import Execution
from chimera.clock import MINUTE
from chimera.events.orders import OrderRecord, OrderState, Purpose
from chimera.instruments import Market, Side
from tests.support.desks import Run, busy_bundle, open_desk, random_walk

SYMBOL = "BTCUSDT-PERP"
ENTRY = Execution(entry="limit", limit_offset_bps=5.0, entry_ttl_ms=5 * MINUTE)


def resting_entry(run: Run, side: Side) -> OrderRecord:
    """Trade until an entry of `side` rests in the book."""
    for item in random_walk(400, seed=3):
        run.desk.runtime.run([item])
        book = run.router.books[SYMBOL]
        for order in book.working(Purpose.ENTRY):
            if order.state is OrderState.OPEN and order.side is side and not book.qty:
                return order
    pytest.fail("no entry rests")


def play(run: Run, path: tuple[float, float, float, float]) -> None:
    """Let the next bar open, go one way, go the other way, and close."""
    opened = run.desk.runtime.clock.now()
    bar = Bar(
        market=Market.USDM,
        symbol="BTCUSDT",
        interval="1m",
        open_time=opened,
        close_time=opened + MINUTE,
        open=path[0],
        high=max(path),
        low=min(path),
        close=path[3],
        volume=100.0,
    )
    run.desk.runtime.run([(opened + MINUTE, bar)])


@pytest.mark.parametrize("side", list(Side))
def test_b2_entry_and_stop_inside_one_bar_are_both_filled_and_the_loss_is_booked(
    side: Side,
) -> None:
    run = open_desk(busy_bundle(execution=ENTRY))
    entry = resting_entry(run, side)
    assert entry.px is not None
    px, sign = float(entry.px), side.sign
    # Through the entry and its stop, then back to a gain: luck would keep the position.
    play(run, (px + sign * 20, px - sign * 400, px + sign * 500, px + sign * 490))

    orders = {order.client_order_id: order for order in run.orders()}
    assert orders[entry.client_order_id].state is OrderState.FILLED
    (stop,) = [
        o for o in orders.values() if o.purpose is Purpose.STOP and o.ts >= entry.ts + MINUTE
    ]
    assert (stop.state, stop.filled_qty) == (OrderState.FILLED, entry.qty)
    assert stop.trigger_px is not None
    assert stop.avg_px is not None
    assert abs(stop.trigger_px / entry.px - 1) <= Decimal("0.0015")
    assert (stop.avg_px - stop.trigger_px) * sign <= 0, "no better than its trigger"
    assert run.router.books[SYMBOL].qty == 0
    assert run.positions.wallet_usdt == run.desk.venue.account(ACCOUNT_ID).wallet_balance


@pytest.mark.parametrize("side", list(Side))
def test_b2_entry_inside_a_bar_that_stays_above_its_stop_is_held_with_a_stop(side: Side) -> None:
    run = open_desk(busy_bundle(execution=ENTRY))
    entry = resting_entry(run, side)
    assert entry.px is not None
    px, sign = float(entry.px), side.sign

    play(run, (px + sign * 20, px - sign * 30, px + sign * 50, px + sign * 40))

    book = run.router.books[SYMBOL]
    assert book.qty == entry.qty * sign
    (stop,) = book.working(Purpose.STOP)
    assert (stop.state, stop.qty) == (OrderState.OPEN, entry.qty)
