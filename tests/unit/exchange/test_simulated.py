"""The simulated exchange: commands in, the events of chimera.events out."""

import time
from decimal import Decimal

import pytest

from apps.exchange.core.simulated import SimulatedExchange
from apps.exchange.core.venue.actions import SetFunding
from apps.exchange.core.venue.types import TimeInForce as VenueTif
from chimera.clock import HOUR, MINUTE
from chimera.events import encode
from chimera.events.market import BarClosed, DepthChanged, MarkPriceChanged
from chimera.events.orders import (
    CancelOrder,
    CancelRejected,
    LiquiditySide,
    MarginSettingsChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderState,
    OrderStatus,
    OrderTriggered,
    OrderType,
    Origin,
    PrepareSymbol,
    Purpose,
    QueryAccount,
    QueryOrder,
    Refusal,
    SubmitOrder,
    SymbolPrepared,
    TimeInForce,
)
from chimera.events.positions import AccountReported, FundingPaid
from chimera.ids import bar_id
from chimera.runtime.contract import Publish
from tests.support.venue import BUY, ME, SELL, T0, UM, bar, d, limit, venue

PERP = "BTCUSDT-PERP"
NOW = T0 + MINUTE + 1


def exchange(**options) -> SimulatedExchange:
    built = SimulatedExchange(venue(isolated=False), ME, **options)
    market(built, bar(0, 10000, 10010, 9990, 10000), T0 + MINUTE)
    return built


def market(built: SimulatedExchange, action, now: int) -> list:
    """Let the market do something to its end, and return what followed."""
    return [effect for stage in built.market(action, now) for effect in stage]


def events(effects) -> list:
    assert all(isinstance(effect, Publish) for effect in effects)
    return [effect.event for effect in effects]


def submit(
    client_id: str = "c-1", side=BUY, kind=OrderType.MARKET, qty: str = "0.100", **more
) -> SubmitOrder:
    return SubmitOrder(
        id=f"submit:{client_id}",
        ts_event=NOW,
        ts_init=NOW,
        symbol=PERP,
        client_order_id=client_id,
        purpose=Purpose.ENTRY,
        side=side,
        order_type=kind,
        qty=d(qty),
        **more,
    )


def stop(client_id: str = "c-stop", trigger: str = "9900", qty: str = "0.100") -> SubmitOrder:
    return submit(
        client_id, SELL, OrderType.STOP_MARKET, qty, trigger_px=d(trigger), reduce_only=True
    )


def asked(kind, client_id: str = "c-1", **more):
    return kind(
        id=f"{kind.__name__}:{client_id}",
        ts_event=NOW,
        ts_init=NOW,
        symbol=PERP,
        client_order_id=client_id,
        **more,
    )


def test_whole_bar_without_orders_is_told_as_its_close_alone() -> None:
    built = exchange()
    [told] = events(market(built, bar(1, 10000, 10020, 9980, 10010, 42.5), T0 + 2 * MINUTE))
    assert told == BarClosed(
        id=bar_id(PERP, "1m", T0 + 2 * MINUTE),
        ts_event=T0 + 2 * MINUTE,
        ts_init=T0 + 2 * MINUTE,
        symbol=PERP,
        interval="1m",
        open_time=T0 + MINUTE,
        open=10000,
        high=10020,
        low=9980,
        close=10010,
        volume=42.5,
        mark_px=float(built.venue.listing(UM, "BTCUSDT").mark),
    )


def test_depth_is_told_when_wanted() -> None:
    built = exchange(depth_levels=5)
    depth, _ = events(market(built, bar(1, 10000, 10020, 9980, 10010), T0 + 2 * MINUTE))
    assert isinstance(depth, DepthChanged)
    assert depth.bids[0] < depth.asks[0]
    assert len(depth.asks) == 5


def test_market_order_is_accepted_and_filled_in_that_order() -> None:
    accepted, filled = events(exchange().handle(submit(), NOW))
    assert isinstance(accepted, OrderAccepted)
    assert isinstance(filled, OrderFilled)
    assert filled.id == f"fill:{PERP}:{filled.trade_id}"
    assert (filled.last_qty, filled.filled_qty) == (d("0.100"), d("0.100"))
    assert filled.liquidity_side is LiquiditySide.TAKER
    assert filled.cause == accepted.cause == "submit:c-1"


def test_refused_order_is_rejected_with_the_venues_code() -> None:
    [told] = events(exchange().handle(submit(qty="100.000"), NOW))
    assert isinstance(told, OrderRejected)
    assert (told.code, told.refusal) == ("-2019", Refusal.OTHER)


def test_refused_stop_says_what_the_router_must_know_of_it() -> None:
    built = exchange()
    [empty] = events(built.handle(submit(side=SELL, reduce_only=True), NOW))
    built.handle(submit("c-2"), NOW)
    [late] = events(built.handle(stop(trigger="10500"), NOW))
    assert (empty.code, empty.refusal) == ("-2022", Refusal.NOTHING_HELD)
    assert (late.code, late.refusal) == ("-2021", Refusal.WOULD_TRIGGER)


def test_conditional_order_goes_to_the_algo_service_and_its_child_keeps_the_id() -> None:
    built = exchange()
    built.handle(submit(), NOW)
    [accepted] = events(built.handle(stop(), NOW))
    assert isinstance(accepted, OrderAccepted)
    assert built.venue.open_algos(ME)[0].client_algo_id == "c-stop"
    told = events(market(built, bar(1, 10000, 10005, 9850, 9900), T0 + 2 * MINUTE))
    kinds = [type(event) for event in told]
    assert kinds == [OrderTriggered, OrderFilled, BarClosed]
    assert told[1].client_order_id == "c-stop"
    assert told[0].venue_order_id == told[1].venue_order_id != accepted.venue_order_id


def test_r6_liquidation_is_told_as_the_venues_own() -> None:
    built = exchange()
    prepare = PrepareSymbol(id="p", ts_event=NOW, ts_init=NOW, symbol=PERP, leverage=20)
    built.handle(prepare, NOW)
    [ours] = [e for e in events(built.handle(submit(), NOW)) if isinstance(e, OrderFilled)]
    crash = bar(1, 10000, 10005, 9000, 9050)
    told = events(market(built, crash, T0 + 2 * MINUTE))
    fills = [event for event in told if isinstance(event, OrderFilled)]
    assert ours.origin is Origin.OURS
    assert {fill.origin for fill in fills} == {Origin.LIQUIDATION}
    assert sum(fill.last_qty for fill in fills) == ours.last_qty


@pytest.mark.parametrize("conditional", [False, True])
def test_cancel_is_confirmed_once_and_then_refused(conditional) -> None:
    built = exchange()
    order = stop("c-1") if conditional else submit(kind=OrderType.LIMIT, px=d("9900"))
    built.handle(order, NOW)
    command = asked(CancelOrder, conditional=conditional)
    [told] = events(built.handle(command, NOW))
    assert isinstance(told, OrderCanceled)
    [again] = events(built.handle(command, NOW))
    assert isinstance(again, CancelRejected)
    assert again.code == "-2011"


def test_query_tells_missed_fills_then_the_status() -> None:
    built = exchange()
    told = events(built.handle(submit(), NOW))
    filled = next(event for event in told if isinstance(event, OrderFilled))
    *fills, status = events(built.handle(asked(QueryOrder, conditional=False), NOW + 5))
    assert [f.id for f in fills] == [filled.id]
    assert [(f.last_qty, f.filled_qty, f.fee) for f in fills] == [
        (filled.last_qty, filled.filled_qty, filled.fee)
    ]
    assert isinstance(status, OrderStatus)
    assert (status.state, status.filled_qty) == (OrderState.FILLED, d("0.100"))


def test_query_of_a_fired_stop_tells_the_childs_fills() -> None:
    built = exchange()
    built.handle(submit(), NOW)
    built.handle(stop(), NOW)
    query = asked(QueryOrder, "c-stop", conditional=True)
    [before] = events(built.handle(query, NOW))
    assert before.state is OrderState.OPEN
    market(built, bar(1, 10000, 10005, 9850, 9900), T0 + 2 * MINUTE)
    fill, after = events(built.handle(query, T0 + 2 * MINUTE))
    assert isinstance(fill, OrderFilled)
    assert (after.state, after.filled_qty) == (OrderState.FILLED, d("0.100"))


@pytest.mark.parametrize("conditional", [False, True])
def test_query_of_an_unknown_order_says_so(conditional) -> None:
    [told] = events(exchange().handle(asked(QueryOrder, "who", conditional=conditional), NOW))
    assert isinstance(told, OrderNotFound)


def test_order_sent_twice_is_described_and_not_placed_again() -> None:
    built = exchange()
    resting = submit(kind=OrderType.LIMIT, px=d("9900"))
    built.handle(resting, NOW)
    [told] = events(built.handle(resting, NOW + 1))
    assert isinstance(told, OrderStatus)
    assert told.state is OrderState.OPEN
    assert len(built.venue.open_orders(ME, UM)) == 1


def test_prepare_sets_isolated_margin_and_leverage_and_reports_them() -> None:
    built = exchange()
    command = PrepareSymbol(id="p1", ts_event=NOW, ts_init=NOW, symbol=PERP, leverage=10)
    for changes in (1, 0):  # repeating it changes nothing
        *changed, told = events(built.handle(command, NOW))
        assert [type(event) for event in changed] == [MarginSettingsChanged] * changes
        assert isinstance(told, SymbolPrepared)
        assert (told.leverage, told.isolated, told.one_way, told.problem) == (10, True, True, None)


def test_account_report_shows_wallet_position_and_both_books() -> None:
    built = exchange()
    built.handle(submit(), NOW)
    built.handle(stop(), NOW)
    built.handle(submit("c-2", SELL, OrderType.LIMIT, px=d("10500")), NOW)
    query = QueryAccount(id="q1", ts_event=NOW, ts_init=NOW, symbol="ACCOUNT")
    [told] = events(built.handle(query, NOW))
    assert isinstance(told, AccountReported)
    assert told.wallet_usdt == built.venue.account(ME).wallet_balance
    assert [p.qty for p in told.positions] == [d("0.100")]
    assert sorted((o.client_order_id, o.conditional) for o in told.orders) == [
        ("c-2", False),
        ("c-stop", True),
    ]


def test_funding_is_told_with_its_amount_and_the_next_mark() -> None:
    built = exchange()
    built.handle(submit(), NOW)
    boundary = T0 - T0 % (8 * HOUR) + 8 * HOUR
    market(built, SetFunding(UM, "BTCUSDT", d("0.0001"), boundary), boundary)
    told = events(built.advance(boundary))
    paid = next(event for event in told if isinstance(event, FundingPaid))
    assert paid.amount < 0
    assert paid.id == f"funding:{PERP}:{boundary}"
    mark = next(event for event in told if isinstance(event, MarkPriceChanged))
    assert mark.next_funding_time == boundary + 8 * HOUR


def test_same_commands_give_the_same_bytes() -> None:
    def story() -> list[bytes]:
        built = exchange()
        told = []
        for command in (submit(), stop(), submit("c-3", SELL, OrderType.LIMIT, px=d("10100"))):
            told += events(built.handle(command, NOW))
        told += events(market(built, bar(1, 10000, 10200, 9850, 9900), T0 + 2 * MINUTE))
        return [encode(event) for event in told]

    assert story() == story()


def test_other_accounts_are_not_heard_of() -> None:
    built = exchange()
    order = limit(BUY, "0.100", "9900", time_in_force=VenueTif.GTC)
    built.venue.place_order("other", UM, order, NOW)
    assert built.advance(NOW) == []


def test_post_only_that_would_take_is_rejected() -> None:
    order = submit(kind=OrderType.LIMIT, px=Decimal("10100.00"), time_in_force=TimeInForce.GTX)
    [told] = events(exchange().handle(order, NOW))
    assert isinstance(told, OrderRejected)
    assert told.code == "-5022"


def test_bar_that_touches_nothing_is_cheap_even_with_a_position_and_its_stop() -> None:
    built = exchange()
    built.handle(PrepareSymbol(id="p", ts_event=NOW, ts_init=NOW, symbol=PERP, leverage=5), NOW)
    built.handle(submit(), NOW)
    built.handle(stop(), NOW)
    bars = [bar(i, 10000, 10010, 9990, 10000) for i in range(1, 20_001)]
    best = float("inf")
    for part in range(4):
        began = time.perf_counter()
        for action in bars[part * 5_000 : (part + 1) * 5_000]:
            market(built, action, action.close_time)
        best = min(best, (time.perf_counter() - began) / 5_000)
    assert best < 20e-6  # the bench holds the real figure; this catches a lost fast path
