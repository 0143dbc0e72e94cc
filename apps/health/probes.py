"""The probes: each looks at one dependency and answers in time, whatever happens to it.

Called by `selectors`; a probe never raises, because a failure is what it is there to report.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from urllib.error import URLError

import msgspec
from django.db import DatabaseError, InterfaceError, connection

from apps.config.selectors import activation_active
from apps.health.catalogue import DATABASE, MARKET, MINOR, PROTECTION, STORE, VENUE
from apps.health.feed import VENUE_FAILURES, Feed, venue_feed, venue_read
from apps.health.selectors.protection import protections
from apps.health.states import Component
from apps.health.warm_up import SymbolWarmUp, warm_ups
from chimera.clock import INTERVALS, SECOND, Millis, iso_second
from chimera.errors import ChimeraError
from chimera.events.health import ServiceState
from chimera.store.shared import shared_store

TIMEOUT_S = 2.0
BEHIND_WALL_MS = 5 * SECOND
SILENT_BARS = 3
SILENT_WALL_MS = 10 * SECOND  # of a fast replay; the record is read and written in wall time

Probe = Callable[[], Component]
# One pool for all: a dependency that hangs holds its threads, and later probes of it time out.
_pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="health")


def run_probes(
    probes: Sequence[tuple[str, Probe]], timeout_s: float = TIMEOUT_S
) -> list[Component]:
    """Run named probes side by side; one without an answer in `timeout_s` counts as failed."""
    started = time.monotonic()
    running = [(name, _pool.submit(_closing_connections, probe)) for name, probe in probes]
    return [_result(name, future, started, timeout_s) for name, future in running]


def probe_database() -> Component:
    """Ask Django's database for a constant."""
    return _timed(DATABASE, _select_one, (DatabaseError, InterfaceError))


def probe_store() -> Component:
    return _timed(STORE, shared_store().ping, (ChimeraError,))


def probe_venue() -> Component:
    """Ask the venue's public REST door whether it is there."""
    return _timed(VENUE, lambda: venue_read("/fapi/v1/ping"), VENUE_FAILURES)


def probe_market() -> Component:
    """Look whether the active bundle gets the bars it decides on, by the market's own time."""
    state, detail = ServiceState.DEGRADED, ""
    try:
        active = activation_active()
        if active is None:
            state, detail = ServiceState.OK, "no bundle is active"
        else:
            feed, symbols = venue_feed(), warm_ups(shared_store(), active)
            detail = market_trouble(feed, symbols, INTERVALS[active.bundle.interval])
            if not detail:
                state, detail = ServiceState.OK, f"{len(symbols)} symbols have their bars"
    except (ChimeraError, msgspec.MsgspecError, *VENUE_FAILURES) as error:
        detail = f"cannot tell: {_reason(error)}"
    return Component(name=MARKET, state=state, critical=False, detail=detail)


def market_trouble(feed: Feed, symbols: Sequence[SymbolWarmUp], interval_ms: Millis) -> str:
    """Say why some symbols are not decided on now, "" if all are."""
    if feed.ended_at is not None:
        return f"the recording has ended at {iso_second(feed.ended_at)}: the market stands still, and its bars are empty"
    if feed.behind_ms > BEHIND_WALL_MS * feed.speed:
        return (
            f"the venue cannot keep up with speed {feed.speed:g} and is "
            f"{feed.behind_ms // SECOND} s behind: bars come too late to be traded on"
        )
    patience_ms = max(SILENT_BARS * interval_ms, interval_ms + int(SILENT_WALL_MS * feed.speed))
    silent, warming, unlisted = [], [], []
    for found in symbols:
        if not found.is_listed:
            unlisted.append(found.symbol)
        elif found.last_close is None:
            warming.append(f"{found.symbol} has no bar yet")
        elif feed.now - found.last_close > patience_ms:
            silent.append(f"{found.symbol} since {iso_second(found.last_close)}")
        elif not found.is_ready:
            bars = f"{found.bars_loaded} of {found.bars_needed} bars"
            factors = f"{found.factors_known} of {found.factors} factors"
            warming.append(f"{found.symbol} {bars}, {factors}")
    told = (
        ("the venue does not list", unlisted),
        ("no bars of", silent),
        ("warming up:", warming),
    )
    return "; ".join(f"{what} {', '.join(which)}" for what, which in told if which)


def probe_protection() -> Component:
    """Look for positions that no stop at the venue covers: the one thing that is RED by itself."""
    try:
        held = protections(shared_store())
    except ChimeraError as error:
        detail = f"cannot tell: {error.message}"
        return Component(name=PROTECTION, state=ServiceState.ERROR, detail=detail)
    bare = [found.position.symbol for found in held if not found.is_protected]
    if bare:
        detail = f"no acknowledged stop for all of {', '.join(bare)}"
        return Component(name=PROTECTION, state=ServiceState.ERROR, detail=detail)
    detail = f"{len(held)} open, each with its stop" if held else "nothing is open"
    return Component(name=PROTECTION, state=ServiceState.OK, detail=detail)


def _timed(
    name: str, check: Callable[[], object], failures: tuple[type[Exception], ...]
) -> Component:
    started = time.monotonic()
    try:
        check()
    except failures as error:
        return Component(name=name, state=ServiceState.ERROR, detail=_reason(error))
    latency_ms = round((time.monotonic() - started) * 1_000, 1)
    return Component(name=name, state=ServiceState.OK, latency_ms=latency_ms)


def _select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _closing_connections(probe: Probe) -> Component:
    try:
        return probe()
    finally:
        connection.close()  # this thread's own; pool threads would keep them for ever


def _result(name: str, future: "Future[Component]", started: float, timeout_s: float) -> Component:
    left_s = max(0.0, started + timeout_s - time.monotonic())
    try:
        return future.result(timeout=left_s)
    except FutureTimeout:
        future.cancel()
        detail = f"no answer within {timeout_s:g} s"
    except Exception as error:  # a fault in a probe must not hide what the others found
        detail = f"the probe itself failed: {_reason(error)}"
    return Component(name=name, state=ServiceState.ERROR, critical=name not in MINOR, detail=detail)


def _reason(error: Exception) -> str:
    if isinstance(error, URLError):
        return f"cannot be reached: {error.reason}"
    return str(error) or type(error).__name__
