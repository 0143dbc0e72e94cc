"""The live runtime's promises, with small cores, a real bus and store in memory, and real asyncio."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

import pytest

from chimera.bus import MemoryBroker, MemoryBus
from chimera.clock import Millis, WallClock
from chimera.errors import Unavailable
from chimera.events import (
    BarClosed,
    StreamDisconnected,
    SubmitOrder,
    TradingHalted,
    TradingResumed,
    decode,
)
from chimera.events.base import Command, Event
from chimera.events.health import ServiceReported, ServiceState
from chimera.events.orders import OrderType, Purpose
from chimera.instruments import Side
from chimera.locks import Leases, MemoryLeases
from chimera.money import decimal_of
from chimera.runtime import outbox, session
from chimera.runtime.contract import Ask, Effect, Record, Service
from chimera.runtime.live import LiveRuntime
from chimera.store.interface import Write
from chimera.store.memory import MemoryStore

DEADLINE_S = 5.0


def bar(number: int) -> BarClosed:
    return BarClosed(
        id=f"bar-{number}",
        ts_event=number,
        ts_init=number,
        symbol="BTCUSDT-PERP",
        interval="1m",
        open_time=number - 1,
        open=1.0,
        high=1.0,
        low=1.0,
        close=1.0,
        volume=1.0,
    )


class Core:
    """Records every bar and asks for an entry at each; fails where it is told to."""

    name: ClassVar[str] = "core"
    consumes: ClassVar[tuple[type[Event], ...]] = (
        BarClosed,
        StreamDisconnected,
        TradingHalted,
        TradingResumed,
    )

    def __init__(self, failures: dict[str, int]) -> None:
        self.failures = failures
        self.heard: list[Event] = []

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        if self.failures.get(event.id, 0) > 0:
            self.failures[event.id] -= 1
            raise RuntimeError("told to fail")
        self.heard.append(event)
        if not isinstance(event, BarClosed):
            return ()
        submit = SubmitOrder(
            id=f"submit:{event.id}",
            ts_event=now,
            ts_init=now,
            symbol=event.symbol,
            client_order_id=f"c-{event.id}",
            purpose=Purpose.ENTRY,
            side=Side.BUY,
            order_type=OrderType.MARKET,
            qty=decimal_of(1.0),
        )
        return Record("signals", event.id, event, event.symbol, event.ts_event), Ask(submit)


class Port:
    """An exchange connection that brings what the test puts in, and remembers what it was asked."""

    def __init__(self) -> None:
        self.inputs: asyncio.Queue[Event] = asyncio.Queue()
        self.asked: list[str] = []

    async def run(self, sink: Callable[[Event], None]) -> None:
        while True:
            sink(await self.inputs.get())

    async def execute(self, command: Command, sink: Callable[[Event], None]) -> None:
        self.asked.append(command.id)


class SickStore(MemoryStore):
    """A store that can be out of reach."""

    def __init__(self) -> None:
        super().__init__()
        self.sick = False

    def write(self, batch: Sequence[Write]) -> int:
        if self.sick:
            raise Unavailable("the store is out of reach")
        return super().write(batch)


class Worker:
    """A live runtime under test; an async context manager."""

    def __init__(self, failures: dict[str, int] | None = None) -> None:
        self.port, self.store, self.broker = Port(), SickStore(), MemoryBroker()
        self.backend = MemoryLeases()
        self.lives: list[Core] = []
        self.failures = failures or {}
        self.stopping = asyncio.Event()
        self.runtime = LiveRuntime(
            build=self._build,
            names=("core",),
            store=self.store,
            bus=MemoryBus(self.broker, producer="core", epoch=1),
            clock=WallClock(),
            leases=Leases(self.backend, holder="test"),
            exchange=self.port,
        )

    def _build(self) -> list[Service]:
        self.lives.append(Core(self.failures))
        return [self.lives[-1]]

    async def __aenter__(self) -> "Worker":
        self.task = asyncio.create_task(self.runtime.run(self.stopping))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.stopping.set()
        await asyncio.wait_for(self.task, DEADLINE_S)

    async def until(self, condition: Callable[[], bool]) -> None:
        async def poll() -> None:
            while not condition():
                assert not self.task.done(), self.task.exception()
                await asyncio.sleep(0.005)

        await asyncio.wait_for(poll(), DEADLINE_S)

    def recorded(self, collection: str = "signals") -> list[str]:
        return [document.key for document in self.store.query(collection).documents]

    async def published(self, kind: type[Event], stream: str) -> list[Event]:
        bus = MemoryBus(self.broker, producer="reader", epoch=1)
        events = [decode(message.payload) for message in await bus.latest(stream, 1_000)]
        return [event for event in reversed(events) if isinstance(event, kind)]


@pytest.fixture(autouse=True)
def _quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "RESTART_S", (0.01, 0.01, 0.01))


async def test_session_event_is_recorded_then_asked_then_published() -> None:
    async with Worker() as worker:
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.port.asked == ["submit:bar-1"])
        assert worker.recorded() == ["bar-1"]
    published = await worker.published(BarClosed, "mkt:{BTCUSDT-PERP}")
    assert [event.id for event in published] == ["bar-1"]


async def test_session_store_out_of_reach_sends_nothing_until_it_is_back() -> None:
    async with Worker() as worker:
        worker.store.sick = True
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(
            lambda: any(isinstance(e, TradingHalted) for e in worker.lives[-1].heard)
        )
        assert worker.port.asked == []
        worker.store.sick = False
        await worker.until(lambda: worker.recorded() == ["bar-1"])
        await worker.until(
            lambda: any(isinstance(e, TradingResumed) for e in worker.lives[-1].heard)
        )


async def test_session_entry_recorded_too_late_is_never_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "STALE_AFTER_S", 0.0)
    async with Worker() as worker:
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.recorded() == ["bar-1"])
    assert worker.port.asked == []


async def test_session_core_that_raises_is_built_anew_and_loses_nothing() -> None:
    async with Worker({"bar-2": 1}) as worker:
        for number in (1, 2, 3):
            worker.port.inputs.put_nowait(bar(number))
        await worker.until(lambda: worker.recorded() == ["bar-1", "bar-2", "bar-3"])
        assert len(worker.lives) == 2


async def test_session_cores_built_anew_are_told_of_streams_still_lost() -> None:
    def stream(name: str, *, connected: bool) -> StreamDisconnected:
        word = f"{name}:{connected}"
        return StreamDisconnected(id=word, ts_event=1, ts_init=1, stream=name, connected=connected)

    async with Worker({"bar-1": 1}) as worker:
        worker.port.inputs.put_nowait(stream("user", connected=False))
        worker.port.inputs.put_nowait(stream("marks", connected=False))
        worker.port.inputs.put_nowait(stream("marks", connected=True))
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.recorded() == ["bar-1"])
        told = [
            e.id for e in worker.lives[-1].heard if isinstance(e, StreamDisconnected | BarClosed)
        ]
        assert told == ["user:False", "bar-1"]


async def test_session_tells_of_a_lost_stream_at_every_heartbeat_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "HEARTBEAT_S", 0.01)

    async with Worker() as worker:
        lost = StreamDisconnected(id="l", ts_event=1, ts_init=1, stream="user", connected=False)
        worker.port.inputs.put_nowait(lost)

        async def heard(state: ServiceState, detail: str) -> None:
            while True:
                beats = await worker.published(ServiceReported, "health:events")
                if beats and (beats[-1].state, beats[-1].detail) == (state, detail):
                    return
                await asyncio.sleep(0.005)

        await asyncio.wait_for(heard(ServiceState.DEGRADED, "lost: user"), DEADLINE_S)
        back = StreamDisconnected(id="b", ts_event=2, ts_init=2, stream="user", connected=True)
        worker.port.inputs.put_nowait(back)
        await asyncio.wait_for(heard(ServiceState.OK, ""), DEADLINE_S)
        told = [e.id for e in await worker.published(StreamDisconnected, "health:events")]
        assert told.count("l") >= 2
        assert told[-1] == "b"


async def test_session_event_that_always_fails_is_given_up_with_an_alert() -> None:
    async with Worker({"bar-2": 99}) as worker:
        for number in (1, 2, 3):
            worker.port.inputs.put_nowait(bar(number))
        await worker.until(lambda: worker.recorded() == ["bar-1", "bar-3"])
        await worker.until(lambda: len(worker.recorded("alerts")) == 1)
        assert len(worker.lives) == 1 + session.ATTEMPTS_PER_EVENT


async def test_session_lease_lost_begins_again_from_the_record() -> None:
    async with Worker() as worker:
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.recorded() == ["bar-1"])
        held = worker.backend._held["worker:core"]
        held.end = 0.0  # as if the worker had slept through it
        await worker.until(lambda: len(worker.lives) == 2)
        worker.port.inputs.put_nowait(bar(2))
        await worker.until(lambda: worker.recorded() == ["bar-1", "bar-2"])


async def test_session_new_life_ends_the_troubles_of_the_one_before() -> None:
    async with Worker() as worker:
        await worker.until(lambda: bool(worker.lives))
    resumed = await worker.published(TradingResumed, "health:events")
    assert {event.source for event in resumed} == {f"{cause}:core" for cause in session.TROUBLES}


async def test_session_second_worker_waits_while_the_first_holds_the_lease() -> None:
    async with Worker() as first:
        await first.until(lambda: len(first.lives) == 1)
        second = Worker()
        second.runtime._leases._backend = first.backend  # type: ignore[attr-defined]
        async with second:
            await asyncio.sleep(0)
            assert second.lives == []


async def test_session_stop_finishes_what_was_begun() -> None:
    async with Worker() as worker:
        await worker.until(lambda: bool(worker.lives))
        for number in range(1, 51):
            worker.port.inputs.put_nowait(bar(number))
        await worker.until(lambda: len(worker.lives[-1].heard) >= 50)
    assert len(worker.recorded()) == 50
