"""``manage.py venue``: what it prints, how it stops, and how it refuses bad input."""

import gzip
import json
import shutil
import signal
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from apps.exchange.venue_shell.build import VenueOptions, build_server
from chimera.errors import InvalidInput
from chimera.instruments import Market
from tests.contract.venue.conftest import wait_until

ROOT = Path(__file__).resolve().parents[3]
KLINES = "um-BTCUSDT-1m-2025-05..2025-06.parquet"


def launch(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "venue", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_command_prints_one_line_serves_and_stops_cleanly(stop: signal.Signals) -> None:
    process = launch("--port", "0", "--seed", "5", "--wallet", "1234.5")
    assert process.stdout is not None
    card = json.loads(process.stdout.readline())
    served = requests.get(f"{card['rest']}/venue/status", timeout=5).json()
    process.send_signal(stop)
    rest, errors = process.communicate(timeout=15)

    assert set(card) == {"rest", "ws", "key", "secret", "clock"}
    assert set(card["clock"]) == {"origin", "speed", "anchor_ns", "now"}
    assert served["symbols"]["um"] == ["BTCUSDT", "ETHUSDT"]
    assert (process.returncode, rest) == (0, "")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--data", "/nowhere/um-BTCUSDT-1m-x.parquet"), "um-BTCUSDT-1m-x.parquet"),
        (("--port", "70000"), "70000"),
    ],
)
def test_command_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], named: str
) -> None:
    process = launch("--port", "0", *arguments)
    output, errors = process.communicate(timeout=30)

    assert (process.returncode, output) == (2, "")
    assert named in errors.splitlines()[-1]
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"speed": 0}, "--speed"),
        ({"speed": float("nan")}, "--speed"),
        ({"speed": float("inf")}, "--speed"),
        ({"wallet": Decimal(-1)}, "--wallet"),
        ({"symbols": ("NOPEUSDT",)}, "NOPEUSDT"),
        ({"data": (Path("tests"),)}, "--data"),
        ({"exchange_info": (Path("nothing.json"),)}, "--exchange-info: no such file: nothing.json"),
        ({"exchange_info": (Path("README.md"),)}, "README.md: payload"),
        ({"data": (Path("README.md"),)}, "README.md"),
    ],
)
def test_build_bad_option_names_it(options: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        build_server(VenueOptions(**options))  # type: ignore[arg-type]


def test_build_port_in_use_is_refused_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"--port {port}"):
            build_server(VenueOptions(port=port))


def test_build_truncated_file_names_the_file(data_dir: Path, tmp_path: Path) -> None:
    whole = (data_dir / "klines" / KLINES).read_bytes()
    (tmp_path / KLINES).write_bytes(whole[: len(whole) // 2])

    with pytest.raises(InvalidInput, match="um-BTCUSDT-1m"):
        build_server(VenueOptions(data=(tmp_path / KLINES,)))


def test_command_depth_file_with_a_bad_line_ends_before_it_serves(tmp_path: Path) -> None:
    path = tmp_path / "um-BTCUSDT-x.log.gz"
    lines = (
        b'1000000 {"lastUpdateId": 5, "bids": [["99", "1"]], "asks": []}\n'
        b'2000000 {"stream": "btcusdt@trade", "data": {"t": 1, "p": "-5", "q": "1", "m": true}}\n'
    )
    path.write_bytes(gzip.compress(lines))

    process = launch("--port", "0", "--data", str(path))
    output, errors = process.communicate(timeout=30)

    assert (process.returncode, output) == (2, "")
    assert "um-BTCUSDT-x.log.gz: line 2, field p: Expected" in errors.splitlines()[-1]


def test_build_from_klines_finds_funding_and_mark_beside_them(
    data_dir: Path, tmp_path: Path
) -> None:
    for folder in ("klines", "funding", "mark"):
        (tmp_path / folder).mkdir()
        for path in (data_dir / folder).glob("um-BTCUSDT-*2025*"):
            shutil.copy(path, tmp_path / folder)

    with build_server(VenueOptions(data=(tmp_path / "klines" / KLINES,), speed=28_800)) as server:
        venue = server.host.venue
        wait_until(lambda: bool(venue.funding_history("BTCUSDT")), timeout_s=20)
        rates = requests.get(f"{server.rest_url}/fapi/v1/fundingRate", timeout=5).json()
        bars = requests.get(
            f"{server.rest_url}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500", timeout=5
        ).json()

    assert rates[0]["symbol"] == "BTCUSDT"
    assert rates[0]["fundingTime"] % 28_800_000 == 0
    assert len(bars) == 1_500
    assert bars[0][0] < server.host.feed.start


def test_build_takes_the_filters_that_were_recorded_beside_the_data(
    data_dir: Path, tmp_path: Path
) -> None:
    for folder in ("klines", "exchange_info"):
        (tmp_path / folder).mkdir()
    shutil.copy(data_dir / "klines" / KLINES, tmp_path / "klines" / "um-AAVEUSDT-1m-x.parquet")
    payload = next((data_dir / "exchange_info").glob("um-*"))
    recorded = json.loads(gzip.decompress(payload.read_bytes()))
    recorded["rateLimits"] = []  # they would say that it is the testnet's
    (tmp_path / "exchange_info" / "um.json").write_text(json.dumps(recorded))
    [expected] = [row for row in recorded["symbols"] if row["symbol"] == "AAVEUSDT"]
    options = VenueOptions(data=(tmp_path,), exchange_info=())

    with build_server(options) as server:
        told = requests.get(f"{server.rest_url}/fapi/v1/exchangeInfo", timeout=5).json()
    [listed] = told["symbols"]

    served = {row["filterType"]: row for row in listed["filters"]}
    assert served == {
        row["filterType"]: row
        for row in expected["filters"]
        if row["filterType"] != "MAX_NUM_ALGO_ORDERS"
    }
    shutil.rmtree(tmp_path / "exchange_info")
    with pytest.raises(InvalidInput, match="AAVEUSDT is not one the venue lists"):
        build_server(options)


def test_build_same_seed_gives_the_same_market_and_key() -> None:
    cards, books = [], []
    for _ in range(2):
        with build_server(VenueOptions(seed=11, start=1_700_000_000_000, speed=0.001)) as server:
            cards.append((server.card()["key"], server.card()["secret"]))
            books.append(server.call(lambda host: host.venue.depth(Market.USDM, "BTCUSDT", 20)))

    assert cards[0] == cards[1]
    assert books[0] == books[1]
    assert build_server(VenueOptions(seed=12)).card()["key"] != cards[0][0]
