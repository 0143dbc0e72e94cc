"""Keeps a connector's websocket streams alive: each in a task that starts again after any failure."""

import asyncio
from collections.abc import Awaitable, Callable

import ccxt
import structlog

from chimera.clock import Clock
from chimera.events import StreamDisconnected
from chimera.events.base import Event

log = structlog.get_logger(__name__)

PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
QUIET_S = 600.0  # a watch call that heard nothing for so long is made again, which renews its keys

Watch = Callable[[], Awaitable[object]]
Sink = Callable[[Event], None]


async def keep_watching(
    name: str, watch: Watch, *, clock: Clock, sink: Sink, on_return: Watch | None = None
) -> None:
    """Call `watch` for ever; say when the stream is lost, and when it is back.

    `on_return` runs once the stream is back and before that is told: it fills what was missed.
    """
    failures = 0
    while True:
        try:
            await asyncio.wait_for(watch(), timeout=QUIET_S)
        except TimeoutError:
            continue
        except (ccxt.BaseError, OSError) as error:
            if failures == 0:
                log.warning("stream lost", stream=name, error=f"{type(error).__name__}: {error}")
                sink(_changed(name, clock, connected=False))
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            failures += 1
            continue
        if failures:
            failures = 0
            if on_return is not None:
                await on_return()
            log.info("stream is back", stream=name)
            sink(_changed(name, clock, connected=True))


def _changed(name: str, clock: Clock, *, connected: bool) -> StreamDisconnected:
    now = clock.now()
    word = "back" if connected else "lost"
    return StreamDisconnected(
        id=f"stream:{name}:{word}:{now}",
        ts_event=now,
        ts_init=now,
        stream=name,
        connected=connected,
    )
