"""The dispatcher: fixed order, causal effects, and no half-carried-out event when a core raises."""

from collections.abc import Sequence
from typing import ClassVar

import pytest

from chimera.events import ServiceReported, TimerFired, TradingHalted, TradingResumed
from chimera.events.base import Event
from chimera.events.health import ServiceState
from chimera.runtime.contract import Effect, Publish, Wake
from chimera.runtime.dispatch import Consequences, Dispatcher, ServiceFailed


def halted(name: str) -> TradingHalted:
    return TradingHalted(id=name, ts_event=1, ts_init=1, source=name, reason="x")


def resumed(name: str) -> TradingResumed:
    return TradingResumed(id=name, ts_event=1, ts_init=1, source=name)


class Echo:
    """Answers a halt with a resumption, and writes down what it saw."""

    consumes: ClassVar[tuple[type[Event], ...]] = (TradingHalted, TradingResumed)

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name  # type: ignore[misc]
        self.log = log

    def handle(self, event: Event, now: int) -> Sequence[Effect]:
        self.log.append(f"{self.name}:{type(event).__name__}:{event.id}")
        if isinstance(event, TradingHalted):
            return [Wake(self.name, "t", now + 1), Publish(resumed(self.name))]
        return []


class Broken:
    name: ClassVar[str] = "broken"
    consumes: ClassVar[tuple[type[Event], ...]] = (TradingHalted,)

    def handle(self, event: Event, now: int) -> Sequence[Effect]:
        raise ZeroDivisionError("told to fail")


def test_cascade_runs_breadth_first_in_the_order_of_the_services() -> None:
    log: list[str] = []
    dispatcher = Dispatcher([Echo("a", log), Echo("b", log)])

    follows = dispatcher.cascade(halted("h"), 5)

    assert log == [
        "a:TradingHalted:h",
        "b:TradingHalted:h",
        "a:TradingResumed:a",
        "b:TradingResumed:a",
        "a:TradingResumed:b",
        "b:TradingResumed:b",
    ]
    assert follows.wakes == [Wake("a", "t", 6), Wake("b", "t", 6)]
    assert follows.told == [resumed("a"), resumed("b")]


def test_cascade_timer_goes_to_its_service_alone() -> None:
    log: list[str] = []
    dispatcher = Dispatcher([Echo("a", log), Echo("b", log)])
    timer = TimerFired(id="t", ts_event=1, ts_init=1, service="b", timer="t", due=1)

    dispatcher.cascade(timer, 1)
    dispatcher.cascade(
        TimerFired(id="t", ts_event=1, ts_init=1, service="nobody", timer="t", due=1), 1
    )

    assert log == ["b:TimerFired:t"]


def test_cascade_event_nobody_consumes_has_no_effect() -> None:
    report = ServiceReported(id="r", ts_event=1, ts_init=1, service="a", state=ServiceState.OK)

    assert Dispatcher([Echo("a", [])]).cascade(report, 1) == Consequences([], [], [], [])


def test_cascade_core_raising_gives_no_effects_at_all() -> None:
    dispatcher = Dispatcher([Echo("a", []), Broken()])

    with pytest.raises(ServiceFailed) as failure:
        dispatcher.cascade(halted("h"), 1)

    assert failure.value.details == {"service": "broken", "event": "h"}
    assert isinstance(failure.value.__cause__, ZeroDivisionError)
