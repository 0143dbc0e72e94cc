"""Notices a user stream that is open but mute: what it told of the account must be what REST tells.

A quiet account's stream says nothing for hours, so its silence alone proves nothing. Used by the connectors.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import structlog

from chimera.errors import ChimeraError, Unavailable

from .calls import UNREADABLE
from .streams import Stream

log = structlog.get_logger(__name__)

CONFIRM_S = 1.0  # what REST tells first the stream may tell a moment later

Holdings = dict[str, Decimal]  # balances by asset and positions by symbol; what is left out is none


class HoldingsWatch:
    """Compares once in every `silence_s` of silence.

    Parameters
    ----------
    read : asks the venue; when that fails nothing is compared
    """

    def __init__(self, read: Callable[[], Awaitable[Holdings]], *, silence_s: float) -> None:
        self._read = read
        self._silence_s = silence_s
        self._known: Holdings | None = None
        self._told: Holdings = {}  # by the stream since it is up

    def note(self, told: Holdings) -> None:
        """Take in what a message of the stream says."""
        self._told |= told

    async def begin(self) -> None:
        """Ask what a line that has just opened begins with, before anybody relies on it."""
        self._told = {}
        self._known = await self._asked()

    async def keep(self, stream: Stream) -> None:
        """Watch a line since its beginning, until it is found mute.

        Raises
        ------
        Unavailable
            The account changed and the stream did not say so.
        """
        while True:
            await asyncio.sleep(min(CONFIRM_S, self._silence_s / 2))
            if stream.silent_s < self._silence_s:
                continue
            if await self._differs():
                await asyncio.sleep(min(CONFIRM_S, self._silence_s / 2))
                if await self._differs():
                    raise Unavailable("the account changed and the user stream was silent")
            stream.touch()

    async def _differs(self) -> bool:
        asked = await self._asked()
        if asked is None:
            return False
        if self._known is None:
            # The first answer: what happened before it was asked for at the start.
            self._known = asked
        known = self._known | self._told
        return {k: v for k, v in known.items() if v} != {k: v for k, v in asked.items() if v}

    async def _asked(self) -> Holdings | None:
        try:
            return await self._read()
        except (ChimeraError, *UNREADABLE) as error:
            log.info("the account could not be compared now", error=str(error))
            return None
