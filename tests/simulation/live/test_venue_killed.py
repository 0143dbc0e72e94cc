"""The venue is killed like by a power cut while the desk holds positions, and goes on where it was.

One run serves all tests here: trade, kill the venue twice, then look at its account and at ours.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.desk_run import SYMBOLS, DeskRun, desk_run

SPEED = 120.0
KILLS = 2
pytestmark = pytest.mark.timeout(400)  # whole processes, started, killed and started again


@pytest.fixture(scope="module")
def restarted_run(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskRun]:
    with desk_run(data_dir, tmp_path_factory.mktemp("restarted"), speed=SPEED) as run:
        run.demo.start_worker()
        for _ in range(KILLS):
            run.wait(run.holding, "an open position", seconds=120)
            known, seen = orders_known(run), market_time(run)
            restart_venue(run)
            assert known <= orders_known(run)
            assert market_time(run) >= seen
            decided = run.decisions()
            run.wait(lambda before=decided: run.decisions() > before, "decisions", seconds=20)
        yield run


def restart_venue(run: DeskRun) -> None:
    port = urlsplit(run.demo.env["CHIMERA_EXCHANGE_URL"]).port
    assert port is not None
    run.demo.kill_venue()
    run.demo.start_venue(port)


def orders_known(run: DeskRun) -> set[str]:
    return {client_id for symbol in SYMBOLS for client_id in run.venue.client_ids(symbol)}


def market_time(run: DeskRun) -> int:
    now: int = run.venue.get("/venue/status")["now"]
    return now


def test_killed_venue_leaves_no_position_unprotected(restarted_run: DeskRun) -> None:
    restarted_run.wait(
        lambda: not restarted_run.venue.unprotected(), "every position protected", seconds=5
    )


def test_killed_venue_and_our_books_are_equal(restarted_run: DeskRun) -> None:
    restarted_run.wait(restarted_run.books_are_equal, "equal books", seconds=40)


def test_killed_venue_is_traded_with_again(restarted_run: DeskRun) -> None:
    known = orders_known(restarted_run)
    restarted_run.wait(lambda: orders_known(restarted_run) > known, "another order", seconds=120)
    assert restarted_run.errors_logged() == []
