"""Recordings on disk as one market: reads the files and joins their feeds in order of time.

Called by the venue's command and by whoever simulates on recorded data.
"""

from collections.abc import Iterator, Sequence

from apps.exchange.adapters import recordings
from apps.exchange.adapters.depth_log import read_depth
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
        If a file is not what its name says.
    """
    ordered = sorted(found, key=lambda recording: _ORDER.index(recording.kind))
    return merge(*(_feed(recording, stepwise, start, end) for recording in ordered))


def _feed(
    recording: Recording, stepwise: bool, start: Millis | None, end: Millis | None
) -> Iterator[TimedAction]:
    market, symbol, path = recording.market, recording.symbol, recording.path
    match recording.kind:
        case Kind.KLINES:
            rows = recordings.read_klines(path).between(start, end)
            walk = klines.steps if stepwise else klines.bars
            return walk(market, symbol, recording.interval, rows)
        case Kind.FUNDING:
            funding = recordings.read_funding(path)
            feed = klines.funding(symbol, funding.time, funding.rate)
        case Kind.MARK:
            marks = recordings.read_marks(path)
            feed = klines.marks(symbol, marks.open_time, marks.open)
        case Kind.TRADES:
            feed = trades.actions(market, symbol, recordings.read_trades(path))
        case Kind.DEPTH:
            feed = depth.actions(market, symbol, read_depth(path))
    return _within(feed, start, end)


def _within(
    feed: Iterator[TimedAction], start: Millis | None, end: Millis | None
) -> Iterator[TimedAction]:
    for ts, action in feed:
        if end is not None and ts >= end:
            return
        if start is None or ts >= start:
            yield ts, action
