"""Redis is killed while the desk trades, and comes back with its data or without: trading goes on."""

from pathlib import Path

import pytest

from tests.support.desk_run import DeskRun, desk_run

SPEED = 120.0
pytestmark = pytest.mark.timeout(400)


def decides_again(run: DeskRun) -> None:
    """Wait for decisions that were made after now."""
    before = run.decisions()
    run.wait(lambda: run.decisions() > before, "more decisions", seconds=60)


@pytest.mark.parametrize("keep", [True, False], ids=["with its data", "with nothing"])
def test_desk_goes_on_when_redis_comes_back(data_dir: Path, tmp_path: Path, keep: bool) -> None:
    with desk_run(data_dir, tmp_path, speed=SPEED) as run:
        run.demo.start_worker("exchange", ("exchange",))
        run.demo.start_worker("desk", ("features", "strategy", "orders", "positions"))
        run.wait(run.holding, "an open position", seconds=120)

        run.restart_redis(keep=keep)

        decides_again(run)
        run.wait(run.flat, "an exit", seconds=120)
        run.wait(run.holding, "another entry", seconds=120)
        run.wait(lambda: not run.venue.unprotected(), "protection", seconds=10)
        run.wait(run.books_are_equal, "equal books", seconds=40)
        assert run.errors_logged() == []
