"""Growing pauses between attempts, with a bound and jitter. Used wherever the bus meets an outage."""

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffPolicy:
    """How long to pause: doubling from `initial_ms` to `cap_ms`, each halved at most by jitter."""

    initial_ms: int = 50
    cap_ms: int = 2_000
    attempts: int = 6  # for what gives up; what heals itself tries for ever

    def delays_s(self) -> Iterator[float]:
        """Yield the pauses between `attempts` attempts, in seconds."""
        pauses = Backoff(self)
        for _ in range(self.attempts - 1):
            yield pauses.next_s()


class Backoff:
    """The pauses of one outage after another."""

    def __init__(self, policy: BackoffPolicy) -> None:
        self._policy = policy
        self._pause_ms = policy.initial_ms

    def next_s(self) -> float:
        pause_ms = self._pause_ms
        self._pause_ms = min(2 * pause_ms, self._policy.cap_ms)
        return pause_ms / 1_000 * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        self._pause_ms = self._policy.initial_ms
