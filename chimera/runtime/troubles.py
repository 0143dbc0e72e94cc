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
        self._in_force: dict[str, Event] = {}
        self._own: dict[str, str] = {}  # of what is in force, what began here, in words

    @property
    def detail(self) -> str:
        """All that is wrong here now, or ""."""
        return "; ".join(f"{source}: {reason}" for source, reason in self._own.items())

    @property
    def own(self) -> list[Event]:
        """The halts and losses in force that began in this worker."""
        return [self._in_force[source] for source in self._own]

    @property
    def in_force(self) -> list[Event]:
        """What cores built anew must be told again: every halt, and the streams that are lost."""
        return list(self._in_force.values())

    def tell(self, cause: str, reason: str | None) -> None:
        """Stop new risk because of `reason`, or resume it when that is None."""
        source = f"{cause}:{self._worker}"
        if reason is None:
            if source in self._own:
                self._resume(source)
        elif source not in self._own:
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

    def remember(self, event: Event, *, own: bool) -> None:
        """Keep what is in force until it is over; `own` if it began in this worker."""
        match event:
            case TradingHalted(source=source, reason=reason):
                self._begin(source, event, reason if own else None)
            case TradingResumed(source=source):
                self._end(source)
            case StreamDisconnected(stream=stream, connected=False):
                self._begin(stream, event, "lost" if own else None)
            case StreamDisconnected(stream=stream):
                self._end(stream)

    def _begin(self, source: str, event: Event, own_reason: str | None) -> None:
        self._in_force[source] = event
        if own_reason is not None:
            self._own[source] = own_reason

    def _end(self, source: str) -> None:
        self._in_force.pop(source, None)
        self._own.pop(source, None)

    def _resume(self, source: str) -> None:
        now = self._clock.now()
        self._bring(
            TradingResumed(id=f"resume:{source}:{now}", ts_event=now, ts_init=now, source=source)
        )
