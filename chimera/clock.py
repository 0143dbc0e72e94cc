"""Where time comes from. Cores never ask a clock: they are handed `now` in UTC milliseconds."""

import time
from datetime import UTC, datetime
from typing import Protocol

Millis = int

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

INTERVALS: dict[str, Millis] = {
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
}


def iso_second(at: Millis) -> str:
    """Write a time for people: ``2025-06-30 23:59:59 UTC``."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M:%S} UTC"


class Clock(Protocol):
    @property
    def speed(self) -> float:
        """How fast it runs against the wall: 1 unless a market is replayed."""
        ...

    def now(self) -> Millis:
        """Return UTC milliseconds since the epoch."""
        ...

    def seconds_until(self, at: Millis) -> float:
        """Return how many real seconds pass before `now()` reaches `at`; 0 when it is past."""
        ...


class WallClock:
    """The machine's own time."""

    speed = 1.0

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000

    def seconds_until(self, at: Millis) -> float:
        return max(0.0, (at - self.now()) / 1_000)


class ScaledClock:
    """Time that starts at `origin` and runs `speed` times as fast as the wall: a replayed market.

    `anchor_ns` is the `time.time_ns()` at which the clock read `origin`, so that processes given
    the same three numbers agree on the time.
    """

    def __init__(self, *, origin: Millis, speed: float, anchor_ns: int | None = None) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self.origin = origin
        self.speed = speed
        self.anchor_ns = time.time_ns() if anchor_ns is None else anchor_ns

    def follow(self, other: "ScaledClock") -> None:
        """Read what `other` reads from now on: the venue began its replay anew."""
        self.origin, self.speed, self.anchor_ns = other.origin, other.speed, other.anchor_ns

    def now(self) -> Millis:
        return self.origin + int((time.time_ns() - self.anchor_ns) / 1_000_000 * self.speed)

    def seconds_until(self, at: Millis) -> float:
        return max(0.0, (at - self.now()) / 1_000 / self.speed)


class VirtualClock:
    """Time that moves only when told to: simulations and tests."""

    speed = 1.0

    def __init__(self, start: Millis = 0) -> None:
        self._now = start

    def now(self) -> Millis:
        return self._now

    def advance_to(self, at: Millis) -> None:
        """Move forward to `at`; time never runs backwards, so an earlier `at` changes nothing."""
        if at > self._now:
            self._now = at

    def seconds_until(self, at: Millis) -> float:
        return 0.0
