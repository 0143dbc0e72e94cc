"""What is wrong in one worker, told as halts; and what is in force, for cores that are built anew."""

from collections.abc import Callable

from chimera.clock import Clock
from chimera.events.base import Event
from chimera.events.health import StreamDisconnected, TradingHalted, TradingResumed

CAUSES = tuple(
    f"runtime:{cause}" for cause in ("store", "bus", "streams", "cores", "room", "record")
)


class Troubles:
    """Stops new risk while anything is in trouble here.

    Parameters
    ----------
    worker : names this worker, so that another's end of a trouble does not end ours
    bring : takes in the halts and their ends
    """

    def __init__(self, worker: str, clock: Clock, bring: Callable[[Event], None]) -> None:
        self._worker = worker
        self._clock = clock
        self._bring = bring
        self._reasons: dict[str, str] = {}  # by source
        self._in_force: dict[str, Event] = {}

    @property
    def detail(self) -> str:
        """All that is wrong now, or ""."""
        return "; ".join(f"{source}: {reason}" for source, reason in self._reasons.items())

    @property
    def halts(self) -> list[Event]:
        """The halts of this worker that are in force."""
        return [self._in_force[source] for source in self._reasons]

    @property
    def in_force(self) -> list[Event]:
        """What cores built anew must be told again: every halt, and the streams that are lost."""
        return list(self._in_force.values())

    def tell(self, cause: str, reason: str | None) -> None:
        """Stop new risk because of `reason`, or resume it when that is None."""
        source = f"{cause}:{self._worker}"
        if reason is None:
            if self._reasons.pop(source, None) is not None:
                self._resume(source)
        elif source not in self._reasons:
            self._reasons[source] = reason
            now = self._clock.now()
            self._bring(
                TradingHalted(
                    id=f"halt:{source}:{now}",
                    ts_event=now,
                    ts_init=now,
                    source=source,
                    reason=reason,
                )
            )

    def end_those_before(self) -> None:
        """End what an earlier life may have left in the middle."""
        for cause in CAUSES:
            self._resume(f"{cause}:{self._worker}")

    def remember(self, event: Event) -> None:
        """Keep what is in force until it is over."""
        match event:
            case TradingHalted(source=source):
                self._in_force[source] = event
            case TradingResumed(source=source):
                self._in_force.pop(source, None)
            case StreamDisconnected(stream=stream, connected=False):
                self._in_force[stream] = event
            case StreamDisconnected(stream=stream):
                self._in_force.pop(stream, None)

    def _resume(self, source: str) -> None:
        now = self._clock.now()
        self._bring(
            TradingResumed(id=f"resume:{source}:{now}", ts_event=now, ts_init=now, source=source)
        )
