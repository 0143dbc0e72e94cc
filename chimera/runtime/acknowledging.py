"""Acknowledges messages a little after they were dealt with, many in one trip. Used by the session."""

import asyncio
from contextlib import suppress

from chimera.bus import Message, Subscription
from chimera.errors import Unavailable

DELAY_S = 0.02  # out of the way of what the message led to; a crash within it delivers it again


class Acknowledger:
    """Collects the messages of one subscription that were dealt with within `DELAY_S`."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._waiting: list[Message] = []
        self._trip: asyncio.Task[None] | None = None

    def add(self, message: Message) -> None:
        """See to it that `message` is acknowledged, or is delivered again and recognised."""
        self._waiting.append(message)
        if self._trip is None:
            self._trip = asyncio.create_task(self._send_later())

    async def flush(self) -> None:
        """Acknowledge what waits now: the session ends."""
        if self._trip is not None:
            self._trip.cancel()
            await self._send()

    async def _send_later(self) -> None:
        await asyncio.sleep(DELAY_S)
        await self._send()

    async def _send(self) -> None:
        messages, self._waiting, self._trip = self._waiting, [], None
        with suppress(Unavailable):
            await self._subscription.ack(messages)
