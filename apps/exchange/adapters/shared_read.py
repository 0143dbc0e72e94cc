"""What many ask the venue for at the same time is read once, and kept for a moment: reads have a weight."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from chimera.errors import ChimeraError

from .calls import UNREADABLE

Answer = TypeVar("Answer")


class SharedRead(Generic[Answer]):
    """One question, asked at most every `kept_s` seconds; a failure is kept like an answer.

    Parameters
    ----------
    read : asks the venue
    """

    def __init__(self, read: Callable[[], Awaitable[Answer]], *, kept_s: float) -> None:
        self._read = read
        self._kept_s = kept_s
        self._reading = asyncio.Lock()
        self._kept: Answer | Exception = LookupError("nothing was read yet")
        self._kept_until = 0.0  # monotonic seconds
        self._forgotten = 0  # times; a read that was under way then is not kept

    async def ask(self) -> Answer:
        """Return what the venue says, or said a moment ago.

        Raises
        ------
        ChimeraError, or one of `UNREADABLE`
            As `read` did, now or a moment ago.
        """
        async with self._reading:
            told = self._kept if time.monotonic() < self._kept_until else await self._ask_venue()
        if isinstance(told, Exception):
            raise told
        return told

    def forget(self) -> None:
        """Have everybody who asks from now on told what the venue says from now on."""
        self._forgotten += 1
        self._kept_until = 0.0

    async def _ask_venue(self) -> Answer | Exception:
        forgotten = self._forgotten
        try:
            self._kept = await self._read()
        except (ChimeraError, *UNREADABLE) as error:
            self._kept = error
        if forgotten == self._forgotten:
            self._kept_until = time.monotonic() + self._kept_s
        return self._kept
