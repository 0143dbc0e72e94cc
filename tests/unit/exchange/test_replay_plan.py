"""Choosing what to replay: the era, the best feed of each symbol, and its history."""

import gzip
import pickle
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.exchange.adapters.recordings import Kind
from apps.exchange.adapters.replay_plan import plan_replay
from apps.exchange.core.venue.feeds.merge import TimedAction
from chimera.clock import DAY, HOUR, MINUTE, iso_second
from chimera.errors import InvalidInput
from chimera.instruments import Market

T0 = 1_700_000_000_000 - 1_700_000_000_000 % HOUR


def klines(
    folder: Path, name: str, first: int, bars: int, width: int = MINUTE, price: float = 100.0
) -> Path:
    times = [first + i * width for i in range(bars)]
    prices = [price] * bars
    columns = {"open_time": times, **dict.fromkeys(("open", "high", "low", "close"), prices)}
    path = folder / name
    pq.write_table(pa.table({**columns, "volume": [1.0] * bars}), path)
    return path


def depth(folder: Path, name: str, first: int, last: int) -> Path:
    lines = [
        f'{first * 1_000_000} {{"lastUpdateId": 5, "bids": [["99", "1"]], "asks": [["101", "1"]]}}',
        f'{last * 1_000_000} {{"stream": "btcusdt@depth", "data": {{"e": "depthUpdate", "U": 5, "u": 6, '
        '"pu": 4, "b": [], "a": []}}',
    ]
    path = folder / name
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def test_plan_without_start_leaves_a_third_of_the_bars_as_history(tmp_path: Path) -> None:
    path = klines(tmp_path, "um-BTCUSDT-1m-x.parquet", T0, 300)

    plan = plan_replay([path])

    assert (plan.start, plan.end) == (T0 + 100 * MINUTE, T0 + 300 * MINUTE)
    assert plan.symbols[Market.USDM] == ("BTCUSDT",)
    assert len(plan.history(Market.USDM, "BTCUSDT")) == 100
    first, _ = next(plan.feed())
    assert first == plan.start


def test_plan_history_reaches_back_a_month_at_most(tmp_path: Path) -> None:
    klines(tmp_path, "um-BTCUSDT-1h-x.parquet", T0, 40 * 24, HOUR)

    late = plan_replay([tmp_path], start=T0 + 35 * DAY).history(Market.USDM, "BTCUSDT")
    natural = plan_replay([tmp_path])

    assert (len(late), late[0].open_time) == (30 * DAY // MINUTE, T0 + 5 * DAY)
    assert natural.start == T0 + 40 * DAY // 3
    assert natural.history(Market.USDM, "BTCUSDT")[0].open_time == T0


def test_plan_prefers_depth_that_covers_the_start_and_klines_give_history(tmp_path: Path) -> None:
    klines(tmp_path, "um-BTCUSDT-1m-x.parquet", T0, 300)
    depth(tmp_path, "um-BTCUSDT-x.log.gz", T0 + HOUR, T0 + 2 * HOUR)

    covered = plan_replay([tmp_path], start=T0 + HOUR)
    before = plan_replay([tmp_path], start=T0 + MINUTE)

    assert [r.kind for r in covered._recordings] == [Kind.DEPTH]
    assert len(covered.history(Market.USDM, "BTCUSDT")) == 60
    assert [r.kind for r in before._recordings] == [Kind.KLINES]


def test_plan_takes_the_finest_interval_and_leaves_out_what_has_ended(tmp_path: Path) -> None:
    klines(tmp_path, "um-BTCUSDT-1m-x.parquet", T0, 300)
    klines(tmp_path, "um-BTCUSDT-5m-x.parquet", T0, 60, 5 * MINUTE)
    klines(tmp_path, "um-FILUSDT-1m-x.parquet", T0 - 10 * HOUR, 60)

    plan = plan_replay([tmp_path])

    assert [r.interval for r in plan._recordings] == ["1m"]
    assert plan.left_out == ("um-FILUSDT",)


def test_plan_overlapping_files_that_agree_are_played_once(tmp_path: Path) -> None:
    klines(tmp_path, "um-BTCUSDT-1m-a.parquet", T0, 60)
    klines(tmp_path, "um-BTCUSDT-1m-b.parquet", T0 + 30 * MINUTE, 60)
    whole = klines(tmp_path, "um-ETHUSDT-1m-x.parquet", T0, 90)

    played = list(plan_replay([tmp_path], symbols=["BTCUSDT"], start=T0 + MINUTE).feed())
    expected = list(plan_replay([whole], start=T0 + MINUTE).feed())

    assert [(ts, action.volume) for ts, action in played] == [
        (ts, action.volume) for ts, action in expected
    ]


def test_plan_overlapping_files_that_differ_are_refused_with_both_names(tmp_path: Path) -> None:
    klines(tmp_path, "um-BTCUSDT-1m-a.parquet", T0, 60)
    klines(tmp_path, "um-BTCUSDT-1m-b.parquet", T0 + 30 * MINUTE, 60, price=101.0)
    plan = plan_replay([tmp_path], start=T0 + MINUTE)

    named = f"1m-a.parquet and um-BTCUSDT-1m-b.parquet .* {iso_second(T0 + 30 * MINUTE)}"
    with pytest.raises(InvalidInput, match=named):
        plan.feed()
    with pytest.raises(InvalidInput, match=named):
        plan_replay([tmp_path], start=T0 + HOUR).history(Market.USDM, "BTCUSDT")


def test_plan_refuses_depth_feeds_that_overlap(tmp_path: Path) -> None:
    depth(tmp_path, "um-BTCUSDT-a.log.gz", T0, T0 + HOUR)
    depth(tmp_path, "um-BTCUSDT-b.log.gz", T0 + HOUR, T0 + 2 * HOUR)
    with pytest.raises(InvalidInput, match=r"a\.log\.gz and um-BTCUSDT-b\.log\.gz both record"):
        plan_replay([tmp_path], start=T0)

    depth(tmp_path, "um-BTCUSDT-b.log.gz", T0 + HOUR + 1, T0 + 2 * HOUR)
    assert len(plan_replay([tmp_path], start=T0)._recordings) == 2


@pytest.mark.parametrize(
    ("options", "named"),
    [({"start": T0 + 999 * HOUR}, "--start"), ({"symbols": ("NOPE",)}, "NOPE")],
)
def test_plan_impossible_wish_is_refused_by_name(
    tmp_path: Path, options: dict[str, object], named: str
) -> None:
    klines(tmp_path, "um-BTCUSDT-1m-x.parquet", T0, 30)

    with pytest.raises(InvalidInput, match=named):
        plan_replay([tmp_path], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"time": [T0]}, "column open_time: missing"),
        ({"open_time": pa.array([], pa.int64())}, "it has no rows"),
        ({"open_time": ["x"]}, "column open_time: must be an integer"),
        ({"open_time": [None]}, "column open_time, row 0: no value may be missing"),
    ],
)
def test_plan_names_what_is_wrong_with_a_file_in_one_line(tmp_path: Path, columns, named) -> None:
    path = tmp_path / "um-BTCUSDT-1m-x.parquet"
    pq.write_table(pa.table(columns), path)

    with pytest.raises(InvalidInput, match=named) as refused:
        plan_replay([path])

    assert "\n" not in refused.value.message


def test_plan_refuses_an_interval_that_there_is_not(tmp_path: Path) -> None:
    path = klines(tmp_path, "um-BTCUSDT-7m-x.parquet", T0, 3)

    with pytest.raises(InvalidInput, match="interval: one of 1m"):
        plan_replay([path])


def test_plan_refuses_a_depth_file_with_a_broken_middle(tmp_path: Path) -> None:
    path = depth(tmp_path, "um-BTCUSDT-x.log.gz", T0, T0 + HOUR)
    whole = bytearray(path.read_bytes())
    whole[20:40] = bytes(20)
    path.write_bytes(bytes(whole))

    with pytest.raises(InvalidInput, match="must be whole gzip"):
        plan_replay([path])


@pytest.mark.parametrize("taken", [0, 1, 6, 7_001])
@pytest.mark.parametrize(
    "names",
    [
        ("klines/um-BTCUSDT-1m-2025-05..2025-06.parquet", "funding", "mark"),
        ("depth/um-BTCUSDT-2024-08-08.log.gz", "trades/um-BTCUSDT-trades-2024-08-08.parquet"),
    ],
)
def test_pickled_feed_goes_on_where_it_was(
    data_dir: Path, names: tuple[str, ...], taken: int
) -> None:
    feed = plan_replay([data_dir / name for name in names], symbols=["BTCUSDT"]).feed()
    deque(islice(feed, taken), maxlen=0)
    again: Iterator[TimedAction] = pickle.loads(pickle.dumps(feed))
    assert list(islice(again, 500)) == list(islice(feed, 500))
