"""Acknowledges messages that were handled at about the same time in one trip. Used by the session."""

import asyncio
from contextlib import suppress

from chimera.bus import Message, Subscription
from chimera.errors import Unavailable


class Acknowledger:
    """Collects the messages of one subscription that are acknowledged in one turn of the loop."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._waiting: list[Message] = []
        self._trip: asyncio.Task[None] | None = None

    async def acknowledge(self, message: Message) -> None:
        """Return when `message` is acknowledged, or is left to be delivered again and recognised."""
        self._waiting.append(message)
        if self._trip is None:
            self._trip = asyncio.ensure_future(self._send())
        await asyncio.shield(self._trip)

    async def _send(self) -> None:
        messages, self._waiting, self._trip = self._waiting, [], None
        with suppress(Unavailable):
            await self._subscription.ack(messages)
