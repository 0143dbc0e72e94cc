"""Wake-ups: earliest first, moved by name, fired once, never two of one id."""

from chimera.runtime.contract import Wake
from chimera.runtime.timers import Timers


def fired(timers: Timers, until: int) -> list[tuple[str, int]]:
    found = []
    while (timer := timers.pop_due(until)) is not None:
        found.append((timer.timer, timer.due))
    return found


def test_timers_fire_earliest_first_and_once() -> None:
    timers = Timers()
    for name, at in (("b", 20), ("a", 10), ("c", 30)):
        timers.set(Wake("s", name, at))

    assert timers.next_due() == 10
    assert fired(timers, 20) == [("a", 10), ("b", 20)]
    assert fired(timers, 20) == []
    assert timers.next_due() == 30


def test_timers_same_moment_fire_in_the_order_they_were_set() -> None:
    timers = Timers()
    for name in "cab":
        timers.set(Wake("s", name, 10))

    assert [name for name, _ in fired(timers, 10)] == ["c", "a", "b"]


def test_timers_set_again_moves_the_timer_either_way() -> None:
    timers = Timers()
    timers.set(Wake("s", "a", 10))
    timers.set(Wake("s", "a", 50))
    timers.set(Wake("s", "b", 50))
    timers.set(Wake("s", "b", 20))

    assert fired(timers, 100) == [("b", 20), ("a", 50)]


def test_timers_of_two_services_do_not_mix() -> None:
    timers = Timers()
    timers.set(Wake("s", "a", 10))
    timers.set(Wake("t", "a", 20))

    assert fired(timers, 100) == [("a", 10), ("a", 20)]


def test_timers_cleared_are_gone_and_ids_never_repeat() -> None:
    timers = Timers()
    timers.set(Wake("s", "a", 10))
    first = timers.pop_due(10)
    timers.set(Wake("s", "b", 10))
    timers.clear()
    assert timers.next_due() is None

    timers.set(Wake("s", "a", 10))
    again = timers.pop_due(10)

    assert first is not None
    assert again is not None
    assert first.id != again.id
