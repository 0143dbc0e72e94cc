"""Recorded market data on disk: names and columns become the rows that feeds take.

Files are checked whole before anything is handed out: a wrong column, an unsorted or impossible row, or a
truncated file raises `InvalidInput` naming the file, the place and the rule it breaks. Recorded websocket
feeds are lines, not columns: `depth_log.py`.
"""

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, cast

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from apps.exchange.core.venue.feeds.depth import RecordedTrade
from apps.exchange.core.venue.feeds.klines import KlineRows
from chimera.clock import HOUR, INTERVALS, Millis
from chimera.errors import InvalidInput
from chimera.instruments import Market

_KLINE_NAME = re.compile(r"(um|spot)-([A-Z0-9]+)-(\d+[mhd])-.*\.parquet")
_FUNDING_NAME = re.compile(r"(um)-([A-Z0-9]+)-funding-.*\.parquet")
_MARK_NAME = re.compile(r"(um)-([A-Z0-9]+)-mark-(\d+[mhd])-.*\.parquet")
_TRADES_NAME = re.compile(r"(um|spot)-([A-Z0-9]+)-trades-.*\.parquet")
_DEPTH_NAME = re.compile(r"(um|spot)-([A-Z0-9]+)-.*\.log\.gz")

Column = npt.NDArray[Any]


class Kind(StrEnum):
    KLINES = "klines"
    FUNDING = "funding"
    MARK = "mark"
    TRADES = "trades"
    DEPTH = "depth"


_NAMES = (
    (Kind.FUNDING, _FUNDING_NAME),
    (Kind.MARK, _MARK_NAME),
    (Kind.TRADES, _TRADES_NAME),
    (Kind.DEPTH, _DEPTH_NAME),
    (Kind.KLINES, _KLINE_NAME),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a file's name says: ``um-BTCUSDT-1m-2025-05..2025-06.parquet``."""

    path: Path
    kind: Kind
    market: Market
    symbol: str
    interval: str = ""


class FundingRows(msgspec.Struct, frozen=True, kw_only=True):
    """`time` is the full hour of the settlement: what is published jitters by some milliseconds."""

    TIME: ClassVar = "time"
    time: Sequence[Millis]
    rate: Sequence[float]


class MarkRows(msgspec.Struct, frozen=True, kw_only=True):
    TIME: ClassVar = "open_time"
    open_time: Sequence[Millis]
    open: Sequence[float]


class TradeRows(msgspec.Struct, frozen=True, kw_only=True):
    TIME: ClassVar = "time"
    trade_id: Sequence[int]
    time: Sequence[Millis]
    price: Sequence[float]
    qty: Sequence[float]
    buyer_is_maker: Sequence[bool]

    def __iter__(self) -> Iterator[tuple[Millis, RecordedTrade]]:
        rows = zip(self.time, self.trade_id, self.price, self.qty, self.buyer_is_maker, strict=True)
        for ts, trade_id, price, qty, maker in rows:
            yield ts, RecordedTrade(trade_id, Decimal(repr(price)), Decimal(repr(qty)), maker)


def recording_of(path: Path) -> Recording:
    """Read a file's name.

    Raises
    ------
    InvalidInput
        If it follows none of the naming patterns, or names an interval that there is not.
    """
    for kind, pattern in _NAMES:
        if found := pattern.fullmatch(path.name):
            market, symbol, *interval = found.groups()
            if interval and interval[0] not in INTERVALS:
                raise broken(path, "interval", f"one of {', '.join(INTERVALS)}")
            return Recording(
                path=path,
                kind=kind,
                market=Market(market),
                symbol=symbol,
                interval=interval[0] if interval else "",
            )
    raise broken(path, "name", "<um|spot>-<SYMBOL>-<interval|funding|mark-8h|trades>-<period>")


def find_recordings(paths: Sequence[Path]) -> list[Recording]:
    """Return the recordings among files and, one folder deep, directories; sorted by path.

    Files inside directories that are no recordings are passed over; a file named outright must be one.
    A file that two of the paths lead to is found once.
    """
    found: list[Recording] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if any(n.fullmatch(p.name) for _, n in _NAMES))
            found += [recording_of(p) for p in inside]
        elif path.is_file():
            found.append(recording_of(path))
        else:
            raise InvalidInput(f"{path}: no such file or folder", field="path")
    once = {recording.path.resolve(): recording for recording in found}
    return sorted(once.values(), key=lambda recording: recording.path)


def read_klines(path: Path, *, interval: str | None = None) -> KlineRows:
    """Read bars, oldest first.

    Raises
    ------
    InvalidInput
        If times are not strictly increasing multiples of the interval, prices are not above 0 with
        low <= open, close <= high, or a volume is negative.
    """
    interval = interval or recording_of(path).interval
    columns = _read(path, {"open_time": "i", **dict.fromkeys(_OHLCV, "f")})
    times, (o, h, low, c, v) = columns["open_time"], (columns[name] for name in _OHLCV)
    _require_rising(path, "open_time", times)
    _require_rows(path, "open_time", times % INTERVALS[interval] == 0, f"a multiple of {interval}")
    for name, column in (("open", o), ("high", h), ("low", low), ("close", c)):
        _require_rows(path, name, column > 0, "above 0")
    _require_rows(path, "high", (h >= o) & (h >= c) & (h >= low), "at least open, close and low")
    _require_rows(path, "low", (low <= o) & (low <= c), "at most open and close")
    _require_rows(path, "volume", v >= 0, "not negative")
    return KlineRows(
        open_time=packed(times),
        open=packed(o),
        high=packed(h),
        low=packed(low),
        close=packed(c),
        volume=packed(v),
    )


def read_times(path: Path, column: str) -> Column:
    """Read a column of times alone, in ms and as they lie there; there is at least one."""
    return _read(path, {column: "i"})[column]


def read_funding(path: Path) -> FundingRows:
    """Read settled funding rates, oldest first."""
    columns = _read(path, {"funding_time": "i", "funding_rate": "f"})
    hours = (columns["funding_time"] + HOUR // 2) // HOUR
    _require_rising(path, "funding_time", hours)
    rate = columns["funding_rate"]
    _require_rows(path, "funding_rate", np.abs(rate) < 1, "a fraction, not percent")
    return FundingRows(time=packed(hours * HOUR), rate=packed(rate))


def read_marks(path: Path) -> MarkRows:
    """Read the opens of mark-price klines, oldest first."""
    columns = _read(path, {"open_time": "i", "open": "f"})
    _require_rising(path, "open_time", columns["open_time"])
    _require_rows(path, "open", columns["open"] > 0, "above 0")
    return MarkRows(open_time=packed(columns["open_time"]), open=packed(columns["open"]))


def read_trades(path: Path) -> TradeRows:
    """Read trades, oldest first."""
    columns = _read(
        path,
        {"ts_ms": "i", "price": "f", "qty": "f", "is_buyer_maker": "b", "trade_id": "i"},
    )
    _require_rising(path, "trade_id", columns["trade_id"])
    times = columns["ts_ms"]
    _require_rows(path, "ts_ms", np.diff(times, prepend=times[:1]) >= 0, "not falling")
    for name in ("price", "qty"):
        _require_rows(path, name, columns[name] > 0, "above 0")
    return TradeRows(
        trade_id=packed(columns["trade_id"]),
        time=packed(times),
        price=packed(columns["price"]),
        qty=packed(columns["qty"]),
        buyer_is_maker=packed(columns["is_buyer_maker"]),
    )


def broken(path: Path, place: str, rule: str) -> InvalidInput:
    """Return what to raise about a file."""
    return InvalidInput(f"{path.name}: {place}: {rule}", file=path.name, field=place, rule=rule)


def packed(column: Column) -> Sequence[Any]:
    """Return a column whose items are Python's own, numbers of eight bytes: months of minutes fit."""
    if column.dtype.kind == "b":
        return cast(list[bool], column.tolist())
    code, kind = ("d", np.float64) if column.dtype.kind == "f" else ("q", np.int64)
    filled = array(code)
    filled.frombytes(column.astype(kind).tobytes())
    return filled


# --- parquet ----------------------------------------------------------------------------------------

_OHLCV = ("open", "high", "low", "close", "volume")
_KINDS = {"i": "an integer", "f": "a number", "b": "a boolean"}


def _read(path: Path, wanted: Mapping[str, str]) -> dict[str, Column]:
    """Return the wanted columns (name -> kind of ``i``, ``f``, ``b``), checked for type and holes."""
    try:
        schema = pq.read_schema(path)
        table = pq.read_table(path, columns=[name for name in wanted if name in schema.names])
    except (OSError, pa.ArrowException) as e:
        raise broken(path, "file", f"a whole parquet file is expected: {e}") from e
    columns: dict[str, Column] = {}
    for name, kind in wanted.items():
        if name not in table.column_names:
            raise broken(path, f"column {name}", f"missing; there are {', '.join(schema.names)}")
        column = table.column(name)
        if column.null_count:
            row = next(i for i, value in enumerate(column.is_null().to_pylist()) if value)
            raise broken(path, f"column {name}, row {row}", "no value may be missing")
        values = column.to_numpy()
        if values.dtype.kind not in (kind if kind != "f" else "if"):
            raise broken(path, f"column {name}", f"must be {_KINDS[kind]}, is {column.type}")
        columns[name] = values.astype(np.float64) if kind == "f" else values
        if kind == "f":
            _require_rows(path, name, np.isfinite(columns[name]), "a finite number")
    if not len(next(iter(columns.values()))):
        raise broken(path, "file", "it has no rows")
    return columns


def _require_rising(path: Path, name: str, column: Column) -> None:
    _require_rows(path, name, np.diff(column, prepend=column[:1] - 1) > 0, "above the row before")


def _require_rows(path: Path, name: str, holds: npt.NDArray[np.bool_], rule: str) -> None:
    if not holds.all():
        raise broken(path, f"column {name}, row {int(np.argmin(holds))}", f"must be {rule}")
