"""The worker is killed like by a power cut in the middle of trading, and comes back.

One run serves all tests here: trade, kill, trade on, then look at the venue, the record and the replay.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from chimera.demo import ROOT, Demo
from tests.support.venue_account import VenueAccount

SPEED = 120.0
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
KILLS = 2
POLL_S = 0.25  # the venue counts our weight together with the worker's


class Run:
    """The demo's Redis, venue and worker, without pages."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.venue = VenueAccount(demo.state_dir / "venue.json")

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.demo.ended()
            assert ended is None, f"{ended} ended: {self.demo.last_line(ended)}"
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(POLL_S)

    def flat(self) -> bool:
        return not self.venue.positions()

    def holding(self) -> bool:
        return bool(self.venue.positions())

    def ask(self, *command: str) -> str:
        return self.demo.manage(*command, check=False)


@pytest.fixture(scope="module")
def killed_run(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    files = [
        str(path)
        for symbol in SYMBOLS
        for path in sorted((data_dir / "klines").glob(f"um-{symbol}-1m-2025*.parquet"))
    ]
    demo = Demo(
        state_dir=tmp_path_factory.mktemp("killed") / "demo",
        port=0,
        venue_options=["--data", *files, "--speed", str(SPEED), "--seed", "7"],
        bundle=ROOT / "bundles" / "demo.yaml",
        console=Console(quiet=True),
    )
    try:
        demo.prepare()
        demo.start_worker()
        run = Run(demo)
        for _ in range(KILLS):
            run.wait(run.holding, "an open position")
            demo.kill_worker()
            demo.start_worker()
            run.wait(run.flat, "an exit after the kill")
        run.wait(run.holding, "an entry after the last kill")
        yield run
    finally:
        demo.stop()


def test_kill_nine_then_restart_sends_nothing_twice(killed_run: Run) -> None:
    for symbol in SYMBOLS:
        repeated = [
            client_id
            for client_id, count in Counter(killed_run.venue.client_ids(symbol)).items()
            if count > 1
        ]
        assert repeated == [], symbol


def test_kill_nine_then_restart_leaves_no_position_unprotected(killed_run: Run) -> None:
    killed_run.wait(
        lambda: not killed_run.venue.unprotected(), "every position protected", seconds=5
    )


def test_kill_nine_then_restart_books_equal_the_venues(killed_run: Run) -> None:
    def told() -> list[str]:
        return json.loads(killed_run.ask("books", "--json"))["differences"]

    killed_run.wait(lambda: told() == [], "equal books", seconds=40)


def test_kill_nine_then_restart_trades_without_errors(killed_run: Run) -> None:
    log = (killed_run.demo.state_dir / "logs" / "worker.log").read_text()
    assert [line for line in log.splitlines() if '"level": "error"' in line] == []


def test_replay_of_a_killed_run_recomputes_every_decision(killed_run: Run) -> None:
    report = json.loads(killed_run.ask("replay", "--json"))
    assert report["decisions"] > 0
    assert report["signals"] > 0
    assert report["differences"] == []
