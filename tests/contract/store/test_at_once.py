"""The quick way into the embedded store's file: at once and whole, or not at all."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from chimera.errors import InvalidInput
from chimera.events import TradingHalted
from chimera.store import Write
from chimera.store.at_once import DECLINED_EVERY, AtOnce
from chimera.store.embedded import LINK, WRITE
from tests.support.documents import write


@pytest.fixture
def file(tmp_path: Path, db: None) -> Iterator[sqlite3.Connection]:
    """A database file with the tables of the migrations, and a connection of somebody else."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has it")
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE tbl_name LIKE 'store_%%' AND sql > ''")
        tables = [sql for (sql,) in cursor.fetchall()]
    other = sqlite3.connect(tmp_path / "desk.sqlite3", isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    for sql in tables:
        other.execute(sql)
    yield other
    other.close()


@pytest.fixture
def at_once(file: sqlite3.Connection, tmp_path: Path) -> Iterator[AtOnce]:
    quick = AtOnce(
        str(tmp_path / "desk.sqlite3"),
        write_sql=WRITE.format(json="?").replace("%s", "?"),
        link_sql=LINK.replace("%s", "?"),
    )
    yield quick
    quick.close()


def keys(file: sqlite3.Connection) -> list[str]:
    return [key for (key,) in file.execute("SELECT key FROM store_document ORDER BY id")]


def test_new_documents_and_lineage_are_there_for_everybody(
    at_once: AtOnce, file: sqlite3.Connection
) -> None:
    assert at_once.write(
        [write("signals", "s", n=1), write("decisions", "d", parents=("signals/s",))]
    )
    assert keys(file) == ["s", "d"]
    row = file.execute(
        "SELECT collection, revision, symbol, ts, body FROM store_document"
    ).fetchone()
    assert row == ("signals", 1, "BTCUSDT-PERP", 1_746_374_040_000, row[4])
    assert file.execute("SELECT parent, child FROM store_edge").fetchall() == [
        ("signals/s", "decisions/d")
    ]


def test_a_file_that_is_locked_is_not_waited_for(at_once: AtOnce, file: sqlite3.Connection) -> None:
    file.execute("BEGIN IMMEDIATE")
    assert not at_once.write([write("signals", "s")])
    file.execute("COMMIT")
    assert keys(file) == []
    assert at_once.write([write("signals", "s")])


def test_what_is_there_already_leaves_the_whole_batch_out(
    at_once: AtOnce, file: sqlite3.Connection
) -> None:
    assert at_once.write([write("signals", "s")])
    assert not at_once.write([write("signals", "t"), write("signals", "s")])
    assert keys(file) == ["s"]
    assert at_once.write([write("signals", "t")])


def test_a_file_without_tables_is_left_to_the_ordinary_way(tmp_path: Path) -> None:
    quick = AtOnce(str(tmp_path / "empty.sqlite3"), write_sql=WRITE, link_sql=LINK)
    assert not quick.write([write("signals", "s")])


def test_a_document_that_cannot_be_encoded_leaves_the_file_unlocked(
    at_once: AtOnce, file: sqlite3.Connection
) -> None:
    halt = TradingHalted(id="h", ts_event=1, ts_init=1, source="x", reason="\ud800")
    with pytest.raises(UnicodeEncodeError):
        at_once.write([Write("alerts", "h", halt, "", 1)])
    file.execute("BEGIN IMMEDIATE")
    file.execute("ROLLBACK")


def test_a_file_without_a_log_is_left_to_the_ordinary_way(
    at_once: AtOnce, file: sqlite3.Connection
) -> None:
    file.execute("PRAGMA journal_mode=DELETE")
    assert not at_once.write([write("signals", "s")])


def test_now_and_then_a_batch_is_left_to_an_ordinary_commit(
    at_once: AtOnce, file: sqlite3.Connection
) -> None:
    taken = [at_once.write([write("signals", f"s-{n}")]) for n in range(2 * DECLINED_EVERY)]
    assert taken.count(False) == 2


def test_a_malformed_write_is_refused(at_once: AtOnce, file: sqlite3.Connection) -> None:
    with pytest.raises(InvalidInput):
        at_once.write([write("signals", "no good")])
    assert keys(file) == []
