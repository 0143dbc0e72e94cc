"""From files and folders to a market that can be replayed: which symbols, from when, with what history.

Used by the venue's command. Of the recordings that cover the start, depth beats trades beats klines as a
symbol's feed, and of klines the finest interval; klines before the start become the history that clients
warm up from. Without a start, the era of the latest recordings is played.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile, pairwise
from pathlib import Path

import pyarrow as pa

from apps.exchange.adapters.depth_log import check_depth
from apps.exchange.adapters.exchange_info import find_exchange_info
from apps.exchange.adapters.joining import by_series, read_series
from apps.exchange.adapters.playback import play
from apps.exchange.adapters.recordings import (
    Kind,
    Recording,
    find_recordings,
    read_klines,
    read_times,
)
from apps.exchange.core.venue.candles import Candle
from apps.exchange.core.venue.feeds.klines import candles
from apps.exchange.core.venue.feeds.merge import TimedAction
from chimera.clock import DAY, INTERVALS, MINUTE, Millis, iso_second
from chimera.errors import InvalidInput
from chimera.instruments import Market

HISTORY_MS = 30 * DAY
WARM_UP_FRAC = 3  # without --start, at most a third of the recording is history
FEEDS = (Kind.DEPTH, Kind.TRADES, Kind.KLINES)  # best first
BESIDE = {"funding": Kind.FUNDING, "mark": Kind.MARK}

Key = tuple[Market, str]


@dataclass(frozen=True, slots=True)
class Period:
    first: Millis
    last: Millis


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """A market on disk, checked and ready to be played from `start` to `end`."""

    start: Millis
    end: Millis
    symbols: dict[Market, tuple[str, ...]]
    intervals: dict[
        Key, str
    ]  # of the bars that are played, by listing; others play trades or depth
    left_out: tuple[str, ...]  # recordings that end before `start`
    exchange_info: tuple[Path, ...]  # payloads that lie beside what is played
    _recordings: tuple[Recording, ...]
    _history: dict[Key, tuple[Recording, ...]]

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is read: feeds, what lies beside them, and history."""
        read = {r.path for rows in (self._recordings, *self._history.values()) for r in rows}
        return tuple(sorted(read))

    def feed(self) -> "ReplayFeed":
        return ReplayFeed(self)

    def feed_from(self, at: Millis) -> Iterator[TimedAction]:
        """Return the feed from `at` on, or from `start` if that is later."""
        return play(self._recordings, stepwise=True, start=max(self.start, at))

    def history(self, market: Market, symbol: str) -> list[Candle]:
        """Return the minutes before `start`, oldest first: at most 30 days of them."""
        minutes: dict[Millis, Candle] = {}
        for series in by_series(self._history.get((market, symbol), ())):
            rows = read_series(series, read_klines).between(self.start - HISTORY_MS, self.start)
            for candle in candles(series[0].interval, rows):
                minutes.setdefault(candle.open_time, candle)
        return [minutes[at] for at in sorted(minutes) if at < self.start]


class ReplayFeed:
    """A plan's market. Pickled, it is the plan and how far it came, and reads on from there."""

    def __init__(self, plan: ReplayPlan) -> None:
        self._plan = plan
        self._at, self._taken = plan.start, 0  # the last action's time, and how many were at it
        self._feed = plan.feed_from(plan.start)

    def __iter__(self) -> "ReplayFeed":
        return self

    def __next__(self) -> TimedAction:
        timed = next(self._feed)
        if timed[0] != self._at:
            self._at, self._taken = timed[0], 0
        self._taken += 1
        return timed

    def __getstate__(self) -> tuple[ReplayPlan, Millis, int]:
        return self._plan, self._at, self._taken

    def __setstate__(self, kept: tuple[ReplayPlan, Millis, int]) -> None:
        self._plan, self._at, taken = kept
        self._taken = 0
        # A bar longer than a step starts before them, and none is longer than a day.
        self._feed = dropwhile(
            lambda timed: timed[0] < self._at, self._plan.feed_from(self._at - self._at % DAY)
        )
        for _ in range(taken):
            next(self)


def plan_replay(
    paths: Sequence[Path], *, symbols: Sequence[str] = (), start: Millis | None = None
) -> ReplayPlan:
    """Choose what to play of the recordings at `paths`.

    Parameters
    ----------
    symbols : the venue symbols wanted; all that are recorded by default
    start : UTC ms; by default after a warm-up of up to 30 days

    Raises
    ------
    InvalidInput
        If nothing playable is found, a wanted symbol is not recorded, or `start` is after the end.
    """
    found = find_recordings([*paths, *_beside(paths)])
    if symbols:
        found = [recording for recording in found if recording.symbol in symbols]
        if missing := set(symbols) - {r.symbol for r in found if r.kind in FEEDS}:
            raise InvalidInput(f"--symbols: no recording of {', '.join(sorted(missing))}")
    by_key = _by_key(found)
    if not by_key:
        raise InvalidInput(f"--data: no klines, trades or depth in {', '.join(map(str, paths))}")
    periods = {r.path: period_of(r) for rows in by_key.values() for r in rows}
    if start is None:
        start = max(_natural_start(rows, periods) for rows in by_key.values())
    alive = {key: _feeding(rows, periods, start) for key, rows in by_key.items()}
    for rows in alive.values():
        _refuse_overlapping_depth(rows, periods)
    feeding = [recording for rows in alive.values() for recording in rows]
    if not feeding:
        last = max(period.last for period in periods.values())
        raise InvalidInput(f"--start: {start} is after the recordings' end at {last}")
    live = {key for key, rows in alive.items() if rows}
    extras = [r for r in found if r.kind not in FEEDS and (r.market, r.symbol) in live]
    return ReplayPlan(
        start=start,
        end=max(periods[recording.path].last for recording in feeding),
        symbols={
            market: tuple(sorted(symbol for of, symbol in live if of is market))
            for market in Market
        },
        intervals={
            key: rows[0].interval for key, rows in alive.items() if rows and rows[0].interval
        },
        left_out=tuple(sorted(f"{m.value}-{s}" for m, s in by_key.keys() - live)),
        exchange_info=find_exchange_info(feeding),
        _recordings=(*extras, *feeding),
        _history={key: _klines_of(found, key) for key in live},
    )


def period_of(recording: Recording) -> Period:
    """Return when a recording begins and ends; a depth feed, which plays line by line, is checked whole.

    Raises
    ------
    InvalidInput
        If the file cannot be read, holds nothing, or is a depth feed that breaks a rule.
    """
    try:
        if recording.kind is Kind.DEPTH:
            first, last = check_depth(recording.path, recording.market, recording.symbol)
            return Period(first, last + 1)
        name = "open_time" if recording.kind is Kind.KLINES else "ts_ms"
        times = read_times(recording.path, name)
        width = INTERVALS[recording.interval] if recording.kind is Kind.KLINES else 1
        return Period(int(times.min()), int(times.max()) + width)
    except (OSError, ValueError) as e:
        raise InvalidInput(f"{recording.path.name}: cannot be read: {e}") from e


def read_frugally() -> None:
    """Let this process read parquet with one thread and give the memory back: for small servers."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    pa.set_memory_pool(pa.system_memory_pool())


def _beside(paths: Sequence[Path]) -> list[Path]:
    """Return the funding and mark files that lie next to kline files: same folder, or sibling ones."""
    named = [path for path in paths if path.is_file()]
    folders = {path.parent for path in named} | {path for path in paths if path.is_dir()}
    beside = set()
    for folder in folders:
        for name in BESIDE:
            beside |= set((folder.parent / name).glob("*.parquet"))
            beside |= set(folder.glob(f"*-{name}-*.parquet"))
    return sorted(beside - set(named))


def _by_key(found: Sequence[Recording]) -> dict[Key, list[Recording]]:
    by_key: dict[Key, list[Recording]] = {}
    for recording in found:
        if recording.kind in FEEDS:
            by_key.setdefault((recording.market, recording.symbol), []).append(recording)
    return by_key


def _natural_start(rows: Sequence[Recording], periods: Mapping[Path, Period]) -> Millis:
    """Return the beginning of a symbol's latest recording, after the history that klines give."""
    latest = max(rows, key=lambda recording: periods[recording.path].last)
    period = periods[latest.path]
    if latest.kind is not Kind.KLINES:
        return period.first
    warm_up = min(HISTORY_MS, (period.last - period.first) // WARM_UP_FRAC)
    return period.first + warm_up - warm_up % MINUTE


def _feeding(
    rows: Sequence[Recording], periods: Mapping[Path, Period], start: Millis
) -> list[Recording]:
    """Return a symbol's feed from `start` on: its best recording, and later ones of the same kind."""
    alive = [recording for recording in rows if periods[recording.path].last > start]
    covering = [recording for recording in alive if periods[recording.path].first <= start]
    if not alive:
        return []
    best = min(covering or alive, key=_rank)
    return [recording for recording in alive if _rank(recording) == _rank(best)]


def _refuse_overlapping_depth(feeding: Sequence[Recording], periods: Mapping[Path, Period]) -> None:
    """Messages of two recorders cannot be put into one order: each has its own clock."""
    ordered = sorted(
        (r.path for r in feeding if r.kind is Kind.DEPTH), key=lambda p: periods[p].first
    )
    for one, other in pairwise(ordered):
        if periods[other].first < periods[one].last:
            at = iso_second(periods[other].first)
            raise InvalidInput(f"{one.name} and {other.name} both record depth at {at}: give one")


def _rank(recording: Recording) -> tuple[int, Millis]:
    return FEEDS.index(recording.kind), INTERVALS.get(recording.interval, 0)


def _klines_of(found: Sequence[Recording], key: Key) -> tuple[Recording, ...]:
    rows = [r for r in found if r.kind is Kind.KLINES and (r.market, r.symbol) == key]
    return tuple(sorted(rows, key=lambda recording: INTERVALS[recording.interval]))
