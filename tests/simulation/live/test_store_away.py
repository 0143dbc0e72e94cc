"""The store is locked while the desk trades: what is held is protected all the same, and nothing is lost."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.desk_run import SYMBOLS, DeskRun, desk_run

SPEED = 120.0
QTY = {"BTCUSDT": "0.003", "ETHUSDT": "0.1", "SOLUSDT": "2"}  # a few hundred USDT of each
APART = {
    "exchange": ("exchange",),
    "desk": ("features", "strategy", "orders", "positions"),
}
TOGETHER = {"worker": ("exchange", "features", "strategy", "orders", "positions")}
pytestmark = pytest.mark.timeout(400)  # whole processes, started, killed and started again


@contextmanager
def store_locked(run: DeskRun) -> Iterator[None]:
    """Let nobody else write to the store: writers hang first and then fail, as at a sick server."""
    path = run.demo.state_dir / "chimera.sqlite3"
    database = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
    finally:
        database.close()


@pytest.mark.parametrize("workers", [TOGETHER, APART], ids=["together", "apart"])
def test_position_taken_while_the_store_is_away_is_protected_and_survives_a_kill(
    data_dir: Path, tmp_path: Path, workers: dict[str, tuple[str, ...]]
) -> None:
    with desk_run(data_dir, tmp_path, speed=SPEED) as run:
        for name, services in workers.items():
            run.demo.start_worker(name, services)
        run.wait(run.holding, "an open position", seconds=120)
        run.wait(lambda: not run.venue.unprotected(), "protection", seconds=10)
        with store_locked(run):
            symbol = next(name for name in SYMBOLS if name not in run.venue.positions())
            run.venue.buy(symbol, QTY[symbol])  # by hand: nothing of it is recorded before
            assert symbol in run.venue.positions()
            run.wait(lambda: symbol not in run.venue.unprotected(), "a stop for it", seconds=5)
            run.demo.kill_worker("desk" if "desk" in workers else "worker")
        for name in workers.keys() - {"exchange"}:
            run.demo.start_worker(name, workers[name])
        run.wait(lambda: not run.venue.unprotected(), "protection after the kill", seconds=10)
        run.wait(run.books_are_equal, "equal books", seconds=60)
        for name in SYMBOLS:
            repeated = [i for i, n in Counter(run.venue.client_ids(name)).items() if n > 1]
            assert repeated == [], name
        left = run.demo.state_dir / "journal"
        run.wait(lambda: all(_is_empty(path) for path in left.iterdir()), "an empty journal")
        assert run.errors_logged() == []


def _is_empty(path: Path) -> bool:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as journal:
        return not journal.execute("SELECT count(*) FROM kept").fetchone()[0]
