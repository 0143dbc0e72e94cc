"""What the venue says and we do not know is told to people once of each kind, with the raw message."""

from chimera.clock import Clock
from chimera.events import AlertRaised, OrderUnclear
from chimera.events.base import Event
from chimera.events.health import ServiceState
from chimera.ids import content_hash

from .streams import Sink

KINDS_MAX = 100  # of which anybody is told; whoever invents more of them is no venue


class StrangeWords:
    """Remembers which kinds people were told of."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alerts: Sink | None = None
        self._told: set[str] = set()

    def tell_to(self, sink: Sink) -> None:
        """Send alerts to `sink` from now on."""
        self._alerts = sink

    def noting(self, sink: Sink) -> Sink:
        """Return a sink that hands on to `sink`, and tells of what was unclear about orders."""

        def note(event: Event) -> None:
            if isinstance(event, OrderUnclear):
                self.tell(event.message, event.raw)
            sink(event)

        return note

    def tell(self, what: str, raw: str) -> None:
        """Tell of one kind of thing, unless that was done before."""
        if self._alerts is None or what in self._told or len(self._told) >= KINDS_MAX:
            return
        self._told.add(what)
        now = self._clock.now()
        self._alerts(
            AlertRaised(
                id=f"strange:{content_hash(what.encode())[:16]}:{now}",
                ts_event=now,
                ts_init=now,
                service="exchange",
                severity=ServiceState.ERROR,
                detail=f"{what}, which we do not know: {raw}",
            )
        )
