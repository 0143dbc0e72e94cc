"""Whether the futures account pays its fees in BNB. Nothing announces a change of it, and asking weighs 30."""

import asyncio
import time
from typing import Any

from .calls import Calls

KEPT_S = 10.0  # so that preparing many symbols at once asks once


class FeeBurn:
    """Asks now and then."""

    def __init__(self, calls: Calls, client: Any, *, kept_s: float = KEPT_S) -> None:
        self._calls = calls
        self._client = client
        self._kept_s = kept_s
        self._asking = asyncio.Lock()
        self._answer: tuple[bool, float] | None = None  # and when it was read, monotonic seconds

    async def is_on(self) -> bool:
        """Tell whether fees are paid in BNB.

        Raises
        ------
        ChimeraError
            If the venue does not say.
        """
        async with self._asking:
            if self._answer is None or time.monotonic() - self._answer[1] >= self._kept_s:
                told = await self._calls.read(self._client.fapiPrivateGetFeeBurn, {}, optional=True)
                self._answer = is_true(told["feeBurn"]), time.monotonic()
            return self._answer[0]


def is_true(flag: object) -> bool:
    """Read a flag that the venue tells as a word or as a boolean."""
    return str(flag).lower() == "true"
