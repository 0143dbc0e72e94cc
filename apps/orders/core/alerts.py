"""What the router wants people to look at."""

from chimera.clock import Millis
from chimera.events import SymbolPrepared
from chimera.events.health import ServiceReported, ServiceState
from chimera.runtime.contract import Record

from .lifecycle import SERVICE


def unfit_settings(prepared: SymbolPrepared, now: Millis) -> Record:
    """Say what the venue's settings of a symbol lack."""
    return _alert(
        f"margin:{prepared.id}",
        f"no entries in {prepared.symbol}: {prepared.problem}",
        prepared.symbol,
        now,
        cause=prepared.id,
        state=ServiceState.ERROR,
    )


def _alert(
    identity: str, detail: str, symbol: str, now: Millis, *, cause: str, state: ServiceState
) -> Record:
    alert = ServiceReported(
        id=identity,
        cause=cause,
        ts_event=now,
        ts_init=now,
        service=SERVICE,
        state=state,
        detail=detail,
    )
    return Record("alerts", identity, alert, symbol, now)
