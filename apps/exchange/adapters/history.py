"""The closed bars of the past: as many as a bundle looks back to, and those that a stream left out."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from chimera.clock import Clock, Millis
from chimera.errors import Transient
from chimera.events import BarClosed, HistoryLoaded
from chimera.instruments import venue_symbol

from .bars import BarSequence
from .calls import UNREADABLE, Calls, Endpoint, Raw
from .streams import Sink
from .wire_market import bar_of_row

log = structlog.get_logger(__name__)

BARS_PER_READ = 1_000
RETRY_S = 1.0


class BarHistory:
    """Reads the bars of one market page by page.

    Parameters
    ----------
    klines : the market's endpoint
    interval : of the bars, such as ``1m``
    bars : how many of each symbol are wanted
    """

    def __init__(
        self, calls: Calls, klines: Endpoint, *, interval: str, bars: int, clock: Clock
    ) -> None:
        self._calls = calls
        self._klines = klines
        self._interval = interval
        self._wanted = bars
        self._clock = clock
        self._more_wanted = asyncio.Event()

    def require(self, bars: int) -> None:
        """Want a longer history, now and from now on, if `bars` are more than were wanted."""
        if bars > self._wanted:
            self._wanted = bars
            self._more_wanted.set()

    async def load(self, symbols: Iterable[str], sequence: BarSequence, sink: Sink) -> None:
        """Tell the history of each symbol, after which `sequence` goes on."""
        self._more_wanted.clear()
        for symbol in symbols:
            past = await self._newest(symbol)
            if past:
                sequence.begin(symbol, past[-1].ts_event)
                self._tell(symbol, past, sink)

    async def lengthen(self, symbols: Sequence[str], sequence: BarSequence, sink: Sink) -> None:
        """Load the history anew whenever more of it is wanted, up to the last bar handed on."""
        while True:
            await self._more_wanted.wait()
            self._more_wanted.clear()
            for symbol in symbols:
                past = await self._newest(symbol)
                last = sequence.last_close(symbol)
                self._tell(symbol, [bar for bar in past if bar.ts_event <= last], sink)

    async def since(self, symbol: str, open_time: Millis) -> list[BarClosed]:
        """Return the closed bars that opened at `open_time` or later; raises what a read raises."""
        found: list[BarClosed] = []
        while True:
            page = await self._closed(symbol, {"startTime": open_time, "limit": BARS_PER_READ})
            found += page
            if len(page) < BARS_PER_READ - 1:
                return found
            open_time = page[-1].ts_event

    def _tell(self, symbol: str, past: Sequence[BarClosed], sink: Sink) -> None:
        if not past:
            return
        last = past[-1].ts_event
        sink(
            HistoryLoaded(
                id=f"history:{symbol}:{self._interval}:{last}:{len(past)}",
                ts_event=last,
                ts_init=self._clock.now(),
                symbol=symbol,
                interval=self._interval,
                bars=tuple(past),
            )
        )

    async def _newest(self, symbol: str) -> list[BarClosed]:
        """Read as many bars as are wanted, page by page from the newest back."""
        past: list[BarClosed] = []
        while len(past) < self._wanted:
            # One more than wanted: the newest of all may be open, that of an older page is known.
            limit = min(self._wanted - len(past) + 1, BARS_PER_READ)
            span: Raw = {"limit": limit}
            if past:
                span["endTime"] = past[0].open_time
            page = await self._until_read(symbol, span)
            if past:
                page = [bar for bar in page if bar.ts_event <= past[0].open_time]
            past = [*page, *past]
            if len(page) < limit - 1:
                break  # the venue has no older ones
        return past

    async def _until_read(self, symbol: str, span: Raw) -> list[BarClosed]:
        while True:
            try:
                return await self._closed(symbol, span)
            except (Transient, *UNREADABLE) as error:
                log.info("waiting for the venue", error=str(error))
                await asyncio.sleep(RETRY_S)

    async def _closed(self, symbol: str, span: Raw) -> list[BarClosed]:
        """Read bars that another one follows: the last one may be open still, whatever our clock says."""
        rows = await self._calls.read(
            self._klines,
            {"symbol": venue_symbol(symbol), "interval": self._interval, **span},
            optional=True,
        )
        now = self._clock.now()
        return [bar_of_row(row, symbol, self._interval, now) for row in rows[:-1]]
