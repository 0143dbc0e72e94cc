"""Life of plain orders: time in force, queues, reduce-only, hedge mode, self-trade prevention, spot."""

from decimal import Decimal

import pytest

from apps.exchange.core.venue.actions import PrintTrade
from apps.exchange.core.venue.outbound import AccountChanged, ListUpdated, OrderUpdated
from apps.exchange.core.venue.types import (
    Execution,
    ExpiryReason,
    ListStatus,
    NewOrder,
    PositionSide,
    StpMode,
    TimeInForce,
    VenueError,
    VenueOrderStatus,
    VenueOrderType,
)
from chimera.clock import HOUR
from tests.support.venue import (
    BTC,
    BUY,
    ME,
    OTHER,
    SELL,
    SPOT,
    T0,
    UM,
    bar,
    change_book,
    conditional,
    d,
    limit,
    market_order,
    set_book,
    set_mark,
    venue,
)

STATUS = VenueOrderStatus


def futures(**options):
    built = venue(usdt="100000", **options)
    set_book(built, {"9990": "1", "9980": "2"}, {"10010": "1", "10020": "2"})
    set_mark(built, "10000")
    built.drain()
    return built


def prints(built, price: str, qty: str, aggressor, trade_id: int = 1, now: int = T0 + 50) -> None:
    built.apply(PrintTrade(UM, BTC, trade_id, d(price), d(qty), aggressor), now)


def code_of(call) -> int:
    with pytest.raises(VenueError) as refused:
        call()
    return refused.value.code


# --- time in force ----------------------------------------------------------------------------------


def test_market_order_walks_the_book_and_pays_each_level_its_price() -> None:
    order = futures().place_order(ME, UM, market_order(BUY, "1.500"), T0 + 1)
    assert [(f.price, f.qty) for f in order.fills] == [(d(10010), d(1)), (d(10020), d("0.500"))]
    assert order.status is STATUS.FILLED
    assert order.fills[0].fee == d("5.005")


def test_market_order_beyond_the_depth_expires_with_what_it_got() -> None:
    order = futures().place_order(ME, UM, market_order(BUY, "4.000"), T0 + 1)
    assert (order.status, order.executed) == (STATUS.EXPIRED, d(3))
    assert order.expiry_reason is ExpiryReason.LIQUIDITY


def test_ioc_takes_what_its_limit_reaches_and_expires() -> None:
    request = limit(BUY, "3.000", "10010", time_in_force=TimeInForce.IOC)
    order = futures().place_order(ME, UM, request, T0 + 1)
    assert (order.status, order.executed) == (STATUS.EXPIRED, d(1))
    assert order.expiry_reason.futures_code == 2


def test_fok_that_cannot_fill_is_refused_and_takes_nothing() -> None:
    built = futures()
    request = limit(BUY, "3.500", "10020", time_in_force=TimeInForce.FOK)
    assert code_of(lambda: built.place_order(ME, UM, request, T0 + 1)) == -5021
    fits = limit(BUY, "3.000", "10020", time_in_force=TimeInForce.FOK)
    assert built.place_order(ME, UM, fits, T0 + 2).status is STATUS.FILLED


def test_post_only_that_would_take_is_refused() -> None:
    built = futures()
    request = limit(BUY, "1.000", "10010", time_in_force=TimeInForce.GTX)
    assert code_of(lambda: built.place_order(ME, UM, request, T0 + 1)) == -5022
    rests = limit(BUY, "1.000", "10000", time_in_force=TimeInForce.GTX)
    assert built.place_order(ME, UM, rests, T0 + 2).status is STATUS.NEW


def test_gtd_order_expires_at_its_date() -> None:
    built = futures()
    now = T0 + HOUR  # no funding is near, which would look at the orders too
    due = now + 700_000
    request = limit(BUY, "1.000", "9600", time_in_force=TimeInForce.GTD, good_till_date=due)
    order = built.place_order(ME, UM, request, now)
    built.advance(due - 1)
    assert order.status is STATUS.NEW
    built.advance(due)
    assert order.status is STATUS.EXPIRED


def test_countdown_cancels_when_nobody_renews_it() -> None:
    built = futures()
    order = built.place_order(ME, UM, limit(BUY, "1.000", "9600"), T0)
    built.countdown_cancel_all(ME, BTC, 5_000, T0)
    built.countdown_cancel_all(ME, BTC, 5_000, T0 + 4_000)
    built.advance(T0 + 8_000)
    assert order.status is STATUS.NEW
    built.advance(T0 + 9_000)
    assert order.status is STATUS.CANCELED


# --- queues -----------------------------------------------------------------------------------------


def test_resting_order_waits_for_those_before_it_at_its_price() -> None:
    built = futures()
    order = built.place_order(ME, UM, limit(BUY, "0.500", "9990"), T0 + 1)
    prints(built, "9990", "0.900", SELL)
    assert order.executed == 0
    prints(built, "9990", "0.300", SELL, 2)
    assert order.executed == d("0.200")
    assert order.fills[0].is_maker
    assert order.fills[0].fee == d("9990") * d("0.2") * d("0.0002")


def test_strangers_who_join_later_stand_behind_and_those_who_leave_left_from_behind() -> None:
    built = futures()
    order = built.place_order(ME, UM, limit(BUY, "0.500", "9990"), T0 + 1)
    change_book(built, bids={"9990": "3"}, now=T0 + 2)
    change_book(built, bids={"9990": "1"}, now=T0 + 3)  # two cancel: those behind us
    prints(built, "9990", "1.100", SELL)
    assert order.executed == d("0.100")
    change_book(built, bids={"9990": "0.4"}, now=T0 + 4)
    assert built.depth(UM, BTC, 1)[1][0] == (d(9990), d("0.400") + d("0.4"))


def test_trade_through_the_price_fills_the_order_at_its_own_price() -> None:
    built = futures()
    order = built.place_order(ME, UM, limit(BUY, "0.500", "9990"), T0 + 1)
    prints(built, "9985", "5", SELL)
    assert order.status is STATUS.FILLED
    assert order.fills[0].price == d(9990)


def test_book_moving_through_an_order_fills_it_with_what_arrived() -> None:
    built = futures()
    order = built.place_order(ME, UM, limit(BUY, "0.500", "9990"), T0 + 1)
    change_book(built, bids={"9990": "0", "9980": "0"}, asks={"9985": "0.300"}, now=T0 + 2)
    assert order.executed == d("0.300")
    built.check_invariants()
    change_book(built, asks={"9985": "0.300"}, now=T0 + 3)  # repeated: nothing new arrived
    assert order.executed == d("0.300")


def test_amended_order_goes_to_the_back_of_the_queue() -> None:
    built = futures()
    mine = built.place_order(ME, UM, limit(BUY, "0.500", "10000"), T0 + 1)
    theirs = built.place_order(OTHER, UM, limit(BUY, "0.500", "10000"), T0 + 2)
    built.amend_order(
        ME, BTC, T0 + 3, side=BUY, price=d(10000), quantity=d("0.600"), order_id=mine.order_id
    )
    prints(built, "10000", "0.500", SELL)
    assert (mine.executed, theirs.executed) == (0, d("0.500"))


def test_bar_through_an_order_fills_it_and_a_bar_beside_it_does_not() -> None:
    built = venue()
    built.apply(bar(0, 10000, 10010, 9990, 10000), T0 + 60_000)
    order = built.place_order(ME, UM, limit(BUY, "0.100", "9950"), T0 + 60_001)
    built.apply(bar(1, 10000, 10010, 9951, 10000), T0 + 120_000)
    assert order.status is STATUS.NEW
    built.apply(bar(2, 10000, 10010, 9949, 10000), T0 + 180_000)
    assert order.status is STATUS.FILLED
    assert order.avg_price == d(9950)


def test_bar_touching_an_order_fills_it_only_beyond_those_ahead() -> None:
    built = venue()
    built.apply(bar(0, 10000, 10010, 9990, 10000, 10.0), T0 + 60_000)
    order = built.place_order(ME, UM, limit(BUY, "0.100", "9950"), T0 + 60_001)
    ahead = built.floor.book(built.listing(UM, BTC)).level(BUY, d(9950))
    assert ahead is not None
    assert ahead.external > 0
    built.apply(bar(1, 10000, 10010, 9950, 10000, float(ahead.external) * 4 * 0.5), T0 + 120_000)
    assert order.executed == 0
    built.apply(bar(2, 10000, 10010, 9950, 10000, 400.0), T0 + 180_000)
    assert order.status is STATUS.FILLED


# --- identity ---------------------------------------------------------------------------------------


def test_client_id_is_refused_while_open_and_reusable_afterwards() -> None:
    built = futures()
    request = limit(BUY, "1.000", "9900", client_order_id="abc")
    order = built.place_order(ME, UM, request, T0 + 1)
    assert code_of(lambda: built.place_order(ME, UM, request, T0 + 2)) == -4116
    built.cancel_order(ME, UM, BTC, T0 + 3, client_order_id="abc")
    again = built.place_order(ME, UM, request, T0 + 4)
    assert again.order_id != order.order_id
    assert built.get_order(ME, UM, BTC, client_order_id="abc") is again


def test_unknown_orders_have_different_codes_for_query_and_cancel() -> None:
    built = futures()
    assert code_of(lambda: built.get_order(ME, UM, BTC, order_id=7)) == -2013
    assert code_of(lambda: built.cancel_order(ME, UM, BTC, T0, order_id=7)) == -2011
    assert code_of(lambda: built.get_order(ME, UM, "NOPE", order_id=7)) == -1121


# --- reducing ---------------------------------------------------------------------------------------


def long_one(built, qty: str = "1.000") -> None:
    built.place_order(ME, UM, market_order(BUY, qty), T0 + 1)


def test_reduce_only_without_position_or_on_its_side_is_refused() -> None:
    built = futures()
    sell = limit(SELL, "1.000", "10100", reduce_only=True)
    assert code_of(lambda: built.place_order(ME, UM, sell, T0)) == -2022
    long_one(built)
    buy = limit(BUY, "1.000", "9900", reduce_only=True)
    assert code_of(lambda: built.place_order(ME, UM, buy, T0 + 2)) == -2022


def test_reduce_only_market_order_is_trimmed_to_the_position() -> None:
    built = futures()
    long_one(built)
    order = built.place_order(ME, UM, market_order(SELL, "5.000", reduce_only=True), T0 + 2)
    assert (order.status, order.executed) == (STATUS.FILLED, d(1))
    assert built.positions(ME, BTC)[0].qty == 0


def test_resting_reduce_only_order_is_knocked_out_when_the_position_goes() -> None:
    built = futures()
    long_one(built)
    order = built.place_order(ME, UM, limit(SELL, "1.000", "10100", reduce_only=True), T0 + 2)
    built.place_order(ME, UM, market_order(SELL, "1.000"), T0 + 3)
    assert order.status is STATUS.EXPIRED
    assert order.expiry_reason.futures_code == 4


def test_hedge_mode_keeps_both_sides_apart_and_never_over_closes() -> None:
    built = futures()
    built.set_position_mode(ME, True, T0)
    both = market_order(BUY, "1.000")
    assert code_of(lambda: built.place_order(ME, UM, both, T0)) == -4061
    for side, position_side in ((BUY, PositionSide.LONG), (SELL, PositionSide.SHORT)):
        request = market_order(side, "0.500", position_side=position_side)
        built.place_order(ME, UM, request, T0 + 1)
    assert [view.qty for view in built.positions(ME, BTC)] == [d("0.500"), d("-0.500")]
    reduce = market_order(SELL, "0.1", position_side=PositionSide.LONG, reduce_only=True)
    assert code_of(lambda: built.place_order(ME, UM, reduce, T0 + 2)) == -1106
    too_much = limit(SELL, "0.600", "10100", position_side=PositionSide.LONG)
    assert code_of(lambda: built.place_order(ME, UM, too_much, T0 + 2)) == -2022
    built.place_order(
        ME, UM, limit(SELL, "0.400", "10100", position_side=PositionSide.LONG), T0 + 2
    )
    pending = limit(SELL, "0.200", "10100", position_side=PositionSide.LONG)
    assert code_of(lambda: built.place_order(ME, UM, pending, T0 + 3)) == -2022
    built.check_invariants()


# --- self-trade prevention --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "taker", "maker"),
    [
        (StpMode.EXPIRE_TAKER, STATUS.EXPIRED_IN_MATCH, STATUS.NEW),
        (StpMode.EXPIRE_MAKER, STATUS.NEW, STATUS.EXPIRED_IN_MATCH),
        (StpMode.EXPIRE_BOTH, STATUS.EXPIRED_IN_MATCH, STATUS.EXPIRED_IN_MATCH),
        (StpMode.NONE, STATUS.FILLED, STATUS.FILLED),
    ],
)
def test_own_orders_that_meet_are_handled_as_the_takers_mode_says(mode, taker, maker) -> None:
    built = futures()
    resting = built.place_order(ME, UM, limit(SELL, "1.000", "10005"), T0 + 1)
    taking = built.place_order(ME, UM, limit(BUY, "1.000", "10005", stp_mode=mode), T0 + 2)
    assert (taking.status, resting.status) == (taker, maker)
    built.check_invariants()


# --- what is told -----------------------------------------------------------------------------------


def test_events_of_a_fill_come_in_causal_order_with_snapshots() -> None:
    built = futures()
    built.place_order(ME, UM, market_order(BUY, "1.000"), T0 + 1)
    events = built.drain()
    kinds = [(type(e), getattr(e, "execution_type", None)) for e in events]
    assert kinds == [
        (OrderUpdated, Execution.NEW),
        (AccountChanged, None),
        (OrderUpdated, Execution.TRADE),
    ]
    assert events[0].order.executed == 0
    assert events[2].order.status is STATUS.FILLED


# --- spot -------------------------------------------------------------------------------------------


def spot(**balances: str):
    built = venue(spot=balances or {"USDT": "50000", "BTC": "2"})
    set_book(built, {"9990": "1", "9980": "2"}, {"10010": "1", "10020": "2"}, market=SPOT)
    built.drain()
    return built


def free_locked(built, asset: str) -> tuple[Decimal, Decimal]:
    balance = built.account(ME).spot[asset]
    return balance.free, balance.locked


def test_spot_limit_buy_locks_its_cost_and_cancel_frees_it() -> None:
    built = spot()
    order = built.place_order(ME, SPOT, limit(BUY, "1", "9000"), T0 + 1)
    assert free_locked(built, "USDT") == (d(41000), d(9000))
    built.cancel_order(ME, SPOT, BTC, T0 + 2, order_id=order.order_id)
    assert free_locked(built, "USDT") == (d(50000), 0)


def test_spot_buy_pays_its_fee_in_the_asset_received_and_keeps_what_a_better_price_saved() -> None:
    built = spot()
    order = built.place_order(ME, SPOT, limit(BUY, "1", "10100"), T0 + 1)
    assert order.status is STATUS.FILLED
    assert free_locked(built, "USDT") == (d(50000) - d(10010), 0)
    assert free_locked(built, "BTC") == (d(2) + d("0.999"), 0)
    assert (order.fills[0].fee, order.fills[0].fee_asset) == (d("0.001"), "BTC")


def test_spot_market_order_by_quote_spends_its_budget_to_the_step() -> None:
    built = spot()
    request = market_order(BUY, None, quote_quantity=d("15000"))
    order = built.place_order(ME, SPOT, request, T0 + 1)
    assert order.status is STATUS.FILLED
    assert d(15000) - order.cum_quote < d(10020) * d("0.00001")
    assert order.quantity == order.executed
    built.check_invariants()


def test_spot_refusals_have_spots_codes() -> None:
    built = spot(USDT="100", BTC="0.1")
    rich = limit(BUY, "1", "9000")
    assert code_of(lambda: built.place_order(ME, SPOT, rich, T0)) == -2010
    maker = NewOrder(
        symbol=BTC,
        side=SELL,
        type=VenueOrderType.LIMIT_MAKER,
        quantity=d("0.1"),
        price=d(9990),
    )
    assert code_of(lambda: built.place_order(ME, SPOT, maker, T0)) == -2010
    fok = limit(SELL, "0.1", "9995", time_in_force=TimeInForce.FOK)
    order = built.place_order(ME, SPOT, fok, T0)
    assert (order.status, order.executed) == (STATUS.EXPIRED, 0)


def test_spot_stop_waits_untriggered_and_sells_when_last_falls_to_it() -> None:
    built = venue(spot={"USDT": "0", "BTC": "1"})
    built.apply(bar(0, 10000, 10010, 9990, 10000, market=SPOT), T0 + 60_000)
    stop = conditional(VenueOrderType.STOP_LOSS, SELL, "9900", "1")
    order = built.place_order(ME, SPOT, stop, T0 + 60_001)
    assert (order.status, order.is_working) == (STATUS.NEW, False)
    high = conditional(VenueOrderType.STOP_LOSS, SELL, "10100", "1")
    assert code_of(lambda: built.place_order(OTHER, SPOT, high, T0 + 60_001)) == -2010
    built.apply(bar(1, 10000, 10010, 9950, 10000, market=SPOT), T0 + 120_000)
    assert order.status is STATUS.NEW
    built.apply(bar(2, 10000, 10010, 9800, 9850, market=SPOT), T0 + 180_000)
    assert order.status is STATUS.FILLED
    assert d(9890) < order.avg_price <= d(9900)  # near its trigger, not at the bar's low
    built.check_invariants()


def oco(built, qty: str = "1"):
    return built.place_oco(
        ME,
        BTC,
        SELL,
        d(qty),
        NewOrder(symbol=BTC, side=SELL, type=VenueOrderType.LIMIT_MAKER, price=d(10500)),
        conditional(VenueOrderType.STOP_LOSS, SELL, "9500", None),
        T0 + 60_001,
    )


@pytest.mark.parametrize(("high", "low", "winner"), [(10600.0, 9990.0, 0), (10010.0, 9400.0, 1)])
def test_oco_leg_that_trades_expires_the_other_and_ends_the_list(high, low, winner) -> None:
    built = venue(spot={"USDT": "0", "BTC": "1"})
    built.apply(bar(0, 10000, 10010, 9990, 10000, market=SPOT), T0 + 60_000)
    order_list = oco(built)
    assert free_locked(built, "BTC") == (0, d(1))  # one lock for both legs
    built.apply(bar(1, 10000, high, low, 10000, market=SPOT), T0 + 120_000)
    assert order_list.orders[winner].status is STATUS.FILLED
    loser = order_list.orders[1 - winner]
    assert (loser.status, loser.expiry_reason) == (STATUS.EXPIRED, ExpiryReason.OCO)
    assert order_list.status is ListStatus.ALL_DONE
    assert free_locked(built, "BTC") == (0, 0)
    told = [e.order_list.status for e in built.drain() if isinstance(e, ListUpdated)]
    assert told == [ListStatus.EXEC_STARTED, ListStatus.ALL_DONE]
    built.check_invariants()


def test_cancelling_one_oco_leg_cancels_the_list_and_frees_the_lock() -> None:
    built = venue(spot={"USDT": "0", "BTC": "1"})
    built.apply(bar(0, 10000, 10010, 9990, 10000, market=SPOT), T0 + 60_000)
    order_list = oco(built)
    built.cancel_order(ME, SPOT, BTC, T0 + 60_002, order_id=order_list.orders[0].order_id)
    assert [order.status for order in order_list.orders] == [STATUS.CANCELED] * 2
    assert free_locked(built, "BTC") == (d(1), 0)


def test_oco_with_wrong_prices_or_legs_is_refused() -> None:
    built = venue(spot={"BTC": "1"})
    built.apply(bar(0, 10000, 10010, 9990, 10000, market=SPOT), T0 + 60_000)
    high = NewOrder(symbol=BTC, side=SELL, type=VenueOrderType.LIMIT_MAKER, price=d(10500))
    stop = conditional(VenueOrderType.STOP_LOSS, SELL, "10100", None)
    now = T0 + 60_001
    assert code_of(lambda: built.place_oco(ME, BTC, SELL, d(1), high, stop, now)) == -2010
    assert code_of(lambda: built.place_oco(ME, BTC, SELL, d(1), high, high, now)) == -1158
