"""The recorded depth feed, replayed through the venue, shows every client the recorded book."""

from decimal import Decimal
from pathlib import Path

import pytest

from apps.exchange.adapters.depth_log import read_depth
from apps.exchange.core.venue.actions import ChangeDepth, PrintTrade
from apps.exchange.core.venue.feeds.depth import RecordedQuote, actions
from chimera.errors import InvalidInput
from chimera.instruments import Market, Side
from tests.support.venue import BTC, BUY, ME, SELL, limit, market_order, venue

FILES = {
    Market.USDM: "um-BTCUSDT-2024-08-08.log.gz",
    Market.SPOT: "spot-BTCUSDT-2024-08-08.log.gz",
}
MESSAGES = 25_000


def recorded(data_dir: Path, market: Market):
    feed = read_depth(data_dir / "depth" / FILES[market])
    return [message for _, message in zip(range(MESSAGES), feed, strict=False)]


@pytest.mark.parametrize("market", list(Market))
def test_book_replayed_equals_the_documented_local_book(data_dir, market) -> None:
    messages = recorded(data_dir, market)
    built = venue()
    book = built.listing(market, BTC).book
    plain: dict[Side, dict[Decimal, Decimal]] = {BUY: {}, SELL: {}}
    compared = 0
    for ts, action in actions(market, BTC, messages):
        built.apply(action, ts)
        if isinstance(action, PrintTrade):
            continue
        if not isinstance(action, ChangeDepth):
            plain = {BUY: dict(action.bids), SELL: dict(action.asks)}
        else:
            for side, levels in ((BUY, action.bids), (SELL, action.asks)):
                for price, qty in levels:
                    plain[side][price] = qty
                    if not qty:
                        del plain[side][price]
        compared += 1
        if compared % 50 == 0:
            for side in Side:
                shown = book.depth(side, 100_000)
                assert shown == sorted(plain[side].items(), reverse=side is BUY)
    built.check_invariants()
    assert compared > 1_000


@pytest.mark.parametrize("market", list(Market))
def test_best_quotes_equal_recorded_book_tickers_of_the_same_update(data_dir, market) -> None:
    messages = recorded(data_dir, market)
    quotes = {m.update_id: m for _, m in messages if isinstance(m, RecordedQuote)}
    built = venue()
    matched = 0
    for ts, action in actions(market, BTC, messages):
        built.apply(action, ts)
        if isinstance(action, ChangeDepth) and (quote := quotes.get(action.update_id)):
            shown = built.book_ticker(market, BTC)
            assert shown == (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty)
            matched += 1
    assert matched > 20


def test_own_orders_trade_within_the_recorded_market_and_money_adds_up(data_dir) -> None:
    built = venue(usdt="1000000")
    placed = 0
    for number, (ts, action) in enumerate(
        actions(Market.USDM, BTC, recorded(data_dir, Market.USDM))
    ):
        built.apply(action, ts)
        if number % 500 == 100:
            bid, _, ask, _ = built.book_ticker(Market.USDM, BTC)
            built.place_order(ME, Market.USDM, limit(BUY, "0.010", str(bid)), ts)
            built.place_order(ME, Market.USDM, limit(SELL, "0.010", str(ask)), ts)
            built.place_order(ME, Market.USDM, market_order(BUY, "0.005"), ts)
            placed += 3
            built.check_invariants()
    built.check_invariants()
    fills = built.my_trades(ME, Market.USDM, BTC, limit=10_000)
    assert any(fill.is_maker for fill in fills)
    assert len(fills) > placed / 3


def test_feed_with_a_gap_in_its_ids_is_refused(data_dir) -> None:
    messages = recorded(data_dir, Market.USDM)
    diffs = [i for i, (_, m) in enumerate(messages) if type(m).__name__ == "DepthDiff"]
    del messages[diffs[100]]
    with pytest.raises(InvalidInput, match="does not follow"):
        list(actions(Market.USDM, BTC, messages))
