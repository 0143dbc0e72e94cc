"""What is wrong in one worker: told as halts, and told again with every heartbeat until it is over."""

from collections.abc import Callable

from chimera.clock import Clock
from chimera.events.base import Event
from chimera.events.health import StreamDisconnected, TradingHalted, TradingResumed

CAUSES = tuple(
    f"runtime:{cause}" for cause in ("store", "bus", "streams", "cores", "room", "record", "bundle")
)


class Halts:
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
        self._present: dict[str, tuple[Event, str]] = {}  # by source, with what it is in words

    @property
    def detail(self) -> str:
        """All that is wrong here now, or ""."""
        return "; ".join(f"{source}: {reason}" for source, (_, reason) in self._present.items())

    @property
    def present(self) -> list[Event]:
        """The halts and losses that began in this worker and are not over."""
        return [event for event, _ in self._present.values()]

    def tell(self, cause: str, reason: str | None) -> None:
        """Stop new risk because of `reason`, or resume it when that is None."""
        source = f"{cause}:{self._worker}"
        if reason is None:
            if source in self._present:
                self._resume(source)
        elif source not in self._present:
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
        """Keep what began here until it is over."""
        match event:
            case TradingHalted(source=source, reason=reason):
                self._present[source] = (event, reason)
            case StreamDisconnected(stream=stream, connected=False):
                self._present[stream] = (event, "lost")
            case TradingResumed(source=source) | StreamDisconnected(stream=source):
                self._present.pop(source, None)

    def _resume(self, source: str) -> None:
        now = self._clock.now()
        self._bring(
            TradingResumed(id=f"resume:{source}:{now}", ts_event=now, ts_init=now, source=source)
        )
