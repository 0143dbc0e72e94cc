"""Closed bars of some symbols, each handed on once and in order; what a stream missed is read by REST."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from chimera.clock import Millis
from chimera.errors import Transient
from chimera.events import BarClosed

log = structlog.get_logger(__name__)

RETRY_S = 0.5

ReadBars = Callable[[str, Millis], Awaitable[Sequence[BarClosed]]]  # symbol, from this open time


class BarSequence:
    """Orders what stream and REST say.

    A bar that does not follow the last one waits until the bars between were read.
    """

    def __init__(self, read: ReadBars, sink: Callable[[BarClosed], None]) -> None:
        self._read = read
        self._sink = sink
        self._last: dict[str, Millis] = {}  # close time of the last bar handed on
        self._held: dict[str, list[BarClosed]] = {}
        self._filling: dict[str, asyncio.Task[None]] = {}

    def begin(self, symbol: str, close_time: Millis) -> None:
        """Say where the history of `symbol` ends."""
        self._last[symbol] = close_time

    def last_close(self, symbol: str) -> Millis:
        """Return the close time of the last bar handed on, 0 if none was."""
        return self._last.get(symbol, 0)

    def offer(self, bar: BarClosed) -> None:
        """Take in a bar of the stream."""
        last = self._last.get(bar.symbol)
        if last is not None and (bar.symbol in self._filling or bar.open_time > last):
            self._held.setdefault(bar.symbol, []).append(bar)
            self._fill(bar.symbol)
        elif last is None or bar.ts_event > last:
            self._hand_on(bar)

    async def catch_up(self) -> None:
        """Return when every bar that closed so far was handed on."""
        await asyncio.gather(*(self._fill(symbol) for symbol in list(self._last)))

    def stop(self) -> None:
        for task in list(self._filling.values()):
            task.cancel()

    def _fill(self, symbol: str) -> asyncio.Task[None]:
        task = self._filling.get(symbol)
        if task is None:
            task = self._filling[symbol] = asyncio.ensure_future(self._filled(symbol))
        return task

    async def _filled(self, symbol: str) -> None:
        try:
            read = await self._missed(symbol)
            held = self._held.pop(symbol, [])
            known = {bar.ts_event: bar for bar in (*read, *held)}
            for close_time in sorted(known):
                if close_time > self._last[symbol]:
                    self._hand_on(known[close_time])
        finally:
            del self._filling[symbol]

    async def _missed(self, symbol: str) -> Sequence[BarClosed]:
        while True:
            try:
                return await self._read(symbol, self._last[symbol])
            except Transient as error:
                log.info("bars not read yet", symbol=symbol, error=error.message)
                await asyncio.sleep(RETRY_S)

    def _hand_on(self, bar: BarClosed) -> None:
        self._last[bar.symbol] = bar.ts_event
        self._sink(bar)
