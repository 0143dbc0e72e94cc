"""The algo service: which price fires which conditional order, and what its child does."""

import pytest

from apps.exchange.core.venue.actions import StepPrice
from apps.exchange.core.venue.outbound import AlgoUpdated, OrderUpdated
from apps.exchange.core.venue.types import (
    AlgoStatus,
    TimeInForce,
    VenueError,
    VenueOrderStatus,
    VenueOrderType,
    WorkingType,
)
from tests.support.venue import (
    BTC,
    BUY,
    ME,
    SELL,
    T0,
    UM,
    bar,
    conditional,
    d,
    limit,
    market_order,
    set_mark,
    venue,
)

TYPE = VenueOrderType
STOP, TAKE = TYPE.STOP_MARKET, TYPE.TAKE_PROFIT_MARKET


def step(built, price: str, now: int, volume: str = "10") -> None:
    built.apply(StepPrice(UM, BTC, d(price), d(volume), d(100)), now)


def at_10000():
    built = venue(usdt="100000")
    step(built, "10000", T0)
    built.drain()
    return built


def code_of(call) -> int:
    with pytest.raises(VenueError) as refused:
        call()
    return refused.value.code


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "quiet", "firing"),
    [
        (STOP, SELL, "9900", "9900.10", "9900"),
        (STOP, BUY, "10100", "10099.90", "10100"),
        (TAKE, SELL, "10100", "10099.90", "10100"),
        (TAKE, BUY, "9900", "9900.10", "9900"),
    ],
)
def test_trigger_fires_at_its_price_and_not_a_tick_before(
    kind, side, trigger, quiet, firing
) -> None:
    built = at_10000()
    algo = built.place_algo(ME, conditional(kind, side, trigger, "0.100"), T0 + 1)
    step(built, quiet, T0 + 2)
    assert algo.status is AlgoStatus.NEW
    step(built, firing, T0 + 3)
    assert algo.status is AlgoStatus.FINISHED
    assert algo.child is not None
    assert algo.child.executed == d("0.100")
    assert algo.child.client_order_id == algo.client_algo_id


@pytest.mark.parametrize(
    ("kind", "side", "trigger"),
    [(STOP, SELL, "10000"), (STOP, BUY, "9999"), (TAKE, SELL, "9999"), (TAKE, BUY, "10000")],
)
def test_trigger_already_met_is_refused(kind, side, trigger) -> None:
    built = at_10000()
    request = conditional(kind, side, trigger)
    assert code_of(lambda: built.place_algo(ME, request, T0 + 1)) == -2021


def test_mark_price_trigger_ignores_last() -> None:
    built = at_10000()
    request = conditional(STOP, SELL, "9900", working_type=WorkingType.MARK_PRICE)
    algo = built.place_algo(ME, request, T0 + 1)
    step(built, "9800", T0 + 2)
    assert algo.status is AlgoStatus.NEW
    set_mark(built, "9900", T0 + 3)
    assert algo.status is AlgoStatus.FINISHED


def test_price_protection_holds_a_trigger_back_while_mark_is_far_from_last() -> None:
    built = at_10000()
    protected = conditional(STOP, SELL, "9000", price_protect=True)
    algo = built.place_algo(ME, protected, T0 + 1)
    step(built, "9000", T0 + 2)
    assert algo.status is AlgoStatus.NEW  # mark is still near 10000, more than 5 % away
    set_mark(built, "9100", T0 + 3)
    assert algo.status is AlgoStatus.FINISHED


def test_trailing_stop_follows_the_extreme_and_fires_on_the_callback() -> None:
    built = at_10000()
    request = conditional(TYPE.TRAILING_STOP_MARKET, SELL, None, callback_rate=d(1))
    algo = built.place_algo(ME, request, T0 + 1)
    for number, price in enumerate(["10100", "10200", "10098.10"]):
        step(built, price, T0 + 2 + number)
        assert algo.status is AlgoStatus.NEW
    step(built, "10098", T0 + 9)  # 10200 * 0.99
    assert algo.status is AlgoStatus.FINISHED


def test_trailing_stop_with_activation_sleeps_until_its_price() -> None:
    built = at_10000()
    kind = TYPE.TRAILING_STOP_MARKET
    met = conditional(kind, SELL, None, callback_rate=d(1), activate_price=d(9999))
    assert code_of(lambda: built.place_algo(ME, met, T0 + 1)) == -2021
    wild = conditional(kind, SELL, None, callback_rate=d(21))
    assert code_of(lambda: built.place_algo(ME, wild, T0 + 1)) == -2007
    request = conditional(kind, SELL, None, callback_rate=d(1), activate_price=d(10100))
    algo = built.place_algo(ME, request, T0 + 1)
    step(built, "9800", T0 + 2)
    assert (algo.status, algo.activated) == (AlgoStatus.NEW, False)
    step(built, "10100", T0 + 3)
    assert algo.activated
    step(built, "9999", T0 + 4)
    assert algo.status is AlgoStatus.FINISHED


def test_close_position_closes_whatever_is_there_and_expires_without_position() -> None:
    built = at_10000()
    built.place_order(ME, UM, market_order(BUY, "0.300"), T0 + 1)
    first = built.place_algo(ME, conditional(STOP, SELL, "9900", None, close_position=True), T0 + 2)
    second = built.place_algo(
        ME, conditional(STOP, SELL, "9800", None, close_position=True), T0 + 2
    )
    step(built, "9900", T0 + 3)
    assert first.child is not None
    assert first.child.executed == d("0.300")
    step(built, "9800", T0 + 4)
    assert second.status is AlgoStatus.EXPIRED
    assert built.positions(ME, BTC)[0].qty == 0


def test_close_position_with_quantity_or_reduce_only_is_refused() -> None:
    built = at_10000()
    with_qty = conditional(STOP, SELL, "9900", "0.1", close_position=True)
    assert code_of(lambda: built.place_algo(ME, with_qty, T0)) == -4137
    both = conditional(STOP, SELL, "9900", None, close_position=True, reduce_only=True)
    assert code_of(lambda: built.place_algo(ME, both, T0)) == -1106


def test_child_the_account_cannot_afford_rejects_the_conditional_order() -> None:
    built = venue(usdt="10")
    step(built, "10000", T0)
    algo = built.place_algo(ME, conditional(STOP, BUY, "10100", "1.000"), T0 + 1)
    step(built, "10100", T0 + 2)
    assert algo.status is AlgoStatus.REJECTED
    assert algo.reject_reason == "Margin is insufficient."


def test_stop_limit_child_rests_at_its_price_and_finishes_when_filled() -> None:
    built = at_10000()
    request = conditional(TYPE.STOP, BUY, "10100", "0.100", price=d("10050"))
    algo = built.place_algo(ME, request, T0 + 1)
    step(built, "10100", T0 + 2)
    assert algo.status is AlgoStatus.TRIGGERED
    assert algo.child is not None
    assert algo.child.status is VenueOrderStatus.NEW
    step(built, "10040", T0 + 3)
    assert algo.status is AlgoStatus.FINISHED


def test_gte_gtc_order_expires_with_the_position() -> None:
    built = at_10000()
    built.place_order(ME, UM, market_order(BUY, "0.300"), T0 + 1)
    request = conditional(
        STOP, SELL, "9900", None, close_position=True, time_in_force=TimeInForce.GTE_GTC
    )
    algo = built.place_algo(ME, request, T0 + 2)
    built.place_order(ME, UM, market_order(SELL, "0.300"), T0 + 3)
    assert algo.status is AlgoStatus.EXPIRED


def test_conditional_orders_live_in_their_own_lists() -> None:
    built = at_10000()
    algo = built.place_algo(ME, conditional(STOP, SELL, "9900", client_order_id="guard"), T0 + 1)
    assert built.open_orders(ME, UM) == []
    assert built.open_algos(ME) == [algo]
    assert code_of(lambda: built.get_order(ME, UM, BTC, client_order_id="guard")) == -2013
    again = conditional(STOP, SELL, "9900", client_order_id="guard")
    assert code_of(lambda: built.place_algo(ME, again, T0 + 2)) == -4116
    built.cancel_all(ME, UM, BTC, T0 + 3)
    assert built.open_algos(ME) == [algo]
    built.cancel_algo(ME, T0 + 4, client_algo_id="guard")
    assert algo.status is AlgoStatus.CANCELED
    assert code_of(lambda: built.cancel_algo(ME, T0 + 5, client_algo_id="guard")) == -2011


def test_states_are_told_in_order_around_the_childs_fill() -> None:
    built = at_10000()
    built.place_algo(ME, conditional(STOP, SELL, "9900", "0.100"), T0 + 1)
    built.drain()
    step(built, "9900", T0 + 2)
    told = [
        e.algo.status if isinstance(e, AlgoUpdated) else e.execution_type
        for e in built.drain()
        if isinstance(e, AlgoUpdated | OrderUpdated)
    ]
    assert told == ["TRIGGERING", "NEW", "TRADE", "TRIGGERED", "FINISHED"]


def test_bar_fires_a_stop_near_its_trigger_and_then_a_deeper_one() -> None:
    built = venue(usdt="100000")
    built.apply(bar(0, 10000, 10010, 9990, 10000), T0 + 60_000)
    algos = [
        built.place_algo(ME, conditional(STOP, SELL, price, "0.100"), T0 + 60_001)
        for price in ("9900", "9850")
    ]
    built.apply(bar(1, 10000, 10010, 9700, 9950), T0 + 120_000)
    for algo, trigger in zip(algos, (9900, 9850), strict=True):
        assert algo.child is not None
        assert trigger - 5 <= algo.child.avg_price <= trigger


def test_gap_between_bars_fires_a_stop_at_the_price_after_the_gap() -> None:
    built = venue(usdt="100000")
    built.apply(bar(0, 10000, 10010, 9990, 10000), T0 + 60_000)
    algo = built.place_algo(ME, conditional(STOP, SELL, "9900", "0.100"), T0 + 60_001)
    built.apply(bar(1, 9800, 9810, 9790, 9800), T0 + 120_000)
    assert algo.child is not None
    assert algo.child.avg_price <= 9800


def test_limit_order_is_unaffected_by_conditional_ones() -> None:
    built = at_10000()
    order = built.place_order(ME, UM, limit(BUY, "0.100", "9950"), T0 + 1)
    built.cancel_all_algo(ME, BTC, T0 + 2)
    assert order.status is VenueOrderStatus.NEW
