"""Calls again what failed for a passing reason, for as long as it takes, and says so meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from chimera.bus.backoff import Backoff, BackoffPolicy
from chimera.errors import Transient

log = structlog.get_logger(__name__)

PAUSES = BackoffPolicy(initial_ms=100, cap_ms=2_000)

Trouble = Callable[[str, str | None], None]  # cause, and what is wrong or None when it is over
Result = TypeVar("Result")


async def until_done(cause: str, call: Callable[[], Awaitable[Result]], trouble: Trouble) -> Result:
    """Return what `call` gives, however often it must be tried; `trouble` hears of the time between."""
    pauses = Backoff(PAUSES)
    failures = 0
    while True:
        try:
            result = await call()
        except Transient as error:
            if failures == 0:
                trouble(cause, error.message)
                log.warning("held up", cause=cause, reason=error.message)
            failures += 1
            await asyncio.sleep(pauses.next_s())
            continue
        if failures:
            trouble(cause, None)
            log.info("goes on", cause=cause, after_failures=failures)
        return result
