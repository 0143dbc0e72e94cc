"""The live runtime's promises, with small cores, a real bus and store in memory, and real asyncio."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
import pytest
from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.testing import capture_logs

from chimera.bus import MemoryBroker, MemoryBus, Outgoing
from chimera.clock import Millis, WallClock
from chimera.errors import Transient, Unavailable
from chimera.events import (
    BarClosed,
    BundleActivated,
    StreamDisconnected,
    SubmitOrder,
    TimerFired,
    TradingHalted,
    TradingResumed,
    decode,
    encode,
)
from chimera.events.base import Command, Event
from chimera.events.health import AlertRaised, ServiceReported, ServiceState
from chimera.events.orders import OrderType, Purpose
from chimera.instruments import Side
from chimera.locks import LEASE_TTL_MS, Lease, Leases, MemoryLeases
from chimera.money import decimal_of
from chimera.runtime import cores, halts, outbox, queues, session
from chimera.runtime.contract import Ask, Effect, Record, Service
from chimera.runtime.live import LiveRuntime
from chimera.store.interface import Page, Write
from chimera.store.memory import MemoryStore
from tests.support.bars import activation, bundle

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
    fails_at_start: ClassVar[int] = 0
    consumes: ClassVar[tuple[type[Event], ...]] = (
        BarClosed,
        StreamDisconnected,
        TradingHalted,
        TradingResumed,
    )

    def __init__(self, failures: dict[str, int]) -> None:
        self.failures = failures
        self.heard: list[Event] = []

    @property
    def halted(self) -> bool:
        """Whether some halt has not been resumed."""
        halts: set[str] = set()
        for event in self.heard:
            if isinstance(event, TradingHalted):
                halts.add(event.source)
            elif isinstance(event, TradingResumed):
                halts.discard(event.source)
        return bool(halts)

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        if self.failures.get(event.id, 0) > 0:
            self.failures[event.id] -= 1
            raise RuntimeError("told to fail")
        if isinstance(event, TimerFired):
            if Core.fails_at_start > 0:
                Core.fails_at_start -= 1
                raise RuntimeError("told to fail at its start")
            return ()
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
        self.listening = False

    async def run(self, sink: Callable[[Event], None]) -> None:
        self.listening = True
        try:
            while True:
                sink(await self.inputs.get())
        finally:
            self.listening = False

    async def execute(self, command: Command, sink: Callable[[Event], None]) -> None:
        self.asked.append(command.id)


class SickStore(MemoryStore):
    """A store that can be out of reach."""

    def __init__(self) -> None:
        super().__init__()
        self.sick = False

    def query(self, *args: Any, **kwargs: Any) -> Page:
        if self.sick:
            raise Unavailable("the store is out of reach")
        return super().query(*args, **kwargs)

    def write(self, batch: Sequence[Write]) -> int:
        if self.sick:
            raise Unavailable("the store is out of reach")
        return super().write(batch)


class SickBus(MemoryBus):
    """A bus that can be there and take nothing, as a Redis that cannot save does."""

    sick = False

    async def publish(self, messages: Sequence[Outgoing]) -> list[str]:
        if self.sick:
            raise Transient("Redis refused: MISCONF")
        return await super().publish(messages)


class RememberingLeases(Leases):
    """Leases whose holder a test can put to sleep."""

    def __init__(self, backend: MemoryLeases, *, holder: str) -> None:
        super().__init__(backend, holder=holder)
        self.taken: list[Lease] = []

    async def acquire(self, resource: str, *, ttl_ms: int = LEASE_TTL_MS) -> Lease | None:
        lease = await super().acquire(resource, ttl_ms=ttl_ms)
        if lease is not None:
            self.taken.append(lease)
        return lease


class Worker:
    """A live runtime under test; an async context manager."""

    def __init__(
        self,
        failures: dict[str, int] | None = None,
        *,
        streams: Sequence[str] = (),
        first: Sequence[Event] = (),
    ) -> None:
        self.port, self.store, self.broker = Port(), SickStore(), MemoryBroker()
        self.bus = SickBus(self.broker, producer="core", epoch=1)
        self.backend = MemoryLeases()
        self.leases = RememberingLeases(self.backend, holder="test")
        self.lives: list[Core] = []
        self.failures = failures or {}
        self.stopping = asyncio.Event()
        self.runtime = LiveRuntime(
            build=self._build,
            names=("core",),
            store=self.store,
            bus=self.bus,
            clock=WallClock(),
            leases=self.leases,
            exchange=self.port,
            streams=streams,
            first=first,
        )

    def generations(self) -> list[int]:
        """Return the bundles that the present life has heard of."""
        return [e.generation for e in self.heard if isinstance(e, BundleActivated)]

    @property
    def heard(self) -> Sequence[Event]:
        """What the present life has heard, nothing before the first one."""
        return self.lives[-1].heard if self.lives else ()

    def _build(self) -> list[Service]:
        self.store.query("signals")
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

    async def beats(self, state: ServiceState, detail: str) -> None:
        """Wait for a heartbeat that says so."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                told = await self.published(ServiceReported, "health:events")
                if told and (told[-1].state, told[-1].detail) == (state, detail):
                    return
                await asyncio.sleep(0.005)

    def another(self, name: str) -> MemoryBus:
        """Return the bus of another worker."""
        return MemoryBus(self.broker, producer=name, epoch=1)

    def sleep_through_lease(self) -> None:
        """Let the worker wake up after the end of its lease, without having noticed."""
        self.backend._held["service:core"].end = 0.0
        for lease in self.leases.taken:
            lease.end = 0.0

    def recorded(self, collection: str = "signals") -> list[str]:
        return [document.key for document in self.store.query(collection).documents]

    async def published(self, kind: type[Event], stream: str) -> list[Event]:
        bus = MemoryBus(self.broker, producer="reader", epoch=1)
        events = [decode(message.payload) for message in await bus.latest(stream, 1_000)]
        return [event for event in reversed(events) if isinstance(event, kind)]


@pytest.fixture(autouse=True)
def _quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "RESTART_S", (0.01, 0.01, 0.01))


async def test_session_event_is_recorded_then_asked_then_published() -> None:
    async with Worker() as worker:
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.port.asked == ["submit:bar-1"])
        assert worker.recorded() == ["bar-1"]
    published = await worker.published(BarClosed, "mkt:{BTCUSDT-PERP}")
    assert [event.id for event in published] == ["bar-1"]


async def test_session_store_out_of_reach_sends_nothing_until_it_is_back() -> None:
    async with Worker() as worker:
        await worker.until(lambda: bool(worker.lives))
        worker.store.sick = True
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: any(isinstance(e, TradingHalted) for e in worker.heard))
        assert worker.port.asked == []
        worker.store.sick = False
        await worker.until(lambda: worker.recorded() == ["bar-1"])
        await worker.until(lambda: any(isinstance(e, TradingResumed) for e in worker.heard))


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
        told = [e.id for e in worker.heard if isinstance(e, StreamDisconnected | BarClosed)]
        assert told == ["user:False", "bar-1"]


async def test_session_tells_of_a_lost_stream_at_every_heartbeat_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "HEARTBEAT_S", 0.01)

    async with Worker() as worker:
        lost = StreamDisconnected(id="l", ts_event=1, ts_init=1, stream="user", connected=False)
        worker.port.inputs.put_nowait(lost)

        await worker.beats(ServiceState.DEGRADED, "user: lost")
        back = StreamDisconnected(id="b", ts_event=2, ts_init=2, stream="user", connected=True)
        worker.port.inputs.put_nowait(back)
        await worker.beats(ServiceState.OK, "")
        told = [e.id for e in await worker.published(StreamDisconnected, "health:events")]
        assert told.count("l") >= 2
        assert told[-1] == "b"


async def test_session_stream_lost_in_the_life_before_is_told_until_this_one_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "HEARTBEAT_S", 0.01)
    lost = StreamDisconnected(id="l", ts_event=1, ts_init=1, stream="public-1", connected=False)

    async with Worker() as worker:
        worker.port.inputs.put_nowait(lost)
        await worker.until(lambda: lost in worker.heard)
        worker.sleep_through_lease()
        await worker.until(lambda: len(worker.lives) == 2 and lost in worker.heard)
        await worker.beats(ServiceState.DEGRADED, "public-1: lost")
        up = StreamDisconnected(id="u", ts_event=2, ts_init=2, stream="public-1", connected=True)
        worker.port.inputs.put_nowait(up)
        await worker.beats(ServiceState.OK, "")


async def test_session_messages_that_are_missing_count_as_a_lost_stream_that_is_back() -> None:
    worker = Worker(streams=("pos:events",))
    other = worker.another("exchange")
    async with worker:
        for number in (1, 3):
            halt = TradingHalted(id=f"h{number}", ts_event=1, ts_init=1, source="x", reason="y")
            await other.publish([Outgoing("pos:events", encode(halt))])
            await worker.until(lambda: f"h{number}" in {e.id for e in worker.heard})  # noqa: B023
            other._sequences["pos:events"] = number + 1  # a failover loses the second
        told = [e for e in worker.heard if isinstance(e, StreamDisconnected)]
        assert [(e.stream, e.connected) for e in told] == [
            ("bus:pos:events", False),
            ("bus:pos:events", True),
        ]


async def test_session_own_events_that_come_back_on_a_stream_are_not_heard_again() -> None:
    async with Worker(streams=("health:events",)) as worker:
        halt = TradingHalted(id="h", ts_event=1, ts_init=1, source="clock", reason="off")
        resumed = TradingResumed(id="r", ts_event=2, ts_init=2, source="clock")
        for event in (halt, resumed):
            worker.port.inputs.put_nowait(event)
        entries = worker.broker.stream("health:events").entries
        await worker.until(lambda: any(encode(resumed) == told.payload for told in entries))

        after = msgspec.structs.replace(halt, id="after", source="other")
        await worker.another("exchange").publish([Outgoing("health:events", encode(after))])
        await worker.until(lambda: after in worker.heard)
        assert [event for event in worker.heard if event in (halt, resumed)] == [halt, resumed]


async def test_session_halt_of_another_worker_outlives_the_lease() -> None:
    worker = Worker(streams=("health:events",))
    other = worker.another("exchange")
    async with worker:
        halt = TradingHalted(
            id="h", ts_event=1, ts_init=1, source="exchange:um:clock", reason="off"
        )
        await other.publish([Outgoing("health:events", encode(halt))])
        await worker.until(lambda: bool(worker.lives) and worker.lives[-1].halted)
        worker.sleep_through_lease()
        await worker.until(lambda: len(worker.lives) == 2 and halt in worker.lives[1].heard)


@pytest.mark.parametrize("how", ["a core raises", "the lease is lost"])
async def test_session_cores_built_anew_begin_with_the_newest_bundle(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "RESTART_S", (0.01,))
    monkeypatch.setattr(Core, "consumes", (*Core.consumes, BundleActivated))
    failures = {"bar-1": 1} if how == "a core raises" else {}
    async with Worker(failures, first=(activation(bundle(), generation=1),)) as worker:
        worker.port.inputs.put_nowait(activation(bundle(), generation=2))
        if how == "a core raises":
            worker.port.inputs.put_nowait(bar(1))
        else:
            await worker.until(lambda: worker.generations() == [1, 2])
            worker.sleep_through_lease()
        await worker.until(lambda: len(worker.lives) == 2 and worker.generations() == [2])
        worker.runtime.learn(activation(bundle(), generation=3))
        assert worker.generations() == [2, 3]


@pytest.mark.parametrize("how", ["by stream", "from the record"])
async def test_session_bundle_no_core_can_take_leaves_the_one_before_without_new_risk(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Core, "consumes", (*Core.consumes, BundleActivated))
    # The good one is older, as where somebody had announced what was never released.
    first, good, bad = (activation(bundle(), generation=number) for number in (1, 2, 3))
    async with Worker({bad.id: 99}, streams=["cfg:events"], first=(first,)) as worker:
        await worker.until(lambda: worker.generations() == [1])
        if how == "by stream":
            await worker.another("config").publish([Outgoing("cfg:events", encode(bad))])
        else:
            worker.runtime.learn(bad)
        await worker.until(lambda: len(worker.recorded("alerts")) >= 1)
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.recorded() == ["bar-1"])
        await worker.until(lambda: worker.generations() == [1] and worker.lives[-1].halted)

        worker.runtime.learn(bad)  # as each look at the record does
        worker.sleep_through_lease()
        lives = len(worker.lives)
        await worker.until(lambda: len(worker.lives) == lives + 1 and worker.lives[-1].halted)
        assert worker.generations() == [1]

        worker.runtime.learn(good)
        await worker.until(lambda: worker.generations() == [1, 2] and not worker.lives[-1].halted)
    if how == "by stream":
        assert len(await worker.bus.dead_letters("cfg:events")) == 1


async def test_session_event_that_always_fails_is_given_up_with_an_alert() -> None:
    async with Worker({"bar-2": 99}) as worker:
        for number in (1, 2, 3):
            worker.port.inputs.put_nowait(bar(number))
        await worker.until(lambda: worker.recorded() == ["bar-1", "bar-3"])
        await worker.until(lambda: len(worker.recorded("alerts")) == 1)
        assert len(worker.lives) == 1 + cores.ATTEMPTS_PER_EVENT


async def test_session_lease_lost_begins_again_from_the_record() -> None:
    async with Worker() as worker:
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.recorded() == ["bar-1"])
        held = worker.backend._held["service:core"]
        held.end = 0.0  # as if the worker had slept through it
        await worker.until(lambda: len(worker.lives) == 2)
        worker.port.inputs.put_nowait(bar(2))
        await worker.until(lambda: worker.recorded() == ["bar-1", "bar-2"])


async def test_session_new_life_ends_the_troubles_of_the_one_before() -> None:
    async with Worker() as worker:
        await worker.until(lambda: bool(worker.lives))
    resumed = await worker.published(TradingResumed, "health:events")
    assert {event.source for event in resumed} == {f"{cause}:core" for cause in halts.CAUSES}


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
        await worker.until(lambda: len(worker.heard) >= 50)
    assert len(worker.recorded()) == 50


async def test_session_store_away_while_cores_are_built_is_waited_for() -> None:
    worker = Worker()
    worker.store.sick = True
    async with worker:
        await worker.until(lambda: bool(worker.broker.stream("health:events").entries))
        assert worker.lives == []
        worker.store.sick = False
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.recorded() == ["bar-1"])


async def test_session_bus_that_refuses_halts_trading_and_is_waited_for() -> None:
    async with Worker() as worker:
        await worker.until(lambda: bool(worker.lives))
        worker.bus.sick = True
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: any(isinstance(e, TradingHalted) for e in worker.heard))
        worker.bus.sick = False
        await worker.until(lambda: isinstance(worker.heard[-1], TradingResumed))
    published = await worker.published(BarClosed, "mkt:{BTCUSDT-PERP}")
    assert [event.id for event in published] == ["bar-1"]


async def test_session_effects_the_record_refuses_are_given_up_and_others_go_on() -> None:
    async with Worker() as worker:
        await worker.until(lambda: bool(worker.lives))
        worker.store.write([Record("signals", "bar-2", bar(99), "BTCUSDT-PERP", 2)])
        for number in (1, 2, 3):
            worker.port.inputs.put_nowait(bar(number))
        await worker.until(lambda: worker.recorded() == ["bar-1", "bar-2", "bar-3"])
        await worker.until(lambda: len(worker.lives) == 2)  # its cores believed otherwise
        await worker.until(lambda: len(worker.recorded("alerts")) == 1)
        await worker.until(lambda: not worker.lives[-1].halted)
    assert worker.port.asked == ["submit:bar-1", "submit:bar-3"]
    (alert,) = worker.store.query("alerts").documents
    assert "signals/bar-2" in alert.body["detail"]
    published = await worker.published(BarClosed, "mkt:{BTCUSDT-PERP}")
    assert [event.id for event in published] == ["bar-1", "bar-2", "bar-3"]


async def test_session_message_nobody_understands_is_a_dead_letter_with_an_alert() -> None:
    async with Worker(streams=["signals:new"]) as worker:
        await worker.another("strategy").publish([Outgoing("signals:new", b"{}")])
        await worker.until(lambda: len(worker.recorded("alerts")) == 1)
    (alert,) = worker.store.query("alerts").documents
    assert "signals:new" in alert.body["detail"]
    assert len(await worker.bus.dead_letters("signals:new")) == 1


async def test_session_alert_of_the_exchange_is_kept_and_told() -> None:
    alert = AlertRaised(
        id="unreadable:1",
        ts_event=1,
        ts_init=1,
        service="exchange",
        severity=ServiceState.ERROR,
        detail="it cannot be read",
    )
    async with Worker() as worker:
        worker.port.inputs.put_nowait(alert)
        await worker.until(lambda: worker.recorded("alerts") == [alert.id])
    assert alert in await worker.published(AlertRaised, "health:events")


async def test_session_failures_that_are_over_do_not_slow_later_restarts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Worker({"bar-1": 99, "bar-3": 1}) as worker:
        for number in (1, 2):
            worker.port.inputs.put_nowait(bar(number))
        await worker.until(lambda: worker.recorded() == ["bar-2"])
        monkeypatch.setattr(cores, "RESTART_S", (0.01, 60.0, 60.0))
        worker.port.inputs.put_nowait(bar(3))
        await worker.until(lambda: worker.recorded() == ["bar-2", "bar-3"])


async def test_session_core_that_fails_at_its_start_slows_down_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Core, "fails_at_start", 5)
    async with Worker() as worker:
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.recorded() == ["bar-1"])
        assert len(worker.recorded("alerts")) == 1
        assert len(worker.lives) == 6


async def test_session_stops_listening_when_too_much_waits_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queues, "WAITING_MAX", 40)
    monkeypatch.setattr(queues, "UNTOUCHED", 4)
    async with Worker() as worker:
        await worker.until(lambda: worker.port.listening)
        worker.store.sick = True
        for number in range(100, 160):
            worker.port.inputs.put_nowait(bar(number))
        await worker.until(lambda: not worker.port.listening)
        worker.port.inputs.put_nowait(bar(200))
        worker.store.sick = False
        await worker.until(lambda: worker.port.listening)
        await worker.until(lambda: "bar-200" in worker.recorded())
    assert worker.recorded() == [f"bar-{number}" for number in (*range(100, 160), 200)]


async def test_session_worker_that_slept_through_its_lease_neither_records_nor_sends() -> None:
    async with Worker() as worker:
        await worker.until(lambda: bool(worker.lives))
        worker.port.inputs.put_nowait(bar(1))
        await worker.until(lambda: worker.port.asked == ["submit:bar-1"])
        rival = Leases(worker.backend, holder="rival")
        worker.sleep_through_lease()
        taken = await rival.acquire("service:core")
        assert taken is not None
        worker.port.inputs.put_nowait(bar(2))
        await worker.until(worker.port.inputs.empty)
        await asyncio.sleep(0)
    assert worker.recorded() == ["bar-1"]
    assert worker.port.asked == ["submit:bar-1"]


async def test_session_logs_carry_the_id_of_the_event_at_hand() -> None:
    clear_contextvars()  # an earlier test's request may have left its own
    with capture_logs(processors=[merge_contextvars]) as logs:
        async with Worker({"bar-1": 1}) as worker:
            worker.port.inputs.put_nowait(bar(1))
            await worker.until(lambda: worker.recorded() == ["bar-1"])
    failed = [line for line in logs if line["event"] == "a core failed"]
    assert [line["correlation_id"] for line in failed] == ["bar-1"]
    assert all("correlation_id" not in line for line in logs if line not in failed)
