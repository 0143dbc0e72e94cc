"""Files on disk: good ones are read whole, bad ones refused with file, place and rule."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.exchange.adapters.recordings import (
    Kind,
    find_recordings,
    read_funding,
    read_klines,
    read_trades,
    recording_of,
)
from chimera.clock import HOUR
from chimera.errors import InvalidInput
from chimera.instruments import Market
from tests.support.venue import T0

MINUTE = 60_000
GOOD = {
    "open_time": [T0, T0 + MINUTE],
    "open": [1.0, 2.0],
    "high": [3.0, 3.0],
    "low": [0.5, 1.0],
    "close": [2.0, 1.5],
    "volume": [10.0, 0.0],
}
NAME = "um-BTCUSDT-1m-test.parquet"


def written(folder: Path, columns: dict, name: str = NAME) -> Path:
    path = folder / name
    pq.write_table(pa.table(columns), path)
    return path


def test_name_tells_kind_market_symbol_and_interval() -> None:
    one = recording_of(Path("x/um-BTCUSDT-1m-2025-05..2025-06.parquet"))
    assert (one.kind, one.market, one.symbol, one.interval) == (
        Kind.KLINES,
        Market.USDM,
        "BTCUSDT",
        "1m",
    )
    assert recording_of(Path("um-ETHUSDT-mark-8h-2023.parquet")).kind is Kind.MARK
    assert recording_of(Path("um-ETHUSDT-funding-2023.parquet")).kind is Kind.FUNDING
    assert recording_of(Path("spot-BTCUSDT-trades-2021-01-08.parquet")).kind is Kind.TRADES
    assert recording_of(Path("spot-BTCUSDT-2024-08-08.log.gz")).kind is Kind.DEPTH
    with pytest.raises(InvalidInput, match="name"):
        recording_of(Path("notes.txt"))


def test_good_klines_are_read(tmp_path) -> None:
    rows = read_klines(written(tmp_path, GOOD))
    assert list(rows.close) == [2.0, 1.5]
    assert list(rows.between(T0 + MINUTE, None).open) == [2.0]


@pytest.mark.parametrize(
    ("change", "place", "rule"),
    [
        ({"open_time": [T0 + MINUTE, T0]}, "column open_time, row 1", "above the row before"),
        ({"open_time": [T0, T0]}, "column open_time, row 1", "above the row before"),
        ({"open_time": [T0, T0 + 61_000]}, "column open_time, row 1", "a multiple of 1m"),
        ({"high": [3.0, 1.0]}, "column high, row 1", "at least open, close and low"),
        ({"low": [0.5, 1.9]}, "column low, row 1", "at most open and close"),
        ({"close": [2.0, float("nan")]}, "column close, row 1", "a finite number"),
        ({"open": [-1.0, 2.0]}, "column open, row 0", "above 0"),
        ({"volume": [1.0, -1.0]}, "column volume, row 1", "not negative"),
        ({"volume": [1.0, None]}, "column volume, row 1", "no value may be missing"),
        ({"volume": ["a", "b"]}, "column volume", "must be a number"),
        ({"volume": None}, "column volume", "missing"),
    ],
)
def test_wrong_rows_are_refused_with_their_place_and_rule(tmp_path, change, place, rule) -> None:
    columns = {k: v for k, v in (GOOD | change).items() if v is not None}
    with pytest.raises(InvalidInput) as refused:
        read_klines(written(tmp_path, columns))
    assert refused.value.details["file"] == NAME
    assert refused.value.details["field"] == place
    assert rule in refused.value.details["rule"]


def test_truncated_and_empty_parquet_is_refused(tmp_path) -> None:
    path = written(tmp_path, GOOD)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match="whole parquet file"):
        read_klines(path)
    with pytest.raises(InvalidInput, match="no rows"):
        read_klines(
            written(
                tmp_path,
                {
                    k: pa.array([], pa.float64()) if k != "open_time" else pa.array([], pa.int64())
                    for k in GOOD
                },
            )
        )


def test_funding_in_percent_is_refused(tmp_path) -> None:
    columns = {"funding_time": [T0], "funding_rate": [1.5]}
    with pytest.raises(InvalidInput, match="a fraction, not percent"):
        read_funding(written(tmp_path, columns, "um-BTCUSDT-funding-x.parquet"))


def test_funding_times_are_the_hours_that_they_jitter_around(tmp_path) -> None:
    hour = T0 - T0 % HOUR
    columns = {"funding_time": [hour + 3, hour + HOUR - 2], "funding_rate": [0.1, 0.2]}
    path = written(tmp_path, columns, "um-BTCUSDT-funding-x.parquet")
    assert list(read_funding(path).time) == [hour, hour + HOUR]


def test_trades_out_of_order_are_refused(tmp_path) -> None:
    columns = {
        "ts_ms": [T0, T0 - 1],
        "price": [1.0, 1.0],
        "qty": [1.0, 1.0],
        "is_buyer_maker": [True, False],
        "trade_id": [1, 2],
    }
    with pytest.raises(InvalidInput, match="ts_ms, row 1"):
        read_trades(written(tmp_path, columns, "um-BTCUSDT-trades-x.parquet"))


def test_file_that_two_paths_lead_to_is_found_once(tmp_path) -> None:
    path = written(tmp_path, GOOD)
    found = find_recordings([path, tmp_path, tmp_path / ".." / tmp_path.name / NAME])
    assert [recording.path.name for recording in found] == [NAME]


def test_missing_path_and_directories_are_told_apart(tmp_path) -> None:
    with pytest.raises(InvalidInput, match=f"{tmp_path}/nothing: no such file"):
        find_recordings([tmp_path / "nothing"])
    written(tmp_path, GOOD)
    (tmp_path / "README.md").write_text("not a recording")
    assert [recording.path.name for recording in find_recordings([tmp_path])] == [NAME]
