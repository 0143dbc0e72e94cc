"""What people must look at: kept as a document, and told to the other services."""

import re
from collections.abc import Callable

from chimera.clock import Millis
from chimera.events.base import Event
from chimera.events.health import AlertRaised, ServiceState
from chimera.runtime.contract import Record
from chimera.runtime.outbox import Batch

_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_\-:.@()+,=;$!*'%]")  # see `chimera.store.checks`
_ABOUT_MAX = 150


def alert(
    kind: str, about: str, now: Millis, *, service: str, detail: str, cause: str = ""
) -> Batch:
    """Return the effects of an alert of `kind`, named after what it is about."""
    return _kept(
        AlertRaised(
            id=f"{kind}:{_NOT_IN_KEYS.sub('', about)[:_ABOUT_MAX]}:{now}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            service=service,
            severity=ServiceState.ERROR,
            detail=detail,
        )
    )


def kept_apart(
    bring: Callable[[Event], None], put: Callable[[Batch], None]
) -> Callable[[Event], None]:
    """Return what keeps the exchange's alerts by `put`, and hands everything else to `bring`."""

    def take(event: Event) -> None:
        if isinstance(event, AlertRaised):
            put(_kept(event))
        else:
            bring(event)

    return take


def _kept(told: AlertRaised) -> Batch:
    return Batch(
        records=(Record("alerts", told.id, told, told.symbol, told.ts_event),), events=(told,)
    )
