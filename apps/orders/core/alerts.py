"""What the router wants people to look at."""

from chimera.clock import Millis
from chimera.events import OrderFilled, SymbolPrepared
from chimera.events.health import AlertRaised, ServiceState
from chimera.events.orders import Origin
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
        severity=ServiceState.DEGRADED,
    )


def adopted_from_venue(adopted: PositionAdopted, book: SymbolBook, now: Millis) -> Record:
    """Say that the venue's word replaces what `book` holds."""
    return _alert(
        f"alert:{adopted.id}",
        f"the venue holds {adopted.qty:f} {book.symbol} and our books {book.qty:f}: adopted",
        book.symbol,
        now,
        cause=adopted.id,
        severity=ServiceState.DEGRADED,
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
        severity=ServiceState.ERROR,
    )


def unfit_settings(prepared: SymbolPrepared, now: Millis) -> Record:
    """Say what the venue's settings of a symbol lack."""
    return _alert(
        f"margin:{prepared.id}",
        f"no entries in {prepared.symbol}: {prepared.problem}",
        prepared.symbol,
        now,
        cause=prepared.id,
        severity=ServiceState.ERROR,
    )


def closed_by_venue(fill: OrderFilled, now: Millis) -> Record:
    """Say that the venue itself closes a position."""
    return _alert(
        f"{fill.origin.value}:{fill.id}",
        f"the venue {_DOES[fill.origin]}: {fill.side.value} {fill.last_qty:f} {fill.symbol} at "
        f"{fill.last_px:f} under its own id {fill.client_order_id}",
        fill.symbol,
        now,
        cause=fill.id,
        severity=ServiceState.ERROR,
    )


_DOES = {
    Origin.LIQUIDATION: "liquidates a position whose margin is used up",
    Origin.ADL: "closes a position against a bankrupt one (auto-deleveraging)",
    Origin.SETTLEMENT: "closes a position in a symbol that it no longer lists",
}


def _alert(
    identity: str, detail: str, symbol: str, now: Millis, *, cause: str, severity: ServiceState
) -> Record:
    alert = AlertRaised(
        id=identity,
        cause=cause,
        ts_event=now,
        ts_init=now,
        service=SERVICE,
        severity=severity,
        detail=detail,
        symbol=symbol,
    )
    return Record("alerts", identity, alert, symbol, now)
