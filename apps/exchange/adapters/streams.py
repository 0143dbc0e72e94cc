"""Keeps one websocket alive: dials, listens, watches over it, and dials again after any failure."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from chimera.clock import Clock, Millis
from chimera.errors import ChimeraError, InvariantBroken, Unavailable
from chimera.events import StreamDisconnected
from chimera.events.base import Event
from chimera.events.health import AlertRaised, ServiceState
from chimera.ids import content_hash

from .tapped import Line, Raw, Tap, Tapped
from .wire_orders import cut

log = structlog.get_logger(__name__)

PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
DIAL_TIMEOUT_S = 10.0
STEADY_S = 30.0  # a line that lived for so long begins with the shortest pause again

Sink = Callable[[Event], None]
Dial = Callable[[Tap], Awaitable[Line]]
Work = Callable[[], Awaitable[None]]
Guard = Callable[["Stream"], Awaitable[None]]


class Stream:
    """One subscription of a connector.

    Parameters
    ----------
    name : how people and `StreamDisconnected` call it
    dial : opens the line, with its subscriptions in place
    on_message : takes in a message; what it raises ends the line
    on_open : fills what was missed; the stream counts as back after it
    guard : runs while the line is up, and raises when it finds it useless
    account : whether it brings the account's reports
    """

    def __init__(
        self,
        name: str,
        *,
        client: Tapped,
        dial: Dial,
        on_message: Callable[[Raw], None],
        clock: Clock,
        sink: Sink,
        on_open: Work | None = None,
        guard: Guard | None = None,
        account: bool = False,
    ) -> None:
        self.name = name
        self._client = client
        self._dial = dial
        self._on_message = on_message
        self._clock = clock
        self._sink = sink
        self._on_open = on_open
        self._guard = guard
        self._account = account
        self._told: bool | None = None  # whoever listens may believe it lost: in an earlier life
        self._line: Line | None = None
        self._failure: BaseException | None = None
        self._heard_at = 0.0

    @property
    def silent_s(self) -> float:
        """Seconds since the last message, or since `touch`."""
        return time.monotonic() - self._heard_at

    def touch(self) -> None:
        """Count the silence from now."""
        self._heard_at = time.monotonic()

    def fail(self, error: BaseException) -> None:
        """End the line from inside a message."""
        self._failure = error
        if self._line is not None and not self._line.ended.done():
            self._line.ended.set_exception(error)

    async def keep(self) -> None:
        """Keep the stream up for ever; say when it is lost, and when it is back."""
        attempt = 0
        while True:
            began = time.monotonic()
            try:
                await self._serve()
            except InvariantBroken:
                raise
            except Exception as error:  # nothing that the wire says may end more than its line
                self._tell(connected=False, why=f"{type(error).__name__}: {error}")
            if time.monotonic() - began > STEADY_S:
                attempt = 0
            await asyncio.sleep(PAUSES_S[min(attempt, len(PAUSES_S) - 1)])
            attempt += 1

    async def _serve(self) -> None:
        """Dial and listen until the line ends; always raises."""
        self._failure = None
        self.touch()
        async with asyncio.timeout(DIAL_TIMEOUT_S):
            line = self._line = await self._dial(self._hear)
        work = asyncio.ensure_future(self._work())
        try:
            if self._failure is not None:
                raise self._failure
            await asyncio.wait({line.ended, work}, return_when=asyncio.FIRST_COMPLETED)
            if line.ended.cancelled():
                raise Unavailable("the line was closed")
            await (line.ended if line.ended.done() else work)
        finally:
            self._line = None
            work.cancel()
            self._client.close_line(line)

    async def _work(self) -> None:
        if self._on_open is not None:
            await self._on_open()
        self._tell(connected=True)
        if self._guard is not None:
            await self._guard(self)
        await asyncio.Event().wait()

    def _hear(self, message: Raw) -> None:
        self._heard_at = time.monotonic()
        try:
            self._on_message(message)
        except Exception as error:  # ccxt would stop reading without a word
            if not isinstance(error, ChimeraError):
                log.error("a message was not taken in", stream=self.name, raw=cut(message))
            self.fail(error)

    def _tell(self, *, connected: bool, why: str = "") -> None:
        if connected is self._told:
            return
        self._told = connected
        if connected:
            log.info("stream is up", stream=self.name)
        else:
            log.warning("stream lost", stream=self.name, error=why)
        now = self._clock.now()
        self._sink(
            StreamDisconnected(
                id=f"stream:{self.name}:{'up' if connected else 'lost'}:{now}",
                ts_event=now,
                ts_init=now,
                stream=self.name,
                connected=connected,
                account=self._account,
            )
        )


async def first_failure(*guards: Coroutine[None, None, None]) -> None:
    """Run guards that end by raising alone, and raise what the first of them raises."""
    tasks = [asyncio.ensure_future(guard) for guard in guards]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def unreadable(message: Raw, error: Exception, now: Millis) -> AlertRaised:
    """Return the alert about an account message that has no meaning for us."""
    raw = cut(message)
    return AlertRaised(
        id=f"unreadable:{content_hash(raw.encode())[:16]}:{now}",
        ts_event=now,
        ts_init=now,
        service="exchange",
        severity=ServiceState.ERROR,
        detail=f"an account message cannot be read: {error!r}: {raw}",
    )
