"""Wake-ups, earliest first; asking again for the same timer moves it."""

import heapq

from chimera.clock import Millis
from chimera.events.health import TimerFired
from chimera.runtime.contract import Wake


class Timers:
    """The wake-ups of one worker's cores: of each core and name one at most."""

    def __init__(self) -> None:
        self._heap: list[tuple[Millis, int, str, str]] = []
        self._due: dict[tuple[str, str], tuple[Millis, int]] = {}
        self._count = 0

    def set(self, wake: Wake) -> None:
        self._count += 1
        self._due[wake.service, wake.timer] = (wake.at, self._count)
        heapq.heappush(self._heap, (wake.at, self._count, wake.service, wake.timer))
        self._drop_moved()

    def clear(self) -> None:
        """Forget all timers; their count goes on, so that no two ever have the same id."""
        self._heap.clear()
        self._due.clear()

    def next_due(self) -> Millis | None:
        """Return when the next timer fires, or None."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: Millis) -> TimerFired | None:
        """Return the earliest timer due by `now`, once."""
        if not self._heap or self._heap[0][0] > now:
            return None
        at, count, service, timer = heapq.heappop(self._heap)
        del self._due[service, timer]
        self._drop_moved()
        return TimerFired(
            id=f"timer:{service}:{timer}:{at}:{count}",
            ts_event=at,
            ts_init=now,
            service=service,
            timer=timer,
            due=at,
        )

    def _drop_moved(self) -> None:
        """Keep the earliest one that still holds at the top."""
        heap = self._heap
        while heap and self._due.get((heap[0][2], heap[0][3])) != (heap[0][0], heap[0][1]):
            heapq.heappop(heap)
