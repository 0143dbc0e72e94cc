"""Random traders in random markets: money is conserved and the queue is fair, whatever happens."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.exchange.core.venue import retention
from apps.exchange.core.venue.outbound import OrderUpdated
from apps.exchange.core.venue.types import (
    Execution,
    StpMode,
    TimeInForce,
    VenueError,
    VenueOrderType,
)
from chimera.clock import HOUR
from chimera.instruments import Side
from chimera.money import ZERO
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
    venue,
)

PRICES = st.integers(min_value=980, max_value=1020).map(lambda p: str(p * 10))
QTYS = st.integers(min_value=11, max_value=60).map(lambda q: str(Decimal(q) / 1000))
SIDES = st.sampled_from(list(Side))
ACCOUNTS = st.sampled_from([ME, OTHER])
TIFS = st.sampled_from(["GTC", "IOC", "FOK", "GTX"]).map(TimeInForce)

STEP = st.one_of(
    st.tuples(st.just("limit"), ACCOUNTS, SIDES, QTYS, PRICES, TIFS, st.booleans()),
    st.tuples(st.just("market"), ACCOUNTS, SIDES, QTYS, st.booleans()),
    st.tuples(
        st.just("stop"),
        ACCOUNTS,
        SIDES,
        PRICES,
        st.sampled_from([VenueOrderType.STOP_MARKET, VenueOrderType.TAKE_PROFIT_MARKET]),
        st.booleans(),
    ),
    st.tuples(st.just("cancel"), ACCOUNTS),
    st.tuples(st.just("depth"), SIDES, PRICES, QTYS),
    st.tuples(st.just("bar"), PRICES, PRICES, PRICES, PRICES),
    st.tuples(st.just("hours"), st.integers(min_value=1, max_value=9)),
)

common = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def play(built, step, index: int, now: int) -> int:
    kind, *rest = step
    try:
        if kind == "limit":
            account, side, qty, price, tif, reduce_only = rest
            request = limit(side, qty, price, time_in_force=tif, reduce_only=reduce_only)
            built.place_order(account, UM, request, now)
        elif kind == "market":
            account, side, qty, reduce_only = rest
            built.place_order(account, UM, market_order(side, qty, reduce_only=reduce_only), now)
        elif kind == "stop":
            account, side, price, order_type, closes = rest
            more = {"close_position": True, "qty": None} if closes else {}
            built.place_algo(account, conditional(order_type, side, price, **more), now)
        elif kind == "cancel":
            built.cancel_all(rest[0], UM, BTC, now)
        elif kind == "depth":
            side, price, qty = rest
            # One-sided changes on top of the other side's levels would cross strangers with strangers.
            best = built.floor.book(built.listing(UM, BTC)).best(side.opposite)
            crosses = best is not None and (Decimal(price) - best.price) * side.sign >= 0
            if not (crosses and best.external):
                name = "bids" if side is BUY else "asks"
                change_book(built, **{name: {price: qty}}, now=now)
        elif kind == "bar":
            o, *others = (float(price) for price in rest)
            prices = [o, *others]
            action = bar(0, o, max(prices), min(prices), prices[-1])
            built.apply(action, max(now, action.close_time))
        else:
            built.advance(now + rest[0] * HOUR)
            return now + rest[0] * HOUR
    except VenueError:
        pass  # a refusal changes nothing, which the invariants then confirm
    return now + 1


@common
@given(st.lists(STEP, min_size=5, max_size=60))
def test_random_futures_trading_keeps_every_invariant_after_every_step(steps) -> None:
    built = venue(usdt="500")
    set_book(built, {"9990": "0.5", "9980": "1"}, {"10010": "0.5", "10020": "1"})
    now = T0
    for index, step in enumerate(steps):
        now = play(built, step, index, now)
        built.check_invariants()
    for account in (ME, OTHER):
        held = sum(
            (f.qty * f.side.sign for f in built.my_trades(account, UM, BTC, limit=10_000)), ZERO
        )
        assert held == built.positions(account, BTC)[0].qty


@common
@given(st.lists(STEP, min_size=5, max_size=60), st.sampled_from([0, 2, 5 * HOUR]))
def test_forgetting_early_changes_nothing_but_what_is_remembered(steps, kept) -> None:
    stories = []
    for unfilled, everything in ((retention.UNFILLED_KEPT, retention.KEPT), (kept, 2 * kept)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(retention, "UNFILLED_KEPT", unfilled)
            patch.setattr(retention, "KEPT", everything)
            built = venue(usdt="500")
            set_book(built, {"9990": "0.5", "9980": "1"}, {"10010": "0.5", "10020": "1"})
            now = T0
            for index, step in enumerate(steps):
                now = play(built, step, index, now)
                built.check_invariants()
            stories.append([repr(event) for event in built.drain()])
    assert stories[0] == stories[1]


@common
@given(st.lists(STEP, min_size=5, max_size=40))
def test_two_runs_of_the_same_steps_tell_the_same_story(steps) -> None:
    stories = []
    for _ in range(2):
        built = venue(usdt="500")
        set_book(built, {"9990": "0.5"}, {"10010": "0.5"})
        now = T0
        for index, step in enumerate(steps):
            now = play(built, step, index, now)
        stories.append([repr(event) for event in built.drain()])
    assert stories[0] == stories[1]


@common
@given(
    st.lists(
        st.tuples(ACCOUNTS, QTYS, st.sampled_from(["9990", "9980", "9970"])),
        min_size=2,
        max_size=12,
    ),
    st.integers(min_value=11, max_value=400).map(lambda q: str(Decimal(q) / 1000)),
)
def test_sweep_fills_better_prices_first_and_earlier_orders_first(resting, sweep) -> None:
    built = venue(usdt="1000000")
    built.open_account("taker", futures_usdt=d(1_000_000), spot={}, now=T0)
    set_book(built, {}, {"10010": "5"})
    orders = [
        built.place_order(account, UM, limit(BUY, qty, price), T0 + number)
        for number, (account, qty, price) in enumerate(resting)
    ]
    built.drain()
    built.place_order(
        "taker", UM, limit(SELL, sweep, "9970", time_in_force=TimeInForce.IOC), T0 + 99
    )
    filled = [
        event.order.order_id
        for event in built.drain()
        if isinstance(event, OrderUpdated)
        and event.execution_type is Execution.TRADE
        and event.account_id != "taker"
    ]
    fair = sorted(orders, key=lambda order: (-order.price, order.order_id))
    assert filled == [order.order_id for order in fair][: len(filled)]
    assert sum(o.executed for o in orders) == min(d(sweep), sum(o.quantity for o in orders))
    for earlier, later in pairwise(fair):
        assert earlier.remaining == 0 or later.executed == 0


@common
@given(
    level=QTYS,
    takes=st.lists(QTYS, min_size=1, max_size=8),
    repeats=st.integers(min_value=0, max_value=3),
)
def test_b3_liquidity_of_a_level_is_never_filled_twice(level, takes, repeats) -> None:
    built = venue(usdt="1000000")
    set_book(built, {"10000": "1"}, {"10010": level})
    for number, qty in enumerate(takes):
        request = limit(BUY, qty, "10010", time_in_force=TimeInForce.IOC)
        try:
            built.place_order(ME, UM, request, T0 + number)
        except VenueError:
            continue
        for _ in range(repeats):  # the feed repeats itself: nothing changed there
            change_book(built, asks={"10010": level}, now=T0 + number)
    taken = sum((f.qty for f in built.my_trades(ME, UM, BTC)), ZERO)
    assert taken == min(d(level), sum((d(q) for q in takes), ZERO))


@common
@given(
    st.lists(
        st.tuples(
            ACCOUNTS,
            SIDES,
            st.integers(min_value=1, max_value=40).map(lambda q: str(Decimal(q) / 1000)),
            PRICES,
            st.sampled_from(["GTC", "IOC", "FOK", "quote", "market", "cancel"]),
        ),
        max_size=40,
    )
)
def test_random_spot_trading_keeps_every_invariant_and_creates_no_asset(steps) -> None:
    built = venue(spot={"USDT": "3000", "BTC": "0.2"})
    set_book(built, {"9990": "0.1"}, {"10010": "0.1"}, market=SPOT)
    for number, (account, side, qty, price, kind) in enumerate(steps):
        now = T0 + number
        try:
            if kind == "cancel":
                built.cancel_all(account, SPOT, BTC, now)
            elif kind == "quote":
                request = market_order(side, None, quote_quantity=d(qty) * 10_000)
                built.place_order(account, SPOT, request, now)
            elif kind == "market":
                built.place_order(account, SPOT, market_order(side, qty), now)
            else:
                request = limit(side, qty, price, time_in_force=TimeInForce(kind))
                built.place_order(account, SPOT, request, now)
        except VenueError:
            pass
        built.check_invariants()
    for account in (ME, OTHER):
        fills = built.my_trades(account, SPOT, BTC, limit=10_000)
        bought = sum((f.qty * f.side.sign for f in fills), ZERO)
        fees = sum((f.fee for f in fills if f.fee_asset == "BTC"), ZERO)
        assert built.account(account).spot["BTC"].total == d("0.2") + bought - fees


@common
@given(
    st.sampled_from(list(StpMode)),
    st.lists(st.tuples(SIDES, QTYS, PRICES), min_size=2, max_size=20),
)
def test_self_trades_happen_only_when_the_taker_allows_them(mode, orders) -> None:
    built = venue(usdt="1000000")
    set_book(built, {"5000": "1"}, {"15000": "1"})
    for number, (side, qty, price) in enumerate(orders):
        built.place_order(ME, UM, limit(side, qty, price, stp_mode=mode), T0 + number)
        built.check_invariants()
    fills = built.my_trades(ME, UM, BTC, limit=1_000)
    ids = [fill.trade_id for fill in fills]
    assert mode is StpMode.NONE or len(ids) == len(set(ids))
