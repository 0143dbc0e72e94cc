"""While the store is away: what protects leaves once the journal has it, new risk does not.

Nothing of it is lost, whether the store comes back first or the worker dies first.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chimera.bus import MemoryBroker, MemoryBus
from chimera.errors import LeaseLost, Unavailable
from chimera.events import SubmitOrder, TradingHalted, decode
from chimera.events.base import Command, Event
from chimera.events.orders import OrderType, Purpose
from chimera.instruments import Side
from chimera.money import decimal_of
from chimera.runtime import outbox as outbox_module
from chimera.runtime.contract import Record
from chimera.runtime.journal import Journal
from chimera.runtime.outbox import Batch, Outbox
from chimera.runtime.waiting import Room
from chimera.store.interface import Write
from chimera.store.memory import MemoryStore

DEADLINE_S = 5.0


def order(name: str, purpose: Purpose) -> SubmitOrder:
    return SubmitOrder(
        id=name,
        ts_event=1,
        ts_init=1,
        symbol="BTCUSDT-PERP",
        client_order_id=name,
        purpose=purpose,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        qty=decimal_of(1.0),
    )


def halt(name: str) -> TradingHalted:
    return TradingHalted(id=name, ts_event=1, ts_init=1, source="test", reason=name)


def batch(name: str, *commands: Command, revision: int = 1, reason: str = "") -> Batch:
    """Return what records a document named `name`, asks `commands` and tells of `name`."""
    document = halt(reason or f"{name}:{revision}")
    record = Record("alerts", name, document, "", 1, revision=revision)
    return Batch(records=[record], commands=commands, events=[halt(name)])


class Away(MemoryStore):
    """A store that can refuse to answer, or hang without a word."""

    def __init__(self) -> None:
        super().__init__()
        self.sick = False
        self.answers = threading.Event()
        self.answers.set()

    def write(self, batch: Sequence[Write]) -> int:
        assert self.answers.wait(DEADLINE_S)
        if self.sick:
            raise Unavailable("the store is out of reach")
        return super().write(batch)

    def keys(self) -> list[str]:
        return sorted(document.key for document in self.query("alerts").documents)


class Desk:
    """An outbox with its three stages under way."""

    def __init__(self, store: Away, path: Path) -> None:
        self.store = store
        self.journal = Journal(path)
        self.left: list[str] = []
        self.troubles: set[str] = set()
        self.refused: list[str] = []
        self.held = True
        self.broker = MemoryBroker()
        self.outbox = Outbox(
            store=store,
            journal=self.journal,
            bus=MemoryBus(self.broker, producer="desk", epoch=1),
            room=Room(),
            execute=lambda command: self.left.append(command.id),
            require_held=self._require_held,
            trouble=self._trouble,
            refused=lambda batch, error: self.refused.append(batch.records[0].key),
        )

    def _require_held(self) -> None:
        if not self.held:
            raise LeaseLost("another worker has it")

    def _trouble(self, cause: str, reason: str | None) -> None:
        (self.troubles.discard if reason is None else self.troubles.add)(cause)

    async def published(self) -> list[str]:
        reader = MemoryBus(self.broker, producer="reader", epoch=1)
        events: list[Event] = [
            decode(message.payload) for message in await reader.latest("health:events", 100)
        ]
        return [event.id for event in reversed(events)]

    async def kept(self) -> int:
        return len(await self.journal.kept())


@asynccontextmanager
async def working(store: Away, path: Path) -> AsyncIterator[Desk]:
    """Yield a desk at work; at the end it is gone as if killed."""
    desk = Desk(store, path)
    stages = (desk.outbox.record_forever, desk.outbox.keep_forever, desk.outbox.publish_forever)
    tasks = [asyncio.create_task(stage()) for stage in stages]
    try:
        yield desk
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        desk.outbox.close()
        await desk.journal.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "KEPT_AFTER_S", 0.02)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite3"


@pytest.fixture(params=["refuses", "hangs"])
def away(request: pytest.FixtureRequest) -> Away:
    store = Away()
    if request.param == "refuses":
        store.sick = True
    else:
        store.answers.clear()
    return store


def comes_back(store: Away) -> None:
    store.sick = False
    store.answers.set()


async def test_standby_stop_and_exit_leave_while_the_store_is_away_and_an_entry_does_not(
    away: Away, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "STALE_AFTER_S", 0.0)
    async with working(away, path) as desk:
        desk.outbox.put(batch("one", order("entry", Purpose.ENTRY), order("stop", Purpose.STOP)))
        await until(lambda: desk.left == ["stop"])
        desk.outbox.put(batch("two", order("exit", Purpose.EXIT)))
        await until(lambda: desk.left == ["stop", "exit"])
        assert await desk.kept() == 2
        assert await desk.published() == []

        comes_back(away)
        await desk.outbox.flushed()
        assert away.keys() == ["one", "two"]
        async with asyncio.timeout(DEADLINE_S):
            while await desk.kept() or await desk.published() != ["one", "two"]:
                await asyncio.sleep(0.002)
    assert desk.left == ["stop", "exit"]  # neither of them twice, the entry never
    assert desk.troubles == set()


async def test_standby_what_was_kept_is_recorded_by_the_next_life_before_anything_else(
    away: Away, path: Path
) -> None:
    async with working(away, path) as dying:
        dying.outbox.put(batch("one", order("stop", Purpose.STOP)))
        dying.outbox.put(batch("one", revision=2))
        await until(lambda: dying.left == ["stop"])
        await asyncio.wait_for(dying.outbox.durable(), DEADLINE_S)
    fresh = Away()  # what the hanging call of the one that died does later is not the point here
    async with working(fresh, path) as next_life:
        await asyncio.wait_for(next_life.outbox.flushed(), DEADLINE_S)
        found = fresh.get("alerts", "one")
        assert found is not None
        assert found.revision == 2
        assert await next_life.kept() == 0
        next_life.outbox.put(batch("one", revision=3))
        await asyncio.wait_for(next_life.outbox.flushed(), DEADLINE_S)
    assert (next_life.left, next_life.refused) == ([], [])
    comes_back(away)


async def test_standby_store_that_is_ahead_of_the_journal_is_not_disturbed(path: Path) -> None:
    """A worker may die after recording and before the journal is emptied."""
    store = Away()
    journal = Journal(path)
    first, second = (batch("one", revision=revision).records for revision in (1, 2))
    await journal.keep([(1, first), (2, second), (3, batch("other").records)])
    await journal.close()
    for revision in (1, 2, 3):
        store.write(batch("one", revision=revision).records)
    async with working(store, path) as desk:
        await asyncio.wait_for(desk.outbox.flushed(), DEADLINE_S)
        found = store.get("alerts", "one")
        assert found is not None
        assert found.revision == 3
        assert store.keys() == ["one", "other"]
        assert desk.refused == []
        assert await desk.kept() == 0


async def test_standby_what_the_store_has_otherwise_is_given_up_alone(path: Path) -> None:
    store = Away()
    journal = Journal(path)
    await journal.keep([(1, batch("one").records), (2, batch("other").records)])
    await journal.close()
    store.write(batch("one", reason="something else").records)
    async with working(store, path) as desk:
        await asyncio.wait_for(desk.outbox.flushed(), DEADLINE_S)
        assert desk.refused == ["one"]
        assert store.keys() == ["one", "other"]
        assert await desk.kept() == 0


async def test_standby_nothing_leaves_where_neither_store_nor_journal_keep_it(
    away: Away, path: Path
) -> None:
    path.mkdir()  # so that no file can be there
    async with working(away, path) as desk:
        await until(lambda: "runtime:journal" in desk.troubles)  # it looks whether one is left
        desk.outbox.put(batch("one", order("stop", Purpose.STOP)))
        assert desk.left == []
        path.rmdir()
        await until(lambda: desk.left == ["stop"])
        await until(lambda: "runtime:journal" not in desk.troubles)
        comes_back(away)


async def test_standby_worker_without_its_lease_lets_nothing_leave(away: Away, path: Path) -> None:
    desk = Desk(away, path)
    recording = asyncio.create_task(desk.outbox.record_forever())
    keeping = asyncio.create_task(desk.outbox.keep_forever())
    desk.outbox.put(batch("one", order("stop", Purpose.STOP)))
    desk.held = False
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(keeping, DEADLINE_S)
    assert desk.left == []
    comes_back(away)
    recording.cancel()
    await asyncio.gather(recording, return_exceptions=True)
    await desk.journal.close()


async def test_standby_what_the_store_takes_in_time_never_reaches_the_journal(path: Path) -> None:
    async with working(Away(), path) as desk:
        for number in range(50):
            desk.outbox.put(batch(f"n{number}", order(f"entry{number}", Purpose.ENTRY)))
            await desk.outbox.flushed()
        assert len(desk.left) == 50
        assert not path.exists()
