"""What the router wants people to look at."""

from chimera.clock import Millis
from chimera.events.health import ServiceReported, ServiceState
from chimera.events.positions import PositionAdopted
from chimera.runtime.contract import Record

from .book import SymbolBook
from .lifecycle import SERVICE


def opened_by_others(book: SymbolBook, now: Millis, *, cause: str) -> Record:
    """Say that a position began with a fill of no order of ours."""
    return _alert(
        f"external:{cause}",
        f"a position of {book.qty:f} {book.symbol} was opened outside Chimera; it gets a stop",
        book.symbol,
        now,
        cause=cause,
        state=ServiceState.DEGRADED,
    )


def adopted_from_venue(adopted: PositionAdopted, book: SymbolBook, now: Millis) -> Record:
    """Say that the venue's word replaces what `book` holds."""
    return _alert(
        f"alert:{adopted.id}",
        f"the venue holds {adopted.qty:f} {book.symbol} and our books {book.qty:f}: adopted",
        book.symbol,
        now,
        cause=adopted.id,
        state=ServiceState.DEGRADED,
    )


def without_stop(book: SymbolBook, now: Millis) -> Record:
    """Say that what others opened has no stop, and is not closed for it."""
    return _alert(
        f"unprotected:{book.symbol}:{now}",
        f"no stop could be placed for {book.qty:f} {book.symbol}, which was opened outside Chimera "
        "in a symbol that the bundle does not trade: place one, or close it",
        book.symbol,
        now,
        cause=f"guard:{book.symbol}",
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
