"""What only the embedded store promises: transactions, the database's own errors, its indexes."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from chimera.errors import ConfigInvalid, InvalidInput, Unavailable
from chimera.store import Write, WriteConflict
from chimera.store.embedded import EmbeddedStore
from tests.support.documents import write


def writer(database: Path, action: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a process that does `action` of `tests.support.store_process` on a database file."""
    command = [sys.executable, "-m", "tests.support.store_process", str(database), action]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def embedded() -> EmbeddedStore:
    return EmbeddedStore()


@pytest.mark.django_db(transaction=True)
def test_conflict_leaves_the_whole_batch_out(embedded: EmbeddedStore) -> None:
    embedded.write([write("orders", "a", n=1)])
    with pytest.raises(WriteConflict):
        embedded.write([write("fills", "f", parents=("orders/a",)), write("orders", "a", n=2)])
    assert embedded.get("fills", "f") is None
    assert embedded.trace("orders", "a").edges == ()


@pytest.mark.django_db(transaction=True)
def test_write_of_new_documents_is_two_statements_in_one_transaction(
    embedded: EmbeddedStore,
) -> None:
    with CaptureQueriesContext(connection) as queries:
        embedded.write([write("orders", f"o-{n}", parents=("intents/i",)) for n in range(50)])
    statements = [query["sql"].split()[:3] for query in queries]
    assert [words for words in statements if "INSERT" in words] == [
        ["50", "times:", "INSERT"],
        ["50", "times:", "INSERT"],
    ]


@pytest.mark.django_db(transaction=True)
def test_only_a_durable_batch_waits_for_the_disk(embedded: EmbeddedStore) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the statements are SQLite's")
    passing = msgspec.structs.replace(write("signals", "s"), durable=False)
    with CaptureQueriesContext(connection) as queries:
        embedded.write([passing])
    assert [query["sql"] for query in queries if "PRAGMA" in query["sql"]] == [
        "PRAGMA synchronous=NORMAL",
        "PRAGMA synchronous=FULL",
    ]
    with CaptureQueriesContext(connection) as queries:
        embedded.write([msgspec.structs.replace(passing, key="t"), write("orders", "o")])
    assert [query["sql"] for query in queries if "PRAGMA" in query["sql"]] == []


@pytest.mark.django_db(transaction=True)
def test_a_refused_batch_leaves_the_next_one_durable(embedded: EmbeddedStore) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the setting is SQLite's")
    embedded.write([write("signals", "s", n=1)])
    with pytest.raises(WriteConflict):
        embedded.write([msgspec.structs.replace(write("signals", "s", n=2), durable=False)])
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.django_db
def test_database_that_does_not_answer_is_unavailable(
    embedded: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(connection, "cursor", refuse)
    for call in (
        embedded.ping,
        lambda: embedded.write([write()]),
        lambda: embedded.get("orders", "o"),
        lambda: embedded.query("orders"),
        lambda: embedded.trace("orders", "o"),
        lambda: embedded.link("orders/o", "fills/f"),
    ):
        with pytest.raises(Unavailable):
            call()


@pytest.mark.django_db
def test_database_without_tables_cannot_be_used(
    embedded: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection.introspection, "table_names", lambda: ["auth_user"])
    with pytest.raises(ConfigInvalid, match="no tables"):
        embedded.ensure()


@pytest.mark.django_db
def test_body_that_is_not_json_is_refused(embedded: EmbeddedStore) -> None:
    with pytest.raises(InvalidInput):
        embedded.write([Write("orders", "o", b'{"cut":', "", 0)])
    assert embedded.get("orders", "o") is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("equal", "index"),
    [
        ({}, "store_document_ts"),
        ({"symbol": "BTCUSDT-PERP"}, "store_document_symbol"),
        ({"state": "filled"}, "store_document_state"),
    ],
)
def test_queries_use_their_index(
    embedded: EmbeddedStore, equal: dict[str, str], index: str
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the plan is SQLite's; PostgreSQL decides by statistics")
    with CaptureQueriesContext(connection) as queries:
        embedded.query("orders", equal=equal)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}")
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert f"USING INDEX {index} " in plan


def test_two_processes_replacing_one_document_leave_one_winner(tmp_path: Path) -> None:
    database = tmp_path / "store.sqlite3"
    writer(database, "migrate").wait()
    outcomes = [
        child.communicate(timeout=60)[0].strip()
        for child in [writer(database, "replace", str(n)) for n in range(3)]
    ]
    assert sorted(outcomes) == ["conflict", "conflict", "written"]


def test_documents_written_before_kill_9_are_there_afterwards(tmp_path: Path) -> None:
    database = tmp_path / "store.sqlite3"
    writer(database, "migrate").wait()
    child = writer(database, "write_until_killed")
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(20)]
    child.kill()
    acknowledged += child.communicate(timeout=60)[0].split()
    found = writer(database, "keys").communicate(timeout=60)[0].split()
    assert len(acknowledged) >= 20
    assert set(acknowledged) <= set(found)
