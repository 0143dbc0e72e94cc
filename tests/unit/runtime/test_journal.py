"""What the journal promises: what it kept is there again, whoever looks, until it is forgotten."""

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chimera.errors import Unavailable
from chimera.events import TradingHalted, encode
from chimera.runtime.journal import Journal
from chimera.store.interface import Write

HALT = TradingHalted(id="halt", ts_event=1, ts_init=1, source="test", reason="test")
PLAIN = Write("alerts", "plain", HALT, "", 1)
FULL = Write(
    "orders", "full", b'{"a": 1}', "BTCUSDT-PERP", 2, 3, ("intents/i", "fills/f"), durable=False
)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Journal]:
    journal = Journal(path)
    try:
        yield journal
    finally:
        await journal.close()


def seen(writes: list[Write]) -> list[tuple[object, ...]]:
    return [
        (w.collection, w.key, w.body, w.symbol, w.ts, w.revision, w.parents, w.durable)
        for w in writes
    ]


async def test_journal_gives_back_what_an_earlier_life_kept_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "made" / "when needed.sqlite3"
    async with opened(path) as journal:
        assert await journal.kept() == []
        assert not path.exists()
        await journal.keep([(7, [PLAIN, FULL]), (9, [PLAIN])])
        await journal.keep([(8, [FULL])])
    async with opened(path) as journal:
        kept = await journal.kept()
    assert [number for number, _ in kept] == [7, 9, 8]
    assert seen(kept[0][1]) == seen([PLAIN, FULL])
    assert kept[0][1][0].body == encode(HALT)


async def test_journal_forgets_only_what_was_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path / "j.sqlite3") as journal:
        await journal.keep([(1, [PLAIN]), (2, [PLAIN]), (3, [FULL])])
        await journal.forget(2)
        assert [number for number, _ in await journal.kept()] == [3]


async def test_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "private" / "j.sqlite3"
    async with opened(path) as journal:
        await journal.keep([(1, [PLAIN])])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_journal_that_cannot_be_used_says_so_and_may_be_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "file" / "j.sqlite3"
    path.parent.write_text("in the way")
    async with opened(path) as journal:
        with pytest.raises(Unavailable, match=r"j\.sqlite3 cannot be used"):
            await journal.keep([(1, [PLAIN])])
        path.parent.unlink()
        await journal.keep([(1, [PLAIN])])
        assert len(await journal.kept()) == 1


async def test_journal_that_is_something_else_is_not_taken_for_empty(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    path.write_bytes(b"not a database, " * 100)
    async with opened(path) as journal:
        with pytest.raises(Unavailable):
            await journal.kept()
