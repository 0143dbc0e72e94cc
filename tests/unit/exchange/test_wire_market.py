"""Market messages, as captured and as documented, become market events."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.exchange.adapters.wire_market import bar_of_row, market_event
from chimera.clock import MINUTE
from chimera.events import BarClosed, DepthChanged, MarkPriceChanged, QuoteChanged, TradePrinted
from chimera.instruments import Market, Side

NOW = 1_800_000_000_000
OPEN = 1_746_374_040_000


def test_kline_counts_only_once_it_is_closed() -> None:
    assert event_of(kline(closed=False)) is None
    bar = event_of(kline(closed=True))
    assert isinstance(bar, BarClosed)
    assert (bar.symbol, bar.interval, bar.open_time, bar.ts_event) == (
        "BTCUSDT-PERP",
        "1m",
        OPEN,
        OPEN + MINUTE,
    )
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (1.0, 4.0, 0.5, 2.0, 9.0)


def test_bar_is_the_same_from_stream_and_rest() -> None:
    row = [OPEN, "1", "4", "0.5", "2", "9", OPEN + MINUTE - 1, "18", 3, "4", "8", "0"]
    assert bar_of_row(row, "BTCUSDT-PERP", "1m", NOW) == event_of(kline(closed=True))


def test_captured_futures_quote_is_read(data_dir: Path) -> None:
    message = json.loads(
        (data_dir / "payloads/nautilus/ws_messages/ws_futures_book_ticker.json").read_text()
    )
    data = message.get("data", message)
    quote = event_of(data)
    assert isinstance(quote, QuoteChanged)
    assert quote.bid_px == float(data["b"])
    assert quote.ts_event == data["T"]


def test_spot_quote_without_a_type_is_read() -> None:
    data = {"u": 5, "s": "ETHUSDT", "b": "1.5", "B": "2", "a": "1.6", "A": "3"}
    quote = event_of(data, Market.SPOT)
    assert isinstance(quote, QuoteChanged)
    assert (quote.symbol, quote.bid_px, quote.ask_qty, quote.ts_event) == ("ETHUSDT", 1.5, 3.0, NOW)


def test_captured_futures_depth_is_read(data_dir: Path) -> None:
    path = data_dir / "payloads/nautilus/ws_messages/ws_futures_depth_update.json"
    depth = event_of(json.loads(path.read_text()))
    assert isinstance(depth, DepthChanged)
    assert depth.bids[0] == (7403.89, 0.002)
    assert len(depth.asks) == 5


def test_spot_depth_is_named_by_its_stream() -> None:
    data = {"lastUpdateId": 8, "bids": [["1", "2"]], "asks": [["3", "4"]]}
    depth = event_of(data, Market.SPOT, stream="ethusdt@depth20@100ms")
    assert isinstance(depth, DepthChanged)
    assert (depth.symbol, depth.bids, depth.asks) == ("ETHUSDT", ((1.0, 2.0),), ((3.0, 4.0),))


def test_mark_price_carries_index_and_funding() -> None:
    data = {
        "e": "markPriceUpdate",
        "E": 5,
        "s": "BTCUSDT",
        "p": "10",
        "i": "11",
        "r": "0.0001",
        "T": 99,
    }
    mark = event_of(data)
    assert isinstance(mark, MarkPriceChanged)
    assert (mark.mark_px, mark.index_px, mark.funding_rate, mark.next_funding_time) == (
        10.0,
        11.0,
        0.0001,
        99,
    )


@pytest.mark.parametrize(("buyer_made", "side"), [(True, Side.SELL), (False, Side.BUY)])
def test_trade_names_the_aggressor(buyer_made: bool, side: Side) -> None:
    data = {"e": "aggTrade", "T": 5, "s": "BTCUSDT", "a": 1, "p": "2", "q": "3", "m": buyer_made}
    trade = event_of(data)
    assert isinstance(trade, TradePrinted)
    assert trade.aggressor is side


def test_message_of_no_use_states_nothing() -> None:
    assert event_of({"e": "24hrTicker", "s": "BTCUSDT"}) is None
    assert event_of({"something": "else"}) is None


def kline(*, closed: bool) -> dict[str, Any]:
    k = {
        "t": OPEN,
        "T": OPEN + MINUTE - 1,
        "i": "1m",
        "x": closed,
        "o": "1",
        "h": "4",
        "l": "0.5",
        "c": "2",
        "v": "9",
    }
    return {"e": "kline", "E": NOW, "s": "BTCUSDT", "k": k}


def event_of(data: dict[str, Any], market: Market = Market.USDM, *, stream: str = "x") -> Any:
    return market_event({"stream": stream, "data": data}, market, NOW)
