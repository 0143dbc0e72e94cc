"""Names of market streams and websocket paths: what they mean, and which do not exist."""

import pytest

from apps.exchange.venue_shell.streams import Topic, parse_stream
from apps.exchange.venue_shell.ws_paths import parse_ws_path
from chimera.instruments import Market


@pytest.mark.parametrize(
    ("market", "name", "topic", "symbol", "period_ms"),
    [
        (Market.USDM, "btcusdt@depth", Topic.DEPTH, "BTCUSDT", 250),
        (Market.USDM, "btcusdt@depth@100ms", Topic.DEPTH, "BTCUSDT", 100),
        (Market.SPOT, "btcusdt@depth", Topic.DEPTH, "BTCUSDT", 1_000),
        (Market.USDM, "btcusdt@depth20@500ms", Topic.DEPTH_LEVELS, "BTCUSDT", 500),
        (Market.USDM, "btcusdt@kline_15m", Topic.KLINE, "BTCUSDT", 250),
        (Market.USDM, "btcusdt@markPrice", Topic.MARK_PRICE, "BTCUSDT", 3_000),
        (Market.USDM, "!markPrice@arr@1s", Topic.MARK_PRICE, None, 1_000),
        (Market.USDM, "!forceOrder@arr", Topic.FORCE_ORDER, None, 0),
        (Market.SPOT, "!miniTicker@arr", Topic.MINI_TICKER, None, 1_000),
        (Market.SPOT, "btcusdt@trade", Topic.TRADE, "BTCUSDT", 0),
    ],
)
def test_stream_name_gives_topic_symbol_and_pace(
    market: Market, name: str, topic: Topic, symbol: str | None, period_ms: int
) -> None:
    stream = parse_stream(market, name)

    assert stream is not None
    assert (stream.topic, stream.symbol, stream.period_ms) == (topic, symbol, period_ms)


@pytest.mark.parametrize(
    ("market", "name"),
    [
        (Market.USDM, "btcusdt"),
        (Market.USDM, "BTCUSDT@trade"),
        (Market.USDM, "btcusdt@nothing"),
        (Market.USDM, "btcusdt@kline_7m"),
        (Market.USDM, "btcusdt@kline"),
        (Market.USDM, "btcusdt@depth7"),
        (Market.USDM, "btcusdt@trade5"),
        (Market.USDM, "btcusdt@depth@2h"),
        (Market.SPOT, "btcusdt@markPrice"),
        (Market.SPOT, "!forceOrder@arr"),
    ],
)
def test_stream_name_unknown_is_none(market: Market, name: str) -> None:
    assert parse_stream(market, name) is None


@pytest.mark.parametrize(
    ("path", "query", "kind", "market", "streams"),
    [
        ("/fstream/public/ws/0", "", "market", Market.USDM, ()),
        ("/market/ws/a@trade/b@trade", "", "market", Market.USDM, ("a@trade", "b@trade")),
        (
            "/public/stream",
            "streams=a@trade/b@trade",
            "market",
            Market.USDM,
            ("a@trade", "b@trade"),
        ),
        ("/fstream/private/ws", "listenKey=K&events=X", "user", Market.USDM, ()),
        ("/stream.spot/ws/3", "", "market", Market.SPOT, ()),
        ("/stream", "streams=a@trade", "market", Market.SPOT, ("a@trade",)),
        ("/ws/a@trade", "", "market", Market.SPOT, ("a@trade",)),
        ("/ws-api/v3", "", "api", Market.SPOT, ()),
        ("/ws-fapi/v1", "", "api", Market.USDM, ()),
    ],
)
def test_ws_path_gives_kind_market_and_streams(
    path: str, query: str, kind: str, market: Market, streams: tuple[str, ...]
) -> None:
    target = parse_ws_path(path, query)

    assert target is not None
    assert (target.kind, target.market, target.streams) == (kind, market, streams)
    assert target.listen_key == ("K" if kind == "user" else None)
    assert target.wraps is ("/stream" in path and "/ws" not in path)


@pytest.mark.parametrize("path", ["/", "/fstream/ws/a@trade", "/fstream/stream", "/nothing/ws"])
def test_ws_path_unknown_is_none(path: str) -> None:
    assert parse_ws_path(path, "") is None
