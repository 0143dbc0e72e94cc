"""Public REST data through unmodified ccxt: both markets."""

import time
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from apps.exchange.adapters.pointing import point
from apps.exchange.core.venue.actions import SetMark
from chimera.instruments import Market
from tests.contract.venue.conftest import HISTORY_BARS, PERP, SPOT, PaperMarket, client_options

BOTH = pytest.mark.parametrize(("name", "symbol"), [("usdm", PERP), ("spot", SPOT)])


@pytest.fixture
def client(request: pytest.FixtureRequest, name: str) -> Any:
    return request.getfixturevalue(name)


@BOTH
def test_load_markets_any_market_gives_filters_and_precision(client: Any, symbol: str) -> None:
    listed = client.market(symbol)

    assert listed["active"]
    assert listed["precision"]["price"] in (0.1, 0.01)
    assert listed["limits"]["cost"]["min"] in (100, 5)
    assert listed["contract"] is (symbol == PERP)


@BOTH
def test_fetch_time_any_market_is_wall_time(client: Any, symbol: str) -> None:
    assert abs(client.fetch_time() - time.time_ns() // 1_000_000) < 1_000


@BOTH
def test_fetch_order_book_any_market_is_sorted_and_uncrossed(client: Any, symbol: str) -> None:
    book = client.fetch_order_book(symbol, 20)

    bids, asks = [px for px, _ in book["bids"]], [px for px, _ in book["asks"]]
    assert len(bids) == len(asks) == 20
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert book["nonce"] > 0


@BOTH
def test_fetch_ohlcv_any_market_gives_the_history_before_the_feed(client: Any, symbol: str) -> None:
    bars = client.fetch_ohlcv(symbol, "1m", limit=50)

    times = [bar[0] for bar in bars]
    assert len(bars) == 50
    assert times == sorted(set(times))
    assert all(low <= o <= high and low <= c <= high for _, o, high, low, c, _ in bars)


@BOTH
def test_fetch_ohlcv_since_and_higher_interval_are_honoured(client: Any, symbol: str) -> None:
    minutes = client.fetch_ohlcv(symbol, "1m", limit=HISTORY_BARS)
    since = minutes[10][0]

    assert client.fetch_ohlcv(symbol, "1m", since=since, limit=5)[0][0] == since
    assert client.fetch_ohlcv(symbol, "15m", limit=3)[0][0] % 900_000 == 0


@BOTH
def test_fetch_trades_any_market_gives_rising_ids(
    client: Any, symbol: str, market: PaperMarket
) -> None:
    for _ in range(5):
        market.tick(market=Market.USDM if symbol == PERP else Market.SPOT)

    trades = client.fetch_trades(symbol)

    ids = [int(trade["id"]) for trade in trades]
    assert len(ids) >= 5
    assert ids == sorted(set(ids))
    assert {trade["side"] for trade in trades} <= {"buy", "sell"}


@BOTH
def test_fetch_ticker_any_market_has_last_and_day_range(client: Any, symbol: str) -> None:
    ticker = client.fetch_ticker(symbol)

    assert ticker["last"] == 60_000
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert set(client.fetch_tickers()) >= {symbol}


@BOTH
def test_fetch_bids_asks_and_last_prices_any_market_cover_all_symbols(
    client: Any, symbol: str
) -> None:
    quote = client.fetch_bids_asks()[symbol]

    assert quote["bid"] < quote["ask"]
    assert client.fetch_last_prices()[symbol]["price"] == 60_000


def test_mark_price_and_funding_futures_are_served(usdm: Any) -> None:
    rate = usdm.fetch_funding_rate(PERP)

    assert rate["markPrice"] == 60_000
    assert rate["fundingRate"] == 0.0001
    assert rate["fundingTimestamp"] > rate["timestamp"]
    assert usdm.fetch_mark_price(PERP)["markPrice"] == 60_000
    assert usdm.fetch_funding_rate_history(PERP) == []


def test_open_interest_futures_is_what_the_accounts_hold(usdm: Any) -> None:
    assert usdm.fetch_open_interest(PERP)["openInterestAmount"] == 0

    usdm.create_order(PERP, "market", "buy", 0.02)
    usdm.create_order(PERP, "market", "sell", 0.005)

    assert usdm.fetch_open_interest(PERP)["openInterestAmount"] == 0.015
    with pytest.raises(ccxt.BadSymbol):
        usdm.fapipublic_get_openinterest({"symbol": "NOPEUSDT"})


@pytest.mark.parametrize("price", ["mark", "index"])
def test_price_klines_futures_are_candles_of_that_price(
    usdm: Any, market: PaperMarket, price: str
) -> None:
    mark, index = Decimal("60010.5"), Decimal("60002.5")
    market.act(SetMark(Market.USDM, "BTCUSDT", mark, index))

    *_, newest = usdm.fetch_ohlcv(PERP, "1h", params={"price": price})

    assert newest[1] == newest[3] == 60_000
    assert newest[2] == newest[4] == float(mark if price == "mark" else index)
    assert newest[5] == 0


def test_premium_klines_futures_say_what_last_is_above_the_index(
    usdm: Any, market: PaperMarket
) -> None:
    market.act(SetMark(Market.USDM, "BTCUSDT", Decimal("60010"), Decimal("59970")))
    market.act(SetMark(Market.USDM, "BTCUSDT", Decimal("60010"), Decimal("60030")))

    *_, newest = usdm.fetch_ohlcv(PERP, "1h", params={"price": "premiumIndex"})

    assert newest[1] == 0
    assert newest[2] == pytest.approx(30 / 59_970, abs=1e-8)
    assert newest[3] == newest[4] == pytest.approx(-30 / 60_030, abs=1e-8)
    assert newest[5] == 0


def test_leverage_tiers_futures_follow_the_published_brackets(usdm: Any) -> None:
    tiers = usdm.fetch_leverage_tiers([PERP])[PERP]

    assert tiers[0]["maxLeverage"] == 125
    assert tiers[0]["maintenanceMarginRate"] == 0.004
    assert tiers[1]["minNotional"] == 50_000


def test_fetch_status_any_venue_is_ok(spot: Any) -> None:
    assert spot.fetch_status()["status"] == "ok"


def test_load_markets_default_binance_options_finds_both_families(market: PaperMarket) -> None:
    server = market.server
    client = point(ccxt.binance(client_options(server)), server.rest_url, server.ws_url)

    assert {SPOT, PERP} <= set(client.load_markets())
