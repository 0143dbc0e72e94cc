"""Binance's market messages, as received, become market events. Pure; used by the connector."""

from collections.abc import Sequence
from typing import Any

from chimera.clock import INTERVALS, Millis
from chimera.events import BarClosed, DepthChanged, MarkPriceChanged, QuoteChanged, TradePrinted
from chimera.events.base import Event
from chimera.ids import bar_id
from chimera.instruments import Market, Side, symbol_of

Raw = dict[str, Any]
RawLevels = Sequence[Sequence[str]]


def market_event(message: Raw, market: Market, now: Millis) -> Event | None:
    """Return the event that one message of a combined stream states, or None when it states none of ours.

    A kline that is still open is none: it changes until its bar closes. Depth is read from the streams
    of the best levels, which state the whole picture each time.
    """
    data: Raw = message["data"]
    match data.get("e"):
        case "kline":
            return _bar(data, market, now) if data["k"]["x"] else None
        case "bookTicker":
            return _quote(data, market, now)
        case "markPriceUpdate":
            return _mark(data, market, now)
        case "aggTrade":
            return _trade(data, market, now)
        case "depthUpdate":
            levels = data["b"], data["a"]
            return _depth(data["s"], data["u"], levels, market, data["T"], now)
        case None if "lastUpdateId" in data:  # spot names neither type nor symbol
            levels = data["bids"], data["asks"]
            name = message["stream"].partition("@")[0].upper()
            return _depth(name, data["lastUpdateId"], levels, market, now, now)
        case None if "u" in data:  # spot book tickers have no type
            return _quote(data, market, now)
    return None


def bar_of_row(row: Sequence[Any], symbol: str, interval: str, now: Millis) -> BarClosed:
    """Return the bar of one row of REST klines: open time, o, h, l, c, volume, ..."""
    open_time = int(row[0])
    close_time = open_time + INTERVALS[interval]
    return BarClosed(
        id=bar_id(symbol, interval, close_time),
        ts_event=close_time,
        ts_init=now,
        symbol=symbol,
        interval=interval,
        open_time=open_time,
        open=float(row[1]),
        high=float(row[2]),
        low=float(row[3]),
        close=float(row[4]),
        volume=float(row[5]),
    )


def _bar(message: Raw, market: Market, now: Millis) -> BarClosed:
    k = message["k"]
    row = (k["t"], k["o"], k["h"], k["l"], k["c"], k["v"])
    return bar_of_row(row, symbol_of(message["s"], market), k["i"], now)


def _quote(message: Raw, market: Market, now: Millis) -> QuoteChanged:
    symbol = symbol_of(message["s"], market)
    return QuoteChanged(
        id=f"quote:{symbol}:{message['u']}",
        ts_event=message.get("T", now),
        ts_init=now,
        symbol=symbol,
        bid_px=float(message["b"]),
        bid_qty=float(message["B"]),
        ask_px=float(message["a"]),
        ask_qty=float(message["A"]),
    )


def _depth(
    name: str,
    update_id: int,
    levels: tuple[RawLevels, RawLevels],
    market: Market,
    ts: Millis,
    now: Millis,
) -> DepthChanged:
    symbol = symbol_of(name, market)
    bids, asks = (tuple((float(px), float(qty)) for px, qty in side) for side in levels)
    return DepthChanged(
        id=f"depth:{symbol}:{update_id}",
        ts_event=ts,
        ts_init=now,
        symbol=symbol,
        bids=bids,
        asks=asks,
    )


def _mark(message: Raw, market: Market, now: Millis) -> MarkPriceChanged:
    symbol = symbol_of(message["s"], market)
    return MarkPriceChanged(
        id=f"mark:{symbol}:{message['E']}",
        ts_event=message["E"],
        ts_init=now,
        symbol=symbol,
        mark_px=float(message["p"]),
        index_px=float(message["i"]),
        funding_rate=float(message["r"] or 0.0),
        next_funding_time=int(message["T"]),
    )


def _trade(message: Raw, market: Market, now: Millis) -> TradePrinted:
    symbol = symbol_of(message["s"], market)
    return TradePrinted(
        id=f"trade:{symbol}:{message['a']}",
        ts_event=message["T"],
        ts_init=now,
        symbol=symbol,
        trade_id=int(message["a"]),
        px=float(message["p"]),
        qty=float(message["q"]),
        aggressor=Side.SELL if message["m"] else Side.BUY,
    )
