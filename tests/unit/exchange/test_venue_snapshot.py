"""The market's time after an outage: it never goes back, and a long outage is not caught up with."""

import pytest

from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.feeds.merge import Lookahead
from apps.exchange.venue_shell.host import FeedPosition
from apps.exchange.venue_shell.snapshot import MISSED_MAX, Snapshot
from chimera.clock import HOUR, MINUTE, SECOND, Millis, ScaledClock

T0, SPEED = 1_746_374_400_000, 60.0


@pytest.fixture
def snapshot(monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    set_wall(monkeypatch, 0)
    return Snapshot(
        venue=Venue(instruments={}),
        feed=Lookahead(()),
        position=FeedPosition(T0, None, T0, None),
        clock=ScaledClock(origin=T0, speed=SPEED),
        seen=0,
    )


def set_wall(patch: pytest.MonkeyPatch, now: Millis) -> None:
    patch.setattr("time.time_ns", lambda: now * 1_000_000)


def test_short_outage_leaves_the_clock_that_others_share(snapshot: Snapshot) -> None:
    again = snapshot.clock_from(MINUTE, MINUTE + 5 * SECOND, SPEED)
    assert (again.origin, again.anchor_ns) == (snapshot.clock.origin, snapshot.clock.anchor_ns)


def test_long_outage_is_lived_through_for_a_minute(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = snapshot.clock_from(MINUTE, MINUTE + HOUR, SPEED)
    set_wall(monkeypatch, MINUTE + HOUR)
    assert again.now() == T0 + (MINUTE + MISSED_MAX) * SPEED


def test_another_speed_goes_on_from_the_time_reached(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_wall(monkeypatch, 2 * MINUTE)
    again = snapshot.clock_from(MINUTE, 2 * MINUTE, 1.0)
    assert (again.now(), again.speed) == (T0 + 2 * MINUTE * SPEED, 1.0)
