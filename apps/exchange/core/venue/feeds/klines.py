"""Recorded klines as a market: whole bars for simulations, or a path of price steps for live clients.

A bar's path is O-L-H-C when it closed at or above its open and O-H-L-C otherwise. The ladder around each
step is synthetic, see `ladder.py`.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import ClassVar

import msgspec

from apps.exchange.core.venue.actions import Bar, SetFunding, SetMark, StepPrice
from apps.exchange.core.venue.candles import Candle
from apps.exchange.core.venue.feeds.merge import TimedAction
from chimera.clock import INTERVALS, MINUTE, Millis
from chimera.instruments import Market
from chimera.money import decimal_of

_TAKER_SHARE = 0.5  # of volume that bought, where a file does not say


class KlineRows(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of equal length: times in ms, prices quote per base, volumes in base units."""

    TIME: ClassVar = "open_time"
    open_time: Sequence[Millis]
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    volume: Sequence[float]

    def between(self, start: Millis | None, end: Millis | None) -> "KlineRows":
        """Return the rows whose open time lies in ``[start, end)``."""
        first = bisect_left(self.open_time, start) if start is not None else 0
        last = bisect_left(self.open_time, end) if end is not None else len(self.open_time)
        return KlineRows(
            **{name: getattr(self, name)[first:last] for name in self.__struct_fields__}
        )


def bars(market: Market, symbol: str, interval: str, rows: KlineRows) -> Iterator[TimedAction]:
    """Yield each row as one `Bar` at its close: the fast path."""
    width = INTERVALS[interval]
    columns = (rows.open_time, rows.open, rows.high, rows.low, rows.close, rows.volume)
    for opened, o, h, low, c, v in zip(*columns, strict=True):
        closed = opened + width
        yield closed, Bar(market, symbol, interval, opened, closed, o, h, low, c, v)


def steps(
    market: Market, symbol: str, interval: str, rows: KlineRows, *, a_leg: int = 8
) -> Iterator[TimedAction]:
    """Yield each row as a walk through its corners, `a_leg` steps from one to the next.

    The steps of a row touch exactly its open, high, low and close, within its time, and their volumes
    add up to its own, so candles built from them equal the recorded ones.
    """
    width = INTERVALS[interval]
    columns = (rows.open_time, rows.open, rows.high, rows.low, rows.close, rows.volume)
    for opened, o, h, low, c, v in zip(*columns, strict=True):
        path = _walk((o, low, h, c) if c >= o else (o, h, low, c), a_leg)
        share = _split(decimal_of(v), len(path))
        minute_volume = decimal_of(v) * MINUTE / width
        for number, (price, volume) in enumerate(zip(path, share, strict=True)):
            at = opened + number * (width - 1) // (len(path) - 1)
            yield at, StepPrice(market, symbol, price, volume, minute_volume)


def funding(symbol: str, times: Sequence[Millis], rates: Sequence[float]) -> Iterator[TimedAction]:
    """Yield each recorded rate at the instant it is settled, never earlier: until then nobody knew it."""
    for time, rate in zip(times, rates, strict=True):
        yield time, SetFunding(Market.USDM, symbol, decimal_of(rate), time)


def marks(symbol: str, times: Sequence[Millis], opens: Sequence[float]) -> Iterator[TimedAction]:
    """Yield the recorded mark price at the start of each interval of a mark-price kline file."""
    for time, mark in zip(times, opens, strict=True):
        yield time, SetMark(Market.USDM, symbol, decimal_of(mark), decimal_of(mark))


def candles(interval: str, rows: KlineRows) -> Iterator[Candle]:
    """Yield rows as minutes for `Venue.load_history`; a longer bar is spread over its minutes."""
    minutes = INTERVALS[interval] // MINUTE
    columns = (rows.open_time, rows.open, rows.high, rows.low, rows.close, rows.volume)
    for opened, o, h, low, c, v in zip(*columns, strict=True):
        part = v / minutes
        for number in range(minutes):
            first = number == 0
            price = o if first else c
            candle = Candle(opened + number * MINUTE, price, price, price, c)
            if first:
                candle.high, candle.low = h, low
            candle.volume, candle.quote_volume = part, part * c
            candle.trades = int(part > 0)
            candle.taker_base = part * _TAKER_SHARE
            candle.taker_quote = part * c * _TAKER_SHARE
            yield candle


def _walk(corners: Sequence[float], a_leg: int) -> list[Decimal]:
    """Return the corners with evenly spaced prices between them, written with the corners' decimals."""
    exact = [decimal_of(corner) for corner in corners]
    places = min(exponent for c in exact if isinstance(exponent := c.as_tuple().exponent, int))
    path = [exact[0]]
    for start, end in pairwise(exact):
        between = [start + (end - start) * number / a_leg for number in range(1, a_leg)]
        path += [price.quantize(Decimal(1).scaleb(places)) for price in between]
        path.append(end)
    return path


def _split(total: Decimal, parts: int) -> list[Decimal]:
    """Split a volume into equal parts of its own precision; the last takes what rounding left."""
    part = (total / parts).quantize(Decimal(1).scaleb(-8))
    return [part] * (parts - 1) + [total - part * (parts - 1)]
