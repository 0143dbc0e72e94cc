"""Every REST call to one market of the venue: errors mapped, the clock kept, the venue's limits obeyed.

Used by the connectors and their order desks. What changes something is sent once; only a refusal for
the clock alone, which is definite, is sent again, and with the same id.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import structlog

from chimera.clock import WallClock
from chimera.errors import ChimeraError, RateLimited

from .budget import Budget
from .vendor_errors import CLOCK_AHEAD_OR_BEHIND, headers_of, of_change, of_read

log = structlog.get_logger(__name__)

Raw = dict[str, Any]
Endpoint = Callable[[Raw], Awaitable[Any]]

PAUSE_WITHOUT_ADVICE_S = 30.0
UNREADABLE = (
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    ArithmeticError,
    StopIteration,
)


class Calls:
    """One client's requests.

    Parameters
    ----------
    client : a ccxt client of one market
    weight_limit : request weight per minute until the venue tells its own
    """

    def __init__(self, client: Any, *, weight_limit: int) -> None:
        self._client = client
        self.budget = Budget(weight_per_minute=weight_limit, clock=WallClock())
        self.limited = asyncio.Event()  # set while the venue wants no request
        self._allowed_at = 0.0  # monotonic seconds

    async def change(self, endpoint: Endpoint, body: Raw, *, may_wait: bool = True) -> Any:
        """Submit, cancel or set something.

        Parameters
        ----------
        may_wait : send it once the venue takes requests again, rather than never; what may not wait
            leaves the rest of the venue's count of orders to what may

        Raises
        ------
        Rejected
            The venue refused.
        RateLimited
            It was not sent or not taken, for the venue's limits.
        OutcomeUnknown
            It may or may not have happened.
        """
        if may_wait:
            await self.until_allowed()
        elif self.budget.orders_are_low:
            raise RateLimited(
                "the rest of the venue's count of orders is reserved for exits and stops"
            )
        return await self._call(endpoint, body, of_change)

    async def read(self, endpoint: Endpoint, params: Raw, *, optional: bool = False) -> Any:
        """Ask something; an `optional` question is not asked when the minute's weight runs low.

        Raises
        ------
        Rejected
            The venue refused to answer.
        Transient
            It could not be asked now.
        """
        if optional and self.budget.weight_is_low:
            raise RateLimited("the rest of this minute's weight is reserved for orders")
        return await self._call(endpoint, params, of_read)

    async def sync_clock(self) -> int:
        """Measure how far our clock is ahead of the venue's (ms); requests are signed by the venue's."""

        async def measure(_: Raw) -> Any:
            return await self._client.load_time_difference()

        return int(await self.read(measure, {}, optional=True))

    async def until_allowed(self) -> None:
        """Return when the venue takes requests, which is at once unless it told us to wait."""
        while (left := self._allowed_at - time.monotonic()) > 0:
            await asyncio.sleep(left)
        self.limited.clear()

    async def _call(
        self, endpoint: Endpoint, params: Raw, mapped: Callable[[Exception], ChimeraError]
    ) -> Any:
        try:
            return await self._send(endpoint, params, mapped)
        except ChimeraError as error:
            if error.details.get("venue_code") != CLOCK_AHEAD_OR_BEHIND:
                raise
            log.warning("the venue refused our clock; reading its own", error=error.message)
        await self._send(lambda _: self._client.load_time_difference(), {}, mapped)
        return await self._send(endpoint, params, mapped)

    async def _send(
        self, endpoint: Endpoint, params: Raw, mapped: Callable[[Exception], ChimeraError]
    ) -> Any:
        if time.monotonic() < self._allowed_at:
            raise RateLimited("the venue told us to wait")
        try:
            answer = await endpoint(params)
        except ccxt.BaseError as error:
            told = mapped(error)
            self.budget.note(headers_of(error))
            if isinstance(told, RateLimited):
                self._obey(told)
            raise told from error
        self.budget.note(self._client.last_response_headers or {})
        return answer

    def _obey(self, limited: RateLimited) -> None:
        advised_ms = limited.details.get("retry_after_ms")
        pause_s = PAUSE_WITHOUT_ADVICE_S if advised_ms is None else advised_ms / 1_000
        self._allowed_at = max(self._allowed_at, time.monotonic() + pause_s)
        self.limited.set()
        log.error("the venue limits us", pause_s=pause_s, error=limited.message)
