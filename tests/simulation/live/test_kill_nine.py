"""The worker is killed like by a power cut in the middle of trading, and comes back.

One run serves all tests here: trade, kill, trade on, then look at the venue, the record and the replay.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chimera.clock import MINUTE
from tests.support.desk_run import SYMBOLS, DeskRun, desk_run

SPEED = 120.0
pytestmark = pytest.mark.timeout(400)  # whole processes, started, killed and started again
KILLS = 2


@pytest.fixture(scope="module")
def killed_run(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskRun]:
    with desk_run(data_dir, tmp_path_factory.mktemp("killed"), speed=SPEED) as run:
        demo = run.demo
        demo.start_worker()
        for _ in range(KILLS):
            run.wait(run.holding, "an open position")
            demo.kill_worker()
            demo.start_worker()
            run.wait(run.flat, "an exit after the kill")
        run.wait(run.holding, "an entry after the last kill")
        yield run


def test_kill_nine_then_restart_sends_nothing_twice(killed_run: DeskRun) -> None:
    for symbol in SYMBOLS:
        repeated = [
            client_id
            for client_id, count in Counter(killed_run.venue.client_ids(symbol)).items()
            if count > 1
        ]
        assert repeated == [], symbol


def test_kill_nine_then_restart_leaves_no_position_unprotected(killed_run: DeskRun) -> None:
    killed_run.wait(
        lambda: not killed_run.venue.unprotected(), "every position protected", seconds=5
    )


def test_kill_nine_then_restart_books_equal_the_venues(killed_run: DeskRun) -> None:
    killed_run.wait(killed_run.books_are_equal, "equal books", seconds=40)


def test_kill_nine_then_restart_trades_without_errors(killed_run: DeskRun) -> None:
    assert killed_run.errors_logged() == []


def test_b6_every_bar_has_its_decision_those_that_closed_while_it_was_dead_too(
    killed_run: DeskRun,
) -> None:
    with closing(sqlite3.connect(killed_run.demo.state_dir / "chimera.sqlite3")) as database:
        rows = database.execute(
            "select symbol, ts, json_extract(body, '$.reason'), json_extract(body, '$.action')"
            " from store_document where collection = 'decisions' order by symbol, ts"
        ).fetchall()
    for symbol in SYMBOLS:
        closes = [ts for of, ts, _, _ in rows if of == f"{symbol}-PERP"]
        assert closes == list(range(closes[0], closes[-1] + MINUTE, MINUTE)), symbol
    late = [action for _, _, reason, action in rows if reason == "learned_late"]
    assert late, "a restart takes longer than a bar"
    assert set(late) == {"HOLD"}


def test_replay_of_a_killed_run_recomputes_every_decision(killed_run: DeskRun) -> None:
    report = json.loads(killed_run.ask("replay", "--json"))
    assert report["decisions"] > 0
    assert report["signals"] > 0
    assert report["differences"] == []
