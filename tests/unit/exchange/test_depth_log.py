"""Recorded websocket feeds: a broken one is refused whole, naming line, field and rule."""

import gzip
import json
import tracemalloc
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from apps.exchange.adapters import depth_log
from apps.exchange.adapters.depth_log import check_depth, read_depth
from apps.exchange.core.venue.feeds.depth import actions
from chimera.errors import InvalidInput
from chimera.instruments import Market

SNAPSHOT = {"lastUpdateId": 5, "bids": [["99.0", "1"]], "asks": [["101.0", "1"]]}


def diff(first: int, final: int, prev: int | None, **other: Any) -> dict[str, Any]:
    data = {"e": "depthUpdate", "s": "BTCUSDT", "U": first, "u": final, "b": [], "a": []}
    if prev is not None:
        data["pu"] = prev
    return {"stream": "btcusdt@depth@0ms", "data": data | other}


def trade(trade_id: int, **other: Any) -> dict[str, Any]:
    data = {"e": "trade", "t": trade_id, "p": "100.0", "q": "1", "m": True, "X": "MARKET"}
    return {"stream": "btcusdt@trade", "data": data | other}


def quote(**other: Any) -> dict[str, Any]:
    data = {"u": 6, "s": "BTCUSDT", "b": "99.0", "B": "1", "a": "101.0", "A": "1"}
    return {"stream": "btcusdt@bookTicker", "data": data | other}


def lines(*messages: object, times: list[int] | None = None) -> bytes:
    stamps = times or list(range(1, len(messages) + 1))
    return b"".join(
        f"{stamp} {json.dumps(message)}\n".encode()
        for stamp, message in zip(stamps, messages, strict=True)
    )


def written(folder: Path, content: bytes, market: Market = Market.USDM) -> Path:
    path = folder / f"{market.value}-BTCUSDT-x.log.gz"
    path.write_bytes(content)
    return path


def packed(folder: Path, *messages: object, market: Market = Market.USDM) -> Path:
    return written(folder, gzip.compress(lines(*messages)), market)


GOOD = (diff(1, 4, 0), trade(1), diff(4, 6, 4), SNAPSHOT, quote(), diff(7, 9, 6), trade(2))


def test_whole_feed_is_checked_and_its_times_are_told(tmp_path: Path) -> None:
    stamps = [3_000_000 * n for n in range(1, len(GOOD) + 1)]
    path = written(tmp_path, gzip.compress(lines(*GOOD, times=stamps)))
    assert check_depth(path, Market.USDM, "BTCUSDT") == (3, 21)


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ((SNAPSHOT, diff(4, 6, 4), diff(8, 9, 7)), "line 3, field pu: update ids must chain"),
        ((SNAPSHOT, diff(6, 7, 5)), "line 2, field U: update ids must chain"),
        ((diff(1, 2, 0), diff(4, 6, 3), diff(9, 9, 8), SNAPSHOT), "line 3, field pu"),
        ((SNAPSHOT, diff(6, 4, 4)), "line 2, field U: must be at most u"),
        ((SNAPSHOT, diff(4, 6, 4, b=[["99", "-1"]])), r"line 2, field b\[0\]\[1\]: .*>= 0"),
        ((SNAPSHOT, diff(4, 6, 4, a=[["0", "1"]])), r"line 2, field a\[0\]\[0\]: .*> 0"),
        ((SNAPSHOT, diff(4, 6, 4, a=[["x", "1"]])), r"line 2, field a\[0\]\[0\]: .*float"),
        ((SNAPSHOT, diff(4, 6, 4, a=[["1", "NaN"]])), r"line 2, field a\[0\]\[1\]"),
        ((SNAPSHOT, diff(4, 6, 4, a=[["1"]])), r"line 2, field a\[0\]: .*array"),
        ((SNAPSHOT, diff("x", 6, 4)), "line 2, field U: .*int"),
        ((SNAPSHOT, {"stream": "btcusdt@trade", "data": {"t": 1}}), "line 2, field JSON: .*`p`"),
        ((SNAPSHOT, trade(1, p="0")), "line 2, field p: .*> 0"),
        ((SNAPSHOT, trade(2), trade(2)), "line 3, field t: trade ids must rise"),
        ((SNAPSHOT, quote(B="-2")), "line 2, field B: .*>= 0"),
        ((SNAPSHOT, quote(s="ETHUSDT")), "line 2, field s: must be of BTCUSDT"),
        ((SNAPSHOT, {"stream": "ethusdt@depth", "data": {}}), "line 2, field stream: must be of"),
        ((SNAPSHOT, {"stream": "btcusdt@strange", "data": {}}), "line 2, field stream: must be <"),
        (({"stream": 7},), "line 1, field stream"),
        (({"bids": []},), "line 1, field JSON: .*lastUpdateId"),
        (([],), "line 1, field JSON"),
        ((diff(1, 2, 0), trade(1)), "after line 2, field lastUpdateId: a snapshot must come"),
    ],
)
def test_broken_message_is_refused_at_its_line_and_field(tmp_path, messages, place) -> None:
    with pytest.raises(InvalidInput, match=f"^um-BTCUSDT-x.log.gz: {place}") as refused:
        check_depth(packed(tmp_path, *messages), Market.USDM, "BTCUSDT")
    assert "\n" not in refused.value.message


def test_broken_chain_of_a_spot_feed_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, SNAPSHOT, diff(4, 6, None), diff(8, 9, None), market=Market.SPOT)
    with pytest.raises(InvalidInput, match="line 3, field U: update ids must chain"):
        check_depth(path, Market.SPOT, "BTCUSDT")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (gzip.compress(lines(*GOOD))[:-12], "whole gzip"),
        (b"not gzip at all", "whole gzip"),
        (b"", "it has no lines"),
        (gzip.compress(b""), "it has no lines"),
        (gzip.compress(lines(SNAPSHOT, trade(1), times=[2, 1])), "line 2, field receive time"),
        (gzip.compress(lines(*GOOD)[:-20]), "line 7, field JSON"),
        (gzip.compress(lines(SNAPSHOT) + b"\n"), "line 2, field receive time"),
        (gzip.compress(b"no-time {}\n"), "line 1, field receive time"),
        (gzip.compress(b"9" * 5_000 + b" {}\n"), "line 1, field receive time"),
        (gzip.compress(b"1 \xff\xfe\n"), "line 1, field JSON"),
        (gzip.compress(b"1 " + b" " * depth_log.LINE_BYTES_MAX), "line 1, field JSON: at most"),
    ],
    ids=[
        "cut off",
        "not packed",
        "no bytes",
        "nothing packed",
        "time runs back",
        "last line cut off",
        "blank line",
        "no time",
        "a time of 5,000 digits",
        "not UTF-8",
        "an endless line",
    ],
)
def test_broken_file_is_refused_by_check_and_by_reader(tmp_path, content, text) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InvalidInput, match=text):
        check_depth(path, Market.USDM, "BTCUSDT")
    if text != "it has no lines":
        with pytest.raises(InvalidInput, match=text):
            deque(read_depth(path), maxlen=0)


def test_feed_without_a_snapshot_is_given_up_in_bounded_memory(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(depth_log, "EARLY_DIFFS_MAX", 3)
    path = packed(tmp_path, *(diff(n, n, n - 1) for n in range(1, 9)))
    with pytest.raises(InvalidInput, match="line 4, field lastUpdateId"):
        check_depth(path, Market.USDM, "BTCUSDT")


@pytest.mark.parametrize("market", list(Market))
def test_what_passes_the_check_can_be_played_to_the_end(data_dir: Path, market: Market) -> None:
    path = data_dir / "depth" / f"{market.value}-BTCUSDT-2024-08-08.log.gz"
    tracemalloc.start()
    first, last = check_depth(path, market, "BTCUSDT")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    played = [ts for ts, _ in actions(market, "BTCUSDT", read_depth(path))]
    assert first <= played[0] <= played[-1] <= last


def test_long_check_tells_how_far_it_is(data_dir: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(depth_log, "PROGRESS_S", 0.0)
    path = data_dir / "depth" / "spot-BTCUSDT-2024-08-08.log.gz"
    with caplog.at_level("INFO"):
        check_depth(path, Market.SPOT, "BTCUSDT")
    assert "spot-BTCUSDT-2024-08-08.log.gz: 100%, 41000 lines" in caplog.text
