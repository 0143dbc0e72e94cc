"""``manage.py venue --state``: killed with kill -9 and started again, it goes on where it was."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ccxt
import pytest
import requests

from apps.exchange.adapters.pointing import point
from apps.exchange.venue_shell.journal import NAME
from tests.contract.venue.conftest import PERP, SPOT, wait_until

ROOT = Path(__file__).resolve().parents[3]
AWAY_FROM_FUNDING = "1746378000000"  # an hour after a funding time
OPTIONS = ("--seed", "5", "--symbols", "BTCUSDT", "--speed", "20", "--start", AWAY_FROM_FUNDING)
Options = tuple[str, ...]


class Running:
    """One process of the command, and unmodified clients of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.card = json.loads(process.stdout.readline())
        options = {"apiKey": self.card["key"], "secret": self.card["secret"]}
        self.usdm: Any = point(ccxt.binanceusdm(options), self.card["rest"], self.card["ws"])
        self.spot: Any = point(ccxt.binance(options), self.card["rest"], self.card["ws"])

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.card['rest']}/venue/status", timeout=5).json()
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def known(self) -> dict[str, Any]:
        """Return all that an account knows and no market moves."""
        usdm, spot = self.usdm, self.spot
        account = usdm.fapiPrivateV3GetAccount()
        held = usdm.fapiPrivateV3GetPositionRisk()
        return {
            "wallets": [(row["asset"], row["walletBalance"]) for row in account["assets"]],
            "positions": [(p["symbol"], p["positionAmt"], p["entryPrice"]) for p in held],
            "orders": usdm.fapiPrivateGetAllOrders({"symbol": "BTCUSDT"}),
            "open": usdm.fapiPrivateGetOpenOrders(),
            "algos": usdm.fapiPrivateGetAllAlgoOrders({"symbol": "BTCUSDT"}),
            "open algos": usdm.fapiPrivateGetOpenAlgoOrders(),
            "fills": usdm.fapiPrivateGetUserTrades({"symbol": "BTCUSDT"}),
            "income": usdm.fapiPrivateGetIncome(),
            "spot": spot.privateGetAccount()["balances"],
            "spot orders": spot.privateGetAllOrders({"symbol": "BTCUSDT"}),
            "spot fills": spot.privateGetMyTrades({"symbol": "BTCUSDT"}),
        }


@contextmanager
def running(state: Path, port: int, options: Options = OPTIONS) -> Iterator[Running]:
    process = launch(state, port, *options)
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate()


def launch(state: Path, port: int, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "venue", "--port", str(port), "--state", state, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        chosen: int = found.getsockname()[1]
    return chosen


def trade(venue: Running) -> None:
    """Leave a position with its stop, resting orders, and a history on both markets."""
    venue.usdm.create_order(PERP, "market", "buy", 0.02)
    venue.usdm.create_order(PERP, "market", "sell", 0.01)
    venue.usdm.create_order(PERP, "limit", "buy", 0.01, 30_000, {"clientOrderId": "resting"})
    venue.usdm.create_order(PERP, "market", "sell", 0.01, None, {"stopLossPrice": 30_000})
    venue.usdm.cancel_order(venue.usdm.create_order(PERP, "limit", "buy", 0.01, 31_000)["id"], PERP)
    venue.spot.create_order(SPOT, "market", "buy", 0.01)
    venue.spot.create_order(SPOT, "limit", "buy", 0.01, 30_000)
    with pytest.raises(ccxt.InsufficientFunds):
        venue.spot.create_order(SPOT, "limit", "sell", 5, 90_000)


def test_restart_after_kill_nine_knows_all_it_acknowledged(tmp_path: Path, port: int) -> None:
    with running(tmp_path / "state", port) as venue:
        trade(venue)
        venue.usdm.fapiPrivatePostListenKey()
        before, seen, candle = venue.known(), venue.status()["now"], newest_candle(venue)
        venue.kill()
    with running(tmp_path / "state", port) as again:
        after = again.known()
        assert len(after["open"]) == len(after["open algos"]) == 1
        assert after == before
        assert again.status()["now"] >= seen
        assert newest_candle(again) >= candle
        with pytest.raises(ccxt.ExchangeError, match="-1125"):
            again.usdm.fapiPrivatePutListenKey()

        placed = again.usdm.create_order(PERP, "limit", "buy", 0.01, 30_000)
        assert int(placed["id"]) > max(int(order["orderId"]) for order in before["orders"])
        again.usdm.cancel_all_orders(PERP)
        moved = again.status()["feed"]["at"]
        wait_until(lambda: again.status()["feed"]["at"] > moved)


def test_restart_drops_a_line_that_was_being_written(tmp_path: Path, port: int) -> None:
    with running(tmp_path / "state", port) as venue:
        trade(venue)
        before = venue.known()
        venue.kill()
    with (tmp_path / "state" / NAME).open("ab") as journal:
        journal.write(b'{"type":"requested","endpoint":"POST /fapi/v1/or')
    for _ in range(2):
        with running(tmp_path / "state", port) as again:
            assert again.known() == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--seed", "6", *OPTIONS[2:]), "--seed was 5, now it is 6"),
        (
            (*OPTIONS, "--start", "1746374400000"),
            f"--start was {AWAY_FROM_FUNDING}, now it is 1746374400000",
        ),
        ((*OPTIONS, "--wallet", "5"), "--wallet was 10000, now it is 5"),
    ],
)
def test_state_of_another_venue_is_refused_in_one_line(
    tmp_path: Path, port: int, options: Options, named: str
) -> None:
    with running(tmp_path / "state", port) as venue:
        venue.kill()
    refused = launch(tmp_path / "state", port, *options)
    output, errors = refused.communicate(timeout=30)
    assert (refused.returncode, output) == (2, "")
    assert named in errors.splitlines()[-1]
    assert "Traceback" not in errors
    with running(tmp_path / "state", port, (*options, "--fresh")) as fresh:
        assert fresh.known()["orders"] == []


def test_state_is_one_process_only(tmp_path: Path, port: int) -> None:
    with running(tmp_path / "state", port):
        second = launch(tmp_path / "state", 0, *OPTIONS)
        errors = second.communicate(timeout=30)[1]
    assert second.returncode == 2
    assert "another venue is at work on it" in errors.splitlines()[-1]


def newest_candle(venue: Running) -> int:
    rows = venue.usdm.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "1m", "limit": 1})
    return int(rows[-1][0])
