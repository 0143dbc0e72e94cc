"""When the venue's listing is read again: each hour, and at once when it refused an order by its filters."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from chimera.errors import ChimeraError
from chimera.events import OrderRejected
from chimera.events.base import Event

from .calls import UNREADABLE
from .streams import Sink

log = structlog.get_logger(__name__)

CHECK_S = 3_600.0
AGAIN_S = 5.0  # at the soonest, however many orders are refused
FILTER_CODES = frozenset(
    {
        "-1013",  # a filter of spot
        "-1111",  # precision
        "-1121",  # no such symbol
        "-4002",  # price: maximum
        "-4003",  # quantity: none is left
        "-4004",  # quantity: minimum
        "-4005",  # quantity: maximum
        "-4013",  # price: minimum
        "-4014",  # price: tick
        "-4016",  # price: too high for the market
        "-4023",  # quantity: step
        "-4024",  # price: too low for the market
        "-4141",  # the symbol is closed
        "-4164",  # notional: minimum
    }
)


class ListingWatch:
    """Tells when to check; what is refused while it pauses is not forgotten."""

    def __init__(self, *, check_s: float = CHECK_S, again_s: float = AGAIN_S) -> None:
        self._check_s = check_s
        self._again_s = again_s
        self._doubted = asyncio.Event()

    def noting(self, sink: Sink) -> Sink:
        """Return a sink that hands on to `sink`, and notes the refusals that changed filters explain."""

        def note(event: Event) -> None:
            if isinstance(event, OrderRejected) and event.code in FILTER_CODES:
                self._doubted.set()
            sink(event)

        return note

    async def keep(self, check: Callable[[], Awaitable[None]]) -> None:
        """Check for ever; one that fails is made again after the pause."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._doubted.wait(), timeout=self._check_s)
            self._doubted.clear()
            try:
                await check()
            except (ChimeraError, *UNREADABLE) as error:
                log.warning("the listing could not be checked", error=str(error))
                self._doubted.set()
            await asyncio.sleep(self._again_s)
