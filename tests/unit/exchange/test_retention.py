"""What an account forgets, in venue time: never what is open, and the sums of what went stay."""

import pickle
from collections.abc import Callable

import pytest

from apps.exchange.core.venue import retention
from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.types import NewOrder, TimeInForce, VenueError, VenueOrderType
from chimera.clock import DAY, HOUR
from tests.support.venue import (
    BTC,
    BUY,
    ME,
    SELL,
    SPOT,
    T0,
    UM,
    bar,
    conditional,
    d,
    limit,
    market_order,
    set_book,
    venue,
)

STOP = VenueOrderType.STOP_MARKET


@pytest.fixture
def built() -> Venue:
    built = venue(usdt="100000", spot={"USDT": "10000", "BTC": "1"})
    for market in (UM, SPOT):
        set_book(built, {"9990": "1000"}, {"10010": "1000"}, market=market)
    return built


def is_known(built: Venue, order_id: int, market=UM) -> bool:
    try:
        built.get_order(ME, market, BTC, order_id=order_id)
    except VenueError:
        return False
    return True


def test_futures_order_that_never_filled_is_forgotten_three_days_after_its_end(built) -> None:
    order = built.place_order(ME, UM, limit(BUY, "0.1", "9000"), T0)
    built.cancel_order(ME, UM, BTC, T0 + 2 * DAY, order_id=order.order_id)

    built.advance(T0 + 5 * DAY)
    assert is_known(built, order.order_id)
    built.advance(T0 + 5 * DAY + 1)

    assert not is_known(built, order.order_id)
    assert built.all_orders(ME, UM, BTC) == []
    with pytest.raises(VenueError):
        built.get_order(ME, UM, BTC, client_order_id=order.client_order_id)
    built.check_invariants()


@pytest.mark.parametrize("market", [UM, SPOT])
def test_filled_order_its_fills_and_its_money_are_forgotten_after_ninety_days(
    built, market
) -> None:
    order = built.place_order(ME, market, market_order(BUY, "0.1"), T0)
    built.place_order(ME, market, market_order(SELL, "0.1"), T0)
    built.advance(T0 + 90 * DAY)
    assert is_known(built, order.order_id, market)
    assert len(built.my_trades(ME, market, BTC)) == 2
    wallet, held = built.account(ME).wallet_balance, dict(built.account(ME).spot)

    built.advance(T0 + 90 * DAY + 1)

    assert not is_known(built, order.order_id, market)
    assert built.my_trades(ME, market, BTC) == []
    assert not built.income(ME, market=market, kind="COMMISSION")
    assert (built.account(ME).wallet_balance, built.account(ME).spot) == (wallet, held)
    built.check_invariants()


def test_what_is_open_is_never_forgotten(built) -> None:
    resting = built.place_order(ME, UM, limit(BUY, "0.1", "9000"), T0)
    waiting = built.place_algo(ME, conditional(STOP, SELL, "8000", qty="0.1"), T0)
    pair = _oco(built)

    built.advance(T0 + 400 * DAY)
    built.advance(T0 + 400 * DAY)

    assert [o.order_id for o in built.open_orders(ME, UM)] == [resting.order_id]
    assert built.open_algos(ME) == [waiting]
    assert built.get_list(ME, order_list_id=pair.order_list_id) is pair
    assert built.cancel_order(ME, UM, BTC, T0 + 400 * DAY, order_id=resting.order_id) is resting
    built.check_invariants()


def test_conditional_orders_and_lists_are_forgotten_too(built) -> None:
    waiting = built.place_algo(ME, conditional(STOP, SELL, "8000", qty="0.1"), T0)
    built.cancel_algo(ME, T0, algo_id=waiting.algo_id)
    pair = _oco(built)
    built.cancel_list(ME, BTC, T0, order_list_id=pair.order_list_id)

    built.advance(T0 + 3 * DAY + 1)
    assert built.all_algos(ME, BTC) == []
    assert built.all_lists(ME) == [pair]
    built.advance(T0 + 90 * DAY + 1)

    assert built.all_lists(ME) == []
    assert built.all_orders(ME, SPOT, BTC) == []
    built.check_invariants()


def test_fired_conditional_order_is_kept_as_long_as_its_fills(built) -> None:
    built.place_order(ME, UM, market_order(BUY, "0.1"), T0)
    fired = built.place_algo(ME, conditional(STOP, SELL, "9900", qty="0.1"), T0)
    built.apply(bar(1, 10000, 10000, 9890, 9895), T0 + HOUR)
    assert fired.child is not None

    built.advance(T0 + 90 * DAY)
    assert built.get_algo(ME, algo_id=fired.algo_id) is fired
    built.advance(T0 + 90 * DAY + 2 * HOUR)

    with pytest.raises(VenueError):
        built.get_algo(ME, algo_id=fired.algo_id)


def test_client_id_taken_over_by_a_later_order_stays_with_it(built) -> None:
    first = _ioc(built, "mine", T0)
    later = _ioc(built, "mine", T0 + DAY)
    built.advance(T0 + 3 * DAY + 1)

    assert not is_known(built, first.order_id)
    assert built.get_order(ME, UM, BTC, client_order_id="mine") is later


def test_histories_stay_bounded_and_go_a_few_rows_at_a_time(
    built, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        _ioc(built, None, T0 + number)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 10)
    sizes = []
    for number in range(40):
        built.advance(T0 + 4 * DAY + number)
        sizes.append(len(built.account(ME).orders[UM, BTC]))
    assert sizes[:3] == [290, 280, 270]
    assert sizes[-1] == 0
    assert not built.account(ME).by_client_id
    assert not built.account(ME).ended_unfilled


def test_snapshot_of_a_long_life_is_no_larger_than_of_a_short_one(built) -> None:
    def live(days: range) -> int:
        for day in days:
            now = T0 + day * DAY
            for side in (BUY, SELL):
                built.place_order(ME, UM, market_order(side, "0.1"), now)
            _ioc(built, None, now)
            built.advance(now)
        built.drain()
        built.floor.listing(UM, BTC).funding_history.clear()
        return len(pickle.dumps(built))

    built.drain()
    early = live(range(120))
    late = live(range(120, 480))
    assert late < early * 1.05
    built.check_invariants()


def test_two_runs_forget_alike(built) -> None:
    def run(advance: Callable[[Venue, int], None]) -> list[int]:
        other = pickle.loads(pickle.dumps(built))
        for day in range(12):
            _ioc(other, None, T0 + day * DAY)
            advance(other, T0 + day * DAY)
        return list(other.account(ME).orders[UM, BTC])

    assert run(lambda v, now: v.advance(now)) == run(lambda v, now: v.advance(now))
    # A request alone makes room as well.
    assert len(run(lambda v, now: None)) == len(run(lambda v, now: v.advance(now)))


def _ioc(built: Venue, client_id: str | None, now: int):
    request = limit(BUY, "0.1", "9000", time_in_force=TimeInForce.IOC, client_order_id=client_id)
    return built.place_order(ME, UM, request, now)


def _oco(built: Venue):
    def leg(kind: VenueOrderType, **more) -> NewOrder:
        return NewOrder(symbol=BTC, side=SELL, type=kind, **more)

    return built.place_oco(
        ME,
        BTC,
        SELL,
        d("0.1"),
        leg(VenueOrderType.LIMIT_MAKER, price=d(12000)),
        leg(VenueOrderType.STOP_LOSS, stop_price=d(8000)),
        T0,
    )
