"""Acknowledges messages a little after they were dealt with, many in one trip. Used by the session."""

import asyncio
from contextlib import suppress

import structlog

from chimera.bus import Message, Subscription
from chimera.errors import Transient

log = structlog.get_logger(__name__)

DELAY_S = 0.02  # out of the way of what the message led to; a crash within it delivers it again


class Acknowledger:
    """Collects the messages of one subscription that were dealt with within `DELAY_S`."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._waiting: list[Message] = []
        self._trip: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    def add(self, message: Message) -> None:
        """See to it that `message` is acknowledged, or is delivered again and recognised."""
        self._waiting.append(message)
        if self._trip is None or self._trip.done():
            self._trip = asyncio.create_task(self._send())

    async def flush(self) -> None:
        """Acknowledge what waits now: the session ends."""
        self._hurry.set()
        if self._trip is not None:
            await self._trip

    async def _send(self) -> None:
        """Wait a little, then acknowledge until nothing is left; what fails is delivered again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), DELAY_S)
        while self._waiting:
            messages, self._waiting = self._waiting, []
            try:
                await self._subscription.ack(messages)
            except Transient as error:
                log.warning("not acknowledged, so delivered again", reason=error.message)
