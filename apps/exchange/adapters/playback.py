"""Recordings on disk as one market: reads the files and joins their feeds in order of time.

Called by the venue's command and by whoever simulates on recorded data.
"""

from collections.abc import Iterator, Sequence

from apps.exchange.adapters import recordings
from apps.exchange.adapters.depth_log import read_depth
from apps.exchange.adapters.joining import Series, by_series, read_series
from apps.exchange.adapters.recordings import Kind, Recording
from apps.exchange.core.venue.feeds import depth, klines, trades
from apps.exchange.core.venue.feeds.merge import TimedAction, merge
from chimera.clock import Millis

# At the same instant marks and rates come first, so that a settlement uses them.
_ORDER = (Kind.MARK, Kind.FUNDING, Kind.DEPTH, Kind.TRADES, Kind.KLINES)


def play(
    found: Sequence[Recording],
    *,
    stepwise: bool,
    start: Millis | None = None,
    end: Millis | None = None,
) -> Iterator[TimedAction]:
    """Yield what the recordings say happened in ``[start, end)``, oldest first.

    Parameters
    ----------
    stepwise : walk through each bar price by price, for live clients; otherwise whole bars at their close

    Raises
    ------
    InvalidInput
        If a file is not what its name says, or two tell differently of the same time.
    """
    ordered = sorted(by_series(found), key=lambda series: _ORDER.index(series[0].kind))
    return merge(*(_feed(series, stepwise, start, end) for series in ordered))


def _feed(
    series: Series, stepwise: bool, start: Millis | None, end: Millis | None
) -> Iterator[TimedAction]:
    market, symbol = series[0].market, series[0].symbol
    match series[0].kind:
        case Kind.KLINES:
            rows = read_series(series, recordings.read_klines).between(start, end)
            walk = klines.steps if stepwise else klines.bars
            return walk(market, symbol, series[0].interval, rows)
        case Kind.FUNDING:
            funding = read_series(series, recordings.read_funding)
            feed = klines.funding(symbol, funding.time, funding.rate)
        case Kind.MARK:
            marks = read_series(series, recordings.read_marks)
            feed = klines.marks(symbol, marks.open_time, marks.open)
        case Kind.TRADES:
            feed = trades.actions(market, symbol, read_series(series, recordings.read_trades))
        case Kind.DEPTH:
            feed = depth.actions(market, symbol, read_depth(series[0].path))
    return _within(feed, start, end)


def _within(
    feed: Iterator[TimedAction], start: Millis | None, end: Millis | None
) -> Iterator[TimedAction]:
    for ts, action in feed:
        if end is not None and ts >= end:
            return
        if start is None or ts >= start:
            yield ts, action
