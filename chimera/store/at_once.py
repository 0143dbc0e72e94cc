"""Writes to a SQLite file that wait for nothing: neither the disk, nor a lock, nor another thread.

Handing a batch to the store's thread and back takes longer than writing it. What need not be durable is
therefore written where it arises, through a connection of its own, provided the file is free right now.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from chimera.store.checks import check_batch
from chimera.store.interface import Write

DECLINED_EVERY = 200  # batches; an ordinary commit then folds the log back, which takes its time


class AtOnce:
    """One thread's connection to the file at `path`, opened when first used."""

    def __init__(self, path: str, *, write_sql: str, link_sql: str) -> None:
        """`write_sql` and `link_sql` take the parameters of `write_row` and an edge, with ``?``."""
        self._path = path
        self._write_sql = write_sql
        self._link_sql = link_sql
        self._connection: sqlite3.Connection | None = None
        self._has_log = True
        self._taken = 0

    def write(self, batch: Sequence[Write]) -> bool:
        """Write a well-formed batch of new documents and their lineage; False if that cannot be now."""
        check_batch(batch)
        self._taken += 1
        if self._taken % DECLINED_EVERY == 0:
            return False
        try:
            return self._write(batch)
        except sqlite3.Error:
            self.close()
            return False
        except BaseException:
            self.close()  # whatever it is, the file is not left locked
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()  # what it had begun is undone

    def _write(self, batch: Sequence[Write]) -> bool:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._open()
        if not self._has_log:
            return False
        edges = [
            (parent, f"{write.collection}/{write.key}")
            for write in batch
            for parent in write.parents
        ]
        rows = [write_row(write) for write in batch]
        connection.execute("BEGIN IMMEDIATE")
        written = connection.executemany(self._write_sql, rows).rowcount
        if written != len(rows):  # something is there already: the ordinary way settles it
            connection.execute("ROLLBACK")
            return False
        if edges:
            connection.executemany(self._link_sql, edges)
        connection.execute("COMMIT")
        return True

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=0, isolation_level=None, check_same_thread=False
        )
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        self._has_log = mode == "wal"  # without one every commit waits for the disk
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection


def write_row(write: Write) -> tuple[str | int, ...]:
    """Return the parameters of `embedded.WRITE`."""
    return (
        *(write.collection, write.key, write.revision, write.symbol, write.ts),
        write.body.decode(),
        *(write.revision, write.collection, write.key),
    )
