"""What queues let go of at their bound, and that nothing else is lost."""

import pytest

from chimera.events import BarClosed, QuoteChanged
from chimera.events.base import Event
from chimera.events.health import ServiceState
from chimera.runtime import queues
from chimera.runtime.queues import BoundedQueue, Conflation, Room
from tests.support.builders import alert_raised, service_reported

MAX, UNTOUCHED = 40, 4


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "WAITING_MAX", MAX)
    monkeypatch.setattr(queues, "UNTOUCHED", UNTOUCHED)


def keeps(event: Event, conflation: Conflation) -> bool:
    return conflation.keeps(event)


def quote(number: int) -> QuoteChanged:
    return QuoteChanged(
        id=f"q{number}",
        ts_event=number,
        ts_init=number,
        symbol="BTCUSDT-PERP" if number % 2 else "ETHUSDT-PERP",
        bid_px=1.0,
        bid_qty=1.0,
        ask_px=2.0,
        ask_qty=1.0,
    )


def bar(number: int) -> BarClosed:
    return BarClosed(
        id=f"b{number}",
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


def test_quotes_beyond_the_bound_leave_only_the_newest_of_each_symbol() -> None:
    room = Room()
    queue: BoundedQueue[Event] = BoundedQueue("test", room, keeps)

    for number in range(MAX):
        queue.append(quote(number))

    left = [event.id for event in queue.oldest(MAX)]
    assert left == ["q0", "q1", "q2", "q3", "q38", "q39"]
    assert room.there.is_set()


def test_alerts_are_kept_where_only_the_newest_heartbeat_is() -> None:
    queue: BoundedQueue[Event] = BoundedQueue("test", Room(), keeps)
    beats = [service_reported("exchange", ServiceState.OK, number) for number in range(MAX - 2)]
    alerts = [alert_raised("given up", number, "exchange") for number in range(2)]

    for event in (*beats[:20], alerts[0], *beats[20:-1], alerts[1], beats[-1]):
        queue.append(event)

    assert queue.oldest(MAX) == [*beats[:UNTOUCHED], *alerts, beats[-1]]


def test_what_may_not_be_lost_stops_inputs_until_most_is_dealt_with() -> None:
    room = Room()
    queue: BoundedQueue[Event] = BoundedQueue("test", room, keeps)

    for number in range(MAX):
        queue.append(bar(number))

    assert [event.id for event in queue.oldest(MAX)] == [f"b{n}" for n in range(MAX)]
    assert room.lacking.is_set()
    while len(queue) > MAX // 4:
        assert not room.there.is_set()
        queue.pop()
    assert room.there.is_set()


def test_room_is_there_only_when_all_queues_have_it() -> None:
    room = Room()
    room.lack("one")
    room.lack("other")

    room.regain("one")
    assert not room.there.is_set()
    room.regain("other")
    assert room.there.is_set()
    assert not room.lacking.is_set()
