"""A worker's own file for what the store does not take in time: durable meanwhile, recorded later.

It is empty nearly always. The outbox keeps batches in it while the store is away, so that a stop need not
wait for the store; whoever starts next records what is left in it before anything else.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec

from chimera.errors import Unavailable
from chimera.store.interface import Write

Result = TypeVar("Result")

_TABLE = """
CREATE TABLE IF NOT EXISTS kept (
    id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL, writes BLOB NOT NULL
)
"""


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A write as it lies in the file, its document encoded."""

    collection: str
    key: str
    document: bytes
    symbol: str
    ts: int
    revision: int
    parents: tuple[str, ...]
    durable: bool


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Kept]).decode


class Journal:
    """The file at `path`, made when first needed. Only the holder of the worker's leases may use it.

    Every method raises `Unavailable` where the file cannot be used, and may be called again after it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def keep(self, batches: Iterable[tuple[int, Sequence[Write]]]) -> None:
        """Keep the writes of numbered batches, in order; they survive the machine when this returns."""
        rows = [(number, _encoded(writes)) for number, writes in batches]
        await self._in_thread(
            lambda: self._change("INSERT INTO kept (number, writes) VALUES (?, ?)", rows)
        )

    async def forget(self, through: int) -> None:
        """Forget the batches up to number `through`: the store has them."""
        await self._in_thread(
            lambda: self._change("DELETE FROM kept WHERE number <= ?", [(through,)])
        )

    async def kept(self) -> list[tuple[int, list[Write]]]:
        """Return the batches that are kept, oldest first."""
        return await self._in_thread(self._read)

    async def close(self) -> None:
        await self._in_thread(self._let_go)
        self._thread.shutdown()

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except (OSError, sqlite3.Error, msgspec.MsgspecError) as error:
            raise Unavailable(f"the journal {self._path} cannot be used: {error}") from error

    def _change(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        connection = self._opened()
        with connection:
            connection.executemany(sql, rows)

    def _read(self) -> list[tuple[int, list[Write]]]:
        if not self._path.exists():
            return []
        with closing(self._opened().execute("SELECT number, writes FROM kept ORDER BY id")) as rows:
            return [(number, _decoded(writes)) for number, writes in rows]

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            connection = sqlite3.connect(self._path)
            connection.execute("PRAGMA synchronous=EXTRA")
            connection.execute(_TABLE)
            self._connection = connection
        return self._connection

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _encoded(writes: Sequence[Write]) -> bytes:
    return _encode(
        [
            _Kept(
                w.collection, w.key, w.body, w.symbol, w.ts, w.revision, tuple(w.parents), w.durable
            )
            for w in writes
        ]
    )


def _decoded(writes: bytes) -> list[Write]:
    return [Write(*msgspec.structs.astuple(kept)) for kept in _decode(writes)]
