"""The simulated runtime itself, with a core and an exchange that only keep a diary."""

from collections.abc import Sequence
from typing import ClassVar

import pytest

from chimera.clock import VirtualClock
from chimera.events import (
    CancelOrder,
    OrderAccepted,
    OrderRejected,
    QueryFailed,
    QueryOrder,
    StreamDisconnected,
    SubmitUnknown,
    TimerFired,
    TradingHalted,
)
from chimera.events.base import Event
from chimera.runtime.contract import Ask, Effect, Publish, Record, Wake
from chimera.runtime.faults import AskFate, CrashMoment, FaultRates, Faults
from chimera.runtime.simulated import SimulatedRuntime
from chimera.store.memory import MemoryStore

T0 = 1_000_000


def halted(name: str, at: int = T0) -> TradingHalted:
    return TradingHalted(id=name, ts_event=at, ts_init=at, source=name, reason="x")


def cancel(name: str) -> CancelOrder:
    return CancelOrder(
        id=f"cancel:{name}",
        ts_event=T0,
        ts_init=T0,
        symbol="X",
        client_order_id=name,
        conditional=False,
    )


def query(name: str) -> QueryOrder:
    return QueryOrder(
        id=f"query:{name}",
        ts_event=T0,
        ts_init=T0,
        symbol="X",
        client_order_id=name,
        conditional=False,
    )


def accepted(name: str, number: int = 1) -> OrderAccepted:
    return OrderAccepted(
        id=f"accepted:{name}:{number}",
        ts_event=T0,
        ts_init=T0,
        symbol="X",
        client_order_id=name,
        venue_order_id="v",
    )


class Diary:
    """Writes down every event; a halt named ``ask:NAME`` is recorded and asked about."""

    name: ClassVar[str] = "diary"
    consumes: ClassVar[tuple[type[Event], ...]] = (
        TradingHalted,
        OrderAccepted,
        OrderRejected,
        SubmitUnknown,
        QueryFailed,
        StreamDisconnected,
    )

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def handle(self, event: Event, now: int) -> Sequence[Effect]:
        kind = "start" if isinstance(event, TimerFired) and event.timer == "start" else event.id
        self.lines.append(f"{now - T0} {kind}")
        kind, _, name = event.id.partition(":")
        if isinstance(event, TradingHalted) and kind == "ask":
            body = halted(name)
            return [Record("alerts", name, body, "X", T0), Ask(cancel(name))]
        if isinstance(event, TradingHalted) and kind == "query":
            return [Ask(query(name))]
        if isinstance(event, TradingHalted) and kind == "wake":
            return [Wake("diary", name, now + 500)]
        return []


class Venue:
    """Answers a cancel with two reports, a query with one; the market says what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def handle(self, event: Event, now: int) -> Sequence[Effect]:
        self.heard.append(event.id)
        name = event.id.partition(":")[2]
        if isinstance(event, QueryOrder):
            return [Publish(accepted(name))]
        return [Publish(accepted(name, 1)), Publish(accepted(name, 2))]

    def market(self, action: Event, now: int) -> Sequence[Sequence[Effect]]:
        return [[Publish(action)]]


class Scripted(Faults):
    """Faults that happen when the test says so."""

    def __init__(self) -> None:
        super().__init__(FaultRates(crash=1e-9), seed=0)
        self.fates: list[AskFate] = []
        self.moments: list[CrashMoment | None] = []
        self.outages: list[int] = []
        self.delivered_again = False

    def ask(self) -> AskFate:
        return self.fates.pop(0) if self.fates else AskFate(0, True, True)

    def crash(self) -> CrashMoment | None:
        return self.moments.pop(0) if self.moments else None

    def stream_lost_for(self) -> int:
        return self.outages.pop(0) if self.outages else 0

    def even(self) -> bool:
        return self.delivered_again


class Bench:
    def __init__(self, faults: Faults | None = None) -> None:
        self.lines: list[str] = []
        self.venue = Venue()
        self.store = MemoryStore()
        self.runtime = SimulatedRuntime(
            build=lambda: [Diary(self.lines)],
            exchange=self.venue,
            store=self.store,
            clock=VirtualClock(T0),
            first=[halted("first")],
            faults=faults,
        )

    def begun(self) -> "Bench":
        self.lines.clear()
        return self


def test_life_begins_with_its_first_events_and_a_wake_up() -> None:
    assert Bench().lines == ["0 first", "0 start"]


def test_run_delivers_in_the_order_of_causes_and_time() -> None:
    bench = Bench().begun()

    bench.runtime.run([(T0 + 10, halted("wake:soon")), (T0 + 600, halted("later"))])

    assert bench.lines[0] == "10 wake:soon"
    assert bench.lines[1].startswith("510 timer:diary:soon")
    assert bench.lines[2] == "600 later"


def test_answers_come_after_everything_that_was_told_before() -> None:
    bench = Bench().begun()

    bench.runtime.inject(halted("ask:o"))

    assert bench.lines == ["0 ask:o", "0 accepted:o:1", "0 accepted:o:2"]
    assert bench.store.get("alerts", "o") is not None


def test_request_lost_is_given_up_as_unknown() -> None:
    faults = Scripted()
    bench = Bench(faults).begun()
    faults.fates = [AskFate(20, False, False)]

    bench.runtime.inject(halted("ask:o"))
    bench.runtime.settle(T0 + 5_000)

    assert bench.venue.heard == []
    assert bench.lines == ["0 ask:o", "1020 unknown:cancel:o"]


def test_answer_lost_still_comes_by_the_stream() -> None:
    faults = Scripted()
    bench = Bench(faults).begun()
    faults.fates = [AskFate(20, True, False)]

    bench.runtime.inject(halted("ask:o"))
    bench.runtime.settle(T0 + 5_000)

    assert bench.lines == [
        "0 ask:o",
        "20 accepted:o:1",
        "20 accepted:o:2",
        "1020 unknown:cancel:o",
    ]


def test_answer_to_a_question_lost_has_no_stream_to_come_by() -> None:
    faults = Scripted()
    bench = Bench(faults).begun()
    faults.fates = [AskFate(20, True, False)]

    bench.runtime.inject(halted("query:o"))
    bench.runtime.settle(T0 + 5_000)

    assert bench.venue.heard == ["query:o"]
    assert bench.lines == ["0 query:o", "1020 failed:query:o"]


def test_stream_lost_loses_reports_until_it_is_back() -> None:
    faults = Scripted()
    bench = Bench(faults).begun()
    faults.outages = [300]

    bench.runtime.run([(T0 + at, accepted("m", at)) for at in (10, 200, 400)])
    bench.runtime.settle(T0 + 1_000)

    assert bench.lines == [
        "10 stream:exchange:user:False:1000010",
        "310 stream:exchange:user:True:1000310",
        "400 accepted:m:400",
    ]


@pytest.mark.parametrize(
    ("moment", "recorded", "sent"),
    [
        (CrashMoment.BEFORE_RECORDS, False, False),
        (CrashMoment.BEFORE_ASKS, True, False),
        (CrashMoment.AFTER_ASKS, True, True),
    ],
)
def test_crash_keeps_what_was_carried_out_and_begins_anew(
    moment: CrashMoment, recorded: bool, sent: bool
) -> None:
    faults = Scripted()
    bench = Bench(faults).begun()
    faults.moments = [moment]

    bench.runtime.inject(halted("ask:o"))
    bench.runtime.settle(T0)

    assert bench.lines[:2] == ["0 ask:o", "0 first"]
    assert "0 start" in bench.lines
    assert (bench.store.get("alerts", "o") is not None) is recorded
    assert bool(bench.venue.heard) is sent
    assert bench.runtime.crashes == 1


def test_crash_loses_timers_and_reports_on_their_way_but_not_requests() -> None:
    faults = Scripted()
    bench = Bench(faults).begun()
    faults.fates = [AskFate(50, True, True), AskFate(50, False, False)]
    bench.runtime.inject(halted("wake:soon"))
    bench.runtime.inject(halted("ask:arrives"))
    bench.runtime.inject(halted("ask:lost"))
    faults.moments = [CrashMoment.BEFORE_RECORDS]
    bench.runtime.inject(halted("any"))
    bench.lines.clear()

    bench.runtime.settle(T0 + 5_000)

    assert bench.venue.heard == ["cancel:arrives"]
    assert bench.lines == ["0 start", "50 accepted:arrives:1", "50 accepted:arrives:2"]


@pytest.mark.parametrize(("again", "times"), [(True, 2), (False, 1)])
def test_crash_report_is_delivered_again_where_it_came_on_a_stream(again: bool, times: int) -> None:
    faults = Scripted()
    bench = Bench(faults).begun()
    faults.delivered_again = again
    faults.moments = [CrashMoment.BEFORE_ASKS]

    bench.runtime.inject(accepted("o"))

    assert bench.lines.count("0 accepted:o:1") == times


def test_digest_is_that_of_the_records() -> None:
    one, two, other = Bench(), Bench(), Bench()
    for bench in (one, two):
        bench.runtime.inject(halted("ask:o"))
    other.runtime.inject(halted("ask:p"))

    assert one.runtime.digest == two.runtime.digest != other.runtime.digest
