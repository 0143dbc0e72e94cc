"""Notices that bars are decided about more slowly than they close (B7).

A bar is late when the next one has closed by the time of its decision. What an outage held back is late too,
but each bar less so than the one before, until the newest is in time. A late bar that is no less late than
the one before it is of no outage: as much time went by as bars last.
"""

from chimera.clock import SECOND, Millis
from chimera.events import FeaturesComputed
from chimera.events.health import AlertRaised, ServiceState

FORGOTTEN_AFTER = 10  # bars without a word: a symbol that stopped says nothing of the others


class Lateness:
    """How late each symbol's last bar was. One alert until no symbol is late any more."""

    def __init__(self) -> None:
        self._lags: dict[str, tuple[Millis, Millis]] = {}  # and when that was noted
        self._told = False

    def note(
        self, signal: FeaturesComputed, now: Millis, *, is_late: bool, service: str
    ) -> AlertRaised | None:
        """Take in that a bar was decided about at `now`; return an alert where people must look."""
        if not is_late and not self._lags:
            self._told = False
            return None
        lag, (before, _) = now - signal.ts_event, self._lags.pop(signal.symbol, (None, 0))
        silent_since = now - FORGOTTEN_AFTER * (signal.ts_event - signal.inputs.bar.open_time)
        self._lags = {s: noted for s, noted in self._lags.items() if noted[1] > silent_since}
        if is_late:
            self._lags[signal.symbol] = lag, now
        if not self._lags:
            self._told = False
        if not is_late or self._told or before is None or lag < before:
            return None
        self._told = True
        return AlertRaised(
            id=f"late:{signal.symbol}:{signal.ts_event}",
            cause=signal.id,
            ts_event=signal.ts_event,
            ts_init=now,
            service=service,
            severity=ServiceState.DEGRADED,
            detail=f"bars close faster than they are decided about: {signal.symbol} {lag // SECOND} s after "
            "the close; nothing is done about late ones",
            symbol=signal.symbol,
        )
