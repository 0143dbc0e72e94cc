"""However the rows of a series lie in files that overlap, together they are the series, or are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.exchange.adapters.joining import Rows, by_series, read_series
from apps.exchange.adapters.recordings import FundingRows, Kind, Recording, TradeRows
from apps.exchange.core.venue.feeds.klines import KlineRows
from chimera.clock import MINUTE, iso_second
from chimera.errors import InvalidInput
from chimera.instruments import Market

Price = st.floats(1, 1e6)
# Which of three files has each row: at least one of them.
Places = st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=1, max_size=40)


def files(count: int) -> list[Recording]:
    return [
        Recording(
            path=Path(f"um-BTCUSDT-1m-{number}.parquet"),
            kind=Kind.KLINES,
            market=Market.USDM,
            symbol="BTCUSDT",
            interval="1m",
        )
        for number in range(count)
    ]


def joined(parts: list[Rows]) -> Rows:
    recorded = files(len(parts))
    [series] = by_series(recorded)
    by_path = dict(zip((one.path for one in recorded), parts, strict=True))
    read: Callable[[Path], Rows] = by_path.__getitem__
    return read_series(series, read)


def klines(rows: list[tuple[int, float]]) -> KlineRows:
    times, prices = [ts for ts, _ in rows], [price for _, price in rows]
    same = dict.fromkeys(("open", "high", "low", "close", "volume"), prices)
    return KlineRows(open_time=times, **same)


def columns(rows: Rows) -> dict[str, list[float]]:
    return {name: list(getattr(rows, name)) for name in rows.__struct_fields__}


def split(rows: list[tuple[int, float]], places: list[set[int]]) -> list[list[tuple[int, float]]]:
    parts = [[row for row, at in zip(rows, places, strict=True) if n in at] for n in range(3)]
    return [part for part in parts if part]


@given(places=Places, data=st.data())
def test_bars_in_several_files_are_taken_once_and_in_order(
    places: list[set[int]], data: st.DataObject
) -> None:
    rows = [(i * MINUTE, data.draw(Price)) for i in range(len(places))]

    found = joined([klines(part) for part in split(rows, places)])

    assert columns(found) == columns(klines(rows))
    assert all(type(ts) is int for ts in found.open_time)


@given(places=Places, data=st.data())
def test_bar_that_two_files_tell_differently_is_refused_with_its_time(
    places: list[set[int]], data: st.DataObject
) -> None:
    shared = [i for i, at in enumerate(places) if {0, 1} <= at]
    assume(shared)
    rows = [(i * MINUTE, 100.0) for i in range(len(places))]
    odd = data.draw(st.sampled_from(shared))
    parts = [[row for row, at in zip(rows, places, strict=True) if n in at] for n in range(2)]
    parts[1] = [(ts, price + (ts == odd * MINUTE)) for ts, price in parts[1]]

    with pytest.raises(InvalidInput) as refused:
        joined([klines(part) for part in parts])

    message = refused.value.message
    assert "1m-0.parquet and um-BTCUSDT-1m-1.parquet" in message
    assert iso_second(odd * MINUTE) in message


def test_trades_of_one_time_are_told_apart_by_their_ids() -> None:
    def trades(*rows: tuple[int, int]) -> TradeRows:
        ids, times = [i for i, _ in rows], [ts for _, ts in rows]
        ones = [1.0] * len(rows)
        makers = [True] * len(rows)
        return TradeRows(trade_id=ids, time=times, price=ones, qty=ones, buyer_is_maker=makers)

    found = joined([trades((1, 5), (2, 5), (3, 7)), trades((2, 5), (3, 7), (4, 7))])
    assert list(found.trade_id) == [1, 2, 3, 4]
    assert [trade.buyer_is_maker for _, trade in found] == [True] * 4
    with pytest.raises(InvalidInput, match=r"1m-0\.parquet and .*1m-1\.parquet tell differently"):
        joined([trades((1, 5), (2, 9)), trades((3, 7))])


def test_funding_rates_that_differ_are_refused() -> None:
    with pytest.raises(InvalidInput, match="tell differently of 1970-01-01 00:00:00 UTC"):
        joined([FundingRows(time=[0], rate=[0.1]), FundingRows(time=[0], rate=[0.2])])
