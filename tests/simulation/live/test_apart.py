"""The live services in processes of their own: the same chain, hand over hand through the streams."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk_run import DeskRun, desk_run

SPEED = 120.0
pytestmark = pytest.mark.timeout(500)  # whole processes, started, killed and started again
WORKERS = {
    "exchange": ("exchange",),
    "features": ("features",),
    "decide": ("strategy",),
    "orders": ("orders",),
    "positions": ("positions",),
}


@pytest.fixture(scope="module")
def run_apart(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskRun]:
    with desk_run(data_dir, tmp_path_factory.mktemp("apart"), speed=SPEED) as run:
        for name, services in WORKERS.items():
            run.demo.start_worker(name, services)
        run.wait(run.holding, "an open position", seconds=120)
        run.demo.kill_worker("orders")
        run.demo.start_worker("orders", WORKERS["orders"])
        run.wait(run.flat, "an exit", seconds=90)
        run.wait(run.holding, "another entry", seconds=120)
        yield run


def test_services_apart_protect_every_position(run_apart: DeskRun) -> None:
    run_apart.wait(lambda: not run_apart.venue.unprotected(), "protection", seconds=5)


def test_services_apart_keep_the_venues_books(run_apart: DeskRun) -> None:
    run_apart.wait(run_apart.books_are_equal, "equal books", seconds=40)


def test_services_apart_log_no_error(run_apart: DeskRun) -> None:
    assert run_apart.errors_logged() == []
