"""Feeds: what they yield is in order, deterministic, and leaves the recorded market behind."""

import random
from decimal import Decimal
from itertools import pairwise

import pytest

from apps.exchange.adapters.playback import play
from apps.exchange.adapters.recordings import find_recordings, read_klines
from apps.exchange.core.venue.actions import Bar, PrintTrade, SetFunding, SetMark, StepPrice
from apps.exchange.core.venue.candles import Candle
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.feeds import flow, klines, trades
from apps.exchange.core.venue.feeds.depth import RecordedTrade
from apps.exchange.core.venue.feeds.merge import merge
from apps.exchange.core.venue.outbound import KlineMoved, MarkMoved, QuoteMoved
from apps.exchange.core.venue.types import VenueOrderType
from chimera.clock import HOUR, MINUTE, SECOND
from chimera.instruments import Side
from tests.support.venue import (
    BTC,
    BUY,
    ME,
    OTHER,
    SELL,
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

ROWS = klines.KlineRows(
    open_time=[T0, T0 + MINUTE],
    open=[10000.1, 10010.0],
    high=[10020.5, 10012.0],
    low=[9990.3, 9950.0],
    close=[10010.0, 9960.7],
    volume=[12.345, 7.001],
)


def test_steps_touch_exactly_the_corners_of_a_bar_in_the_documented_order() -> None:
    path = [float(action.price) for _, action in klines.steps(UM, BTC, "1m", ROWS, a_leg=4)]
    first, second = path[:13], path[13:]
    assert (first[0], first[4], first[8], first[12]) == (10000.1, 9990.3, 10020.5, 10010.0)
    assert (second[0], second[4], second[8], second[12]) == (10010.0, 10012.0, 9950.0, 9960.7)
    assert all(9990.3 <= price <= 10020.5 for price in first)


def test_steps_at_one_price_tell_the_quote_again_while_anybody_trades() -> None:
    built = venue(publish_market=True)
    told = []
    for second, volume in enumerate(("1", "1", "1", "0", "0"), start=1):
        built.apply(StepPrice(UM, BTC, d("10000"), d(volume), d(10)), T0 + second * SECOND)
        told.append([event for event in built.drain() if isinstance(event, QuoteMoved)])

    assert [len(quotes) for quotes in told] == [1, 1, 1, 0, 0]
    assert {(quotes[0].bid, quotes[0].ask) for quotes in told[:3]} == {(d("9999.9"), d("10000"))}


def test_candles_rebuilt_from_steps_equal_the_recorded_bars(data_dir) -> None:
    path = data_dir / "klines" / "um-BTCUSDT-1m-2025-05..2025-06.parquet"
    rows = read_klines(path)
    rows = rows.between(T0, T0 + 3 * HOUR)
    built = venue(publish_market=True)
    built.watch_klines(UM, BTC, "1m")
    for ts, action in klines.steps(UM, BTC, "1m", rows):
        built.apply(action, ts)
    built.advance(rows.open_time[-1] + MINUTE)
    closed = [e.kline for e in built.drain() if isinstance(e, KlineMoved) and e.closed]
    assert [
        (
            k.open_time,
            float(k.open),
            float(k.high),
            float(k.low),
            float(k.close),
            float(k.volume),
        )
        for k in closed
    ] == list(
        zip(rows.open_time, rows.open, rows.high, rows.low, rows.close, rows.volume, strict=True)
    )
    hours = built.klines(UM, BTC, "1h", limit=10)
    assert sum(k.volume for k in hours) == sum(Decimal(str(v)) for v in rows.volume)


def test_whole_bars_and_steps_end_at_the_same_last_price() -> None:
    lasts = []
    for walk in (klines.bars, klines.steps):
        built = venue()
        for ts, action in walk(UM, BTC, "1m", ROWS):
            built.apply(action, ts)
        lasts.append(built.listing(UM, BTC).last)
    assert lasts == [d("9960.7"), d("9960.7")]


def test_quiet_bars_leave_the_same_state_as_walked_ones() -> None:
    states = []
    for publish in (False, True):
        built = venue(publish_market=publish)
        for ts, action in klines.bars(UM, BTC, "1m", ROWS):
            built.apply(action, ts)
        listing = built.listing(UM, BTC)
        states.append((listing.last_px, listing.mark_px, listing.bought, listing.minute_volume))
        states.append(built.depth(UM, BTC, 100)[1:])
    assert states[0] == states[2]
    assert states[1] == states[3]


@pytest.mark.parametrize("price", ["9990", "9500", "9100"])
def test_orders_that_a_bar_meets_do_not_change_the_mark_it_leaves(price: str) -> None:
    marks = []
    for orders in ([], [limit(BUY, "0.100", price)]):
        built = venue()
        built.apply(bar(0, 10000, 10010, 9995, 10000), T0 + MINUTE)
        placed = [built.place_order(OTHER, UM, order, T0 + MINUTE) for order in orders]
        built.apply(bar(1, 10000, 10000, 9000, 9000), T0 + 2 * MINUTE)
        marks.append(built.listing(UM, BTC).mark_px)
    assert marks[0] == marks[1]
    assert [order.executed for order in placed] == [d("0.1")]


def test_fills_inside_a_bar_are_timed_along_its_way() -> None:
    built = venue()
    built.apply(bar(0, 10000, 10010, 9995, 10000), T0 + MINUTE)
    orders = [
        built.place_order(ME, UM, limit(BUY, "0.020", price), T0 + MINUTE)
        for price in ("9900", "9500", "9100")
    ]
    built.apply(bar(1, 10000, 10000, 9000, 9000), T0 + 2 * MINUTE)
    times = [order.fills[0].ts for order in orders]
    assert times == sorted(times)
    assert len(set(times)) == 3
    assert T0 + MINUTE < times[0] < times[-1] < T0 + 2 * MINUTE


def test_whole_bars_end_whatever_top_a_trailing_stop_has_followed() -> None:
    for tenths in range(20):
        built = venue()
        top = 10000.0 + tenths / 10
        built.apply(bar(0, 10000, 10000, 10000, 10000), T0 + MINUTE)
        request = conditional(VenueOrderType.TRAILING_STOP_MARKET, SELL, None, callback_rate=d(5))
        built.place_algo(ME, request, T0 + MINUTE)
        built.apply(bar(1, 10000, top, 9999.9, top), T0 + 2 * MINUTE)
        built.apply(bar(2, top, top + 50, top - 1, top + 40), T0 + 3 * MINUTE)
        assert built.listing(UM, BTC).last_px == top + 40


def test_funding_rates_become_known_only_when_they_are_settled() -> None:
    boundary = T0 - T0 % (8 * HOUR) + 8 * HOUR
    feed = klines.funding(BTC, [boundary], [0.00012])
    assert list(feed) == [(boundary, SetFunding(UM, BTC, d("0.00012"), boundary))]


def test_recordings_play_together_in_order_and_pay_recorded_funding(data_dir) -> None:
    names = ("klines/um-BTCUSDT-1m-2025", "funding/um-BTCUSDT", "mark/um-BTCUSDT-mark-8h-2025")
    found = [
        r
        for r in find_recordings([data_dir])
        if str(r.path.relative_to(data_dir)).startswith(names)
    ]
    start = 1_748_736_000_000  # 2025-06-01 00:00
    played = list(play(found, stepwise=False, start=start, end=start + 9 * HOUR))
    assert all(a[0] <= b[0] for a, b in pairwise(played))
    built = venue()
    built_at = start + 30 * MINUTE
    for ts, action in played:
        built.apply(action, ts)
        if ts == built_at:
            built.place_order(ME, UM, market_order(BUY, "0.010"), ts)
    mark = next(a.mark for ts, a in played if isinstance(a, SetMark) and ts == start + 8 * HOUR)
    rate = next(a.rate for ts, a in played if isinstance(a, SetFunding) and ts == start + 8 * HOUR)
    last = [p for p in built.funding_history(BTC) if p.ts == start + 8 * HOUR]
    assert [(p.rate, abs(p.mark - mark) < 200) for p in last] == [(rate, True)]
    paid = [row.amount for row in built.income(ME, kind="FUNDING_FEE")]
    assert paid == [(-d("0.01") * last[0].mark * rate).quantize(d("0.00000001"))]
    built.check_invariants()


def test_merge_keeps_the_order_of_arguments_at_the_same_time() -> None:
    mark, bar = SetMark(UM, BTC, d(1), d(1)), Bar(UM, BTC, "1m", 0, 60, 1, 1, 1, 1, 1)
    assert [a for _, a in merge([(60, mark)], [(60, bar)])] == [mark, bar]


def test_trades_scale_depth_by_the_minute_before() -> None:
    tape = [
        (T0, RecordedTrade(1, d(100), d(2), False)),
        (T0 + SECOND, RecordedTrade(2, d(101), d(3), True)),
        (T0 + MINUTE, RecordedTrade(3, d(101), d(1), True)),
    ]
    found = [action for _, action in trades.actions(UM, BTC, tape)]
    assert [a.minute_volume for a in found] == [d(2), d(5), d(4)]
    assert [a.aggressor for a in found] == [Side.BUY, Side.SELL, Side.SELL]
    assert all(isinstance(a, StepPrice) for a in found)


# --- the market that never was ----------------------------------------------------------------------

SHAPE = flow.FlowShape(start_price=60000.0)


def flowing(seed: int, seconds: int):
    instrument = list_symbols(UM, [BTC])[BTC]
    return flow.actions(
        instrument, SHAPE, start=T0, rng=random.Random(seed), end=T0 + seconds * SECOND
    )


def test_flow_is_repeated_by_its_seed_and_differs_with_another() -> None:
    assert list(flowing(7, 60)) == list(flowing(7, 60))
    assert list(flowing(7, 60)) != list(flowing(8, 60))


def test_flow_keeps_the_book_sound_and_its_spread_and_depth_plausible() -> None:
    built = venue(publish_market=True)
    spreads = []
    before = 0
    for number, (ts, action) in enumerate(flowing(3, 600)):
        assert ts >= before
        before = ts
        built.apply(action, ts)
        if number % 50 == 0:
            built.check_invariants()
            bid, bid_qty, ask, ask_qty = built.book_ticker(UM, BTC)
            spreads.append(float((ask - bid) / bid) * 10_000)
            assert min(bid_qty, ask_qty) > 0
            assert len(built.depth(UM, BTC, 50)[1]) >= 10
    assert 0 < sum(spreads) / len(spreads) < 3
    marks = [e for e in built.drain() if isinstance(e, MarkMoved)]
    assert any(e.mark != e.index for e in marks)


def test_flow_has_clustered_volatility() -> None:
    prices = [float(a.price) for _, a in flowing(11, 7200) if isinstance(a, PrintTrade)][::20]
    moves = [abs(b / a - 1) for a, b in pairwise(prices)]
    mean = sum(moves) / len(moves)
    spread = sum((m - mean) ** 2 for m in moves)
    together = sum((a - mean) * (b - mean) for a, b in pairwise(moves))
    assert together / spread > 0.03  # absolute moves are positively autocorrelated


def test_flow_settles_a_funding_rate_at_the_boundary() -> None:
    instrument = list_symbols(UM, [BTC])[BTC]
    boundary = T0 - T0 % (8 * HOUR) + 8 * HOUR
    feed = flow.actions(
        instrument, SHAPE, start=boundary - 5 * SECOND, rng=random.Random(1), end=boundary + SECOND
    )
    rates = [(ts, a) for ts, a in feed if isinstance(a, SetFunding)]
    assert [(ts, a.next_time) for ts, a in rates] == [(boundary, boundary)]
    assert abs(rates[0][1].rate) <= d("0.0075")


@pytest.mark.parametrize("seed", [1, 2])
def test_taker_meets_the_flows_book(seed) -> None:
    built = venue()
    for ts, action in flowing(seed, 5):
        built.apply(action, ts)
    order = built.place_order(ME, UM, market_order(BUY, "0.050"), T0 + 6 * SECOND)
    assert order.executed == d("0.050")
    built.check_invariants()


def test_mark_klines_follow_the_mark_and_roll_while_nothing_moves() -> None:
    built = venue(publish_market=True)
    built.apply(SetMark(UM, BTC, d(100), d(99)), T0)
    built.apply(SetMark(UM, BTC, d(103), d(98)), T0 + 1_000)
    built.advance(T0 + 2 * MINUTE)

    marks = built.price_klines(BTC, "1m", of="mark")
    indexes = built.price_klines(BTC, "1m", of="index")

    assert [(k.open, k.high, k.low, k.close, k.trades) for k in marks] == [
        (d(100), d(103), d(100), d(103), 2),
        (d(103), d(103), d(103), d(103), 0),
    ]
    assert (indexes[0].open, indexes[0].close, indexes[0].volume) == (d(99), d(98), 0)


def test_candles_name_the_first_and_last_trade_they_hold() -> None:
    built = venue(publish_market=True)
    built.load_history(UM, BTC, [Candle(T0 - MINUTE, 99.0, 99.0, 99.0, 99.0)])
    for trade_id, ts in ((7, T0), (8, T0 + 1_000), (11, T0 + MINUTE), (12, T0 + 2 * MINUTE)):
        built.apply(PrintTrade(UM, BTC, trade_id, d(100), d(1), BUY), ts)
    built.advance(T0 + 4 * MINUTE)

    def ids(interval: str) -> list[tuple[int, int]]:
        bars = built.klines(UM, BTC, interval)
        return [(bar.first_trade_id, bar.last_trade_id) for bar in bars]

    assert ids("1m") == [(-1, -1), (7, 8), (11, 11), (12, 12), (-1, -1)]
    assert ids("1d") == [(7, 12)]


def test_own_trade_that_opens_a_minute_is_named_by_its_candle() -> None:
    built = venue(publish_market=True)
    built.apply(StepPrice(UM, BTC, d(10_000), d(1), d(50)), T0)
    mine = built.place_order(ME, UM, limit(BUY, "0.100", "9990"), T0 + 1)
    built.apply(StepPrice(UM, BTC, d(9_980), d(1), d(50)), T0 + MINUTE)

    bars = built.klines(UM, BTC, "1m", start=T0 + MINUTE)

    assert [bar.first_trade_id for bar in bars] == [mine.fills[0].trade_id]
    assert bars[0].last_trade_id == mine.fills[0].trade_id + 1
    assert bars[0].open == 9_980


def test_open_interest_is_the_larger_side_of_the_accounts() -> None:
    built = venue()
    set_book(built, {"100.0": "9"}, {"100.1": "9"})
    built.place_order(ME, UM, market_order(BUY, "3"), T0)
    built.place_order(OTHER, UM, market_order(SELL, "5"), T0)
    assert built.open_interest(BTC) == d(5)
    built.place_order(OTHER, UM, market_order(BUY, "4"), T0)
    assert built.open_interest(BTC) == d(3)
