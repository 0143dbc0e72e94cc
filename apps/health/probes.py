"""The probes: each looks at one dependency and answers in time, whatever happens to it.

Called by `selectors`; a probe never raises, because a failure is what it is there to report.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import Request, urlopen

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from apps.health.catalogue import DATABASE, PROTECTION, STORE, VENUE
from apps.health.protection import protections
from apps.health.states import Component
from chimera.errors import ChimeraError
from chimera.events.health import ServiceState
from chimera.store.shared import shared_store

TIMEOUT_S = 2.0
LIVE_VENUE_URL = "https://fapi.binance.com"

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
    base = (settings.EXCHANGE_URL or LIVE_VENUE_URL).rstrip("/")
    failures = (OSError, URLError, HTTPException, ValueError)
    return _timed(VENUE, lambda: _get(f"{base}/fapi/v1/ping"), failures)


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


def _get(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("CHIMERA_EXCHANGE_URL must begin with http:// or https://")
    with urlopen(Request(url), timeout=TIMEOUT_S) as answer:  # noqa: S310  checked above
        if answer.status != HTTPStatus.OK:
            raise ValueError(f"the venue answered {answer.status}")


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
    return Component(name=name, state=ServiceState.ERROR, detail=detail)


def _reason(error: Exception) -> str:
    if isinstance(error, URLError):
        return f"cannot be reached: {error.reason}"
    return str(error) or type(error).__name__
