"""The connector to USDT-M futures: it keeps the streams and hands commands to the order desk.

Used by `apps/exchange/worker.py`. Satisfies the runtime's `ExchangePort`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import ccxt
import structlog

from apps.exchange.core.venue.instruments import parse_symbol
from chimera.clock import Clock
from chimera.events import (
    DepthChanged,
    HistoryLoaded,
    InstrumentListed,
    TradingHalted,
    TradingResumed,
)
from chimera.events.base import Command
from chimera.instruments import Market, venue_symbol

from .streams import Sink, keep_watching
from .tapped import TappedUsdm
from .usdm_orders import UsdmOrders
from .wire_market import bar_of_row, market_event
from .wire_user import Children, Raw, user_events

log = structlog.get_logger(__name__)

LISTEN_KEY_RENEWAL_S = 25 * 60.0  # the key lives 60 minutes; ccxt renews it only once
CLOCK_CHECK_S = 60.0
CLOCK_OFFSET_MAX_MS = 1_000
CLOCK_SOURCE = "exchange:clock"
DEPTH_LEVELS = 20
RETRY_S = 1.0


class UsdmConnector:
    """Market data, orders and account of USDT-M futures."""

    def __init__(
        self,
        client: TappedUsdm,
        *,
        symbols: Sequence[str],
        interval: str,
        history_bars: int,
        clock: Clock,
    ) -> None:
        self._client = client
        self._names = {symbol: venue_symbol(symbol) for symbol in symbols}
        self._interval = interval
        self._history_bars = history_bars
        self._clock = clock
        self._children = Children()
        self._orders = UsdmOrders(client, self._children, clock)
        self._last_bar: dict[str, int] = {}
        self._clock_off = False

    async def run(self, sink: Sink) -> None:
        """List the instruments, load history, then bring everything the streams say."""
        await self._until_answered(self._client.load_markets)
        self._leave_out_unlisted()
        self._list_instruments(sink)
        for symbol in self._names:
            await self._until_answered(partial(self._load_history, symbol, sink))
        self._client.options["tap"] = lambda message: self._on_message(message, sink)
        unified = [
            self._client.safe_symbol(name, None, None, "swap") for name in self._names.values()
        ]
        bars = [[symbol, self._interval] for symbol in unified]
        async with asyncio.TaskGroup() as tasks:

            def keep(name: str, watch: Any, on_return: Any = None) -> None:
                watching = keep_watching(
                    f"exchange:{name}", watch, clock=self._clock, sink=sink, on_return=on_return
                )
                tasks.create_task(watching, name=name)

            keep("user", self._client.watch_orders)
            keep(
                "bars",
                lambda: self._client.watch_ohlcv_for_symbols(bars),
                on_return=lambda: self._fill_missed_bars(sink),
            )
            keep("quotes", lambda: self._client.watch_bids_asks(unified))
            keep("marks", lambda: self._client.watch_mark_prices(unified))
            for symbol, name in zip(self._names, unified, strict=True):
                keep(f"depth:{symbol}", self._depth_watch(symbol, name, sink))
            tasks.create_task(self._renew_listen_key(), name="listen-key")
            tasks.create_task(self._watch_venue_clock(sink), name="venue-clock")

    async def execute(self, command: Command, sink: Sink) -> None:
        await self._orders.execute(command, sink)

    async def close(self) -> None:
        await self._client.close()

    # --- market ------------------------------------------------------------------------------------------

    def _leave_out_unlisted(self) -> None:
        """A symbol the venue does not list is never traded; the others are."""
        listed = {market["id"] for market in self._client.markets.values() if market["swap"]}
        for symbol, name in list(self._names.items()):
            if name not in listed:
                log.warning("the venue does not list a symbol of the bundle", symbol=symbol)
                del self._names[symbol]

    def _list_instruments(self, sink: Sink) -> None:
        now = self._clock.now()
        by_id = {m["id"]: m["info"] for m in self._client.markets.values() if m["swap"]}
        for symbol, name in self._names.items():
            listed = parse_symbol(Market.USDM, by_id[name])
            sink(
                InstrumentListed(
                    id=f"instrument:{symbol}:{now}",
                    ts_event=now,
                    ts_init=now,
                    instrument=listed.filters,
                )
            )

    async def _load_history(self, symbol: str, sink: Sink) -> None:
        bars = tuple(await self._closed_bars(symbol, limit=self._history_bars + 1))
        if not bars:
            return
        now = self._clock.now()
        self._last_bar[symbol] = bars[-1].ts_event
        sink(
            HistoryLoaded(
                id=f"history:{symbol}:{self._interval}:{bars[-1].ts_event}",
                ts_event=bars[-1].ts_event,
                ts_init=now,
                symbol=symbol,
                interval=self._interval,
                bars=bars,
            )
        )

    async def _fill_missed_bars(self, sink: Sink) -> None:
        """Bring the bars that closed while the stream was lost; too old to trade on, not to know."""
        for symbol in self._names:
            known = self._last_bar.get(symbol, 0)
            for bar in await self._closed_bars(symbol, limit=1_000):
                if bar.ts_event > known:
                    self._last_bar[symbol] = bar.ts_event
                    sink(bar)

    async def _closed_bars(self, symbol: str, *, limit: int) -> Any:
        rows = await self._client.fapiPublicGetKlines(
            {"symbol": self._names[symbol], "interval": self._interval, "limit": min(limit, 1_500)}
        )
        now = self._clock.now()
        bars = (bar_of_row(row, symbol, self._interval, now) for row in rows)
        return [bar for bar in bars if bar.ts_event <= now]

    def _depth_watch(self, symbol: str, name: str, sink: Sink) -> Callable[[], Awaitable[object]]:
        async def watch() -> None:
            book = await self._client.watch_order_book(name)
            now = self._clock.now()
            sink(
                DepthChanged(
                    id=f"depth:{symbol}:{book['nonce']}",
                    ts_event=int(book["timestamp"] or now),
                    ts_init=now,
                    symbol=symbol,
                    bids=tuple((level[0], level[1]) for level in book["bids"][:DEPTH_LEVELS]),
                    asks=tuple((level[0], level[1]) for level in book["asks"][:DEPTH_LEVELS]),
                )
            )

        return watch

    def _on_message(self, message: Raw, sink: Sink) -> None:
        now = self._clock.now()
        event = market_event(message, Market.USDM, now)
        if event is not None:
            if message.get("e") == "kline":
                self._last_bar[event.symbol] = event.ts_event  # type: ignore[attr-defined]
            sink(event)
            return
        for event in user_events(message, self._children, now):
            sink(event)

    # --- upkeep ------------------------------------------------------------------------------------------

    async def _renew_listen_key(self) -> None:
        while True:
            await asyncio.sleep(LISTEN_KEY_RENEWAL_S)
            try:
                await self._client.fapiPrivatePutListenKey()
            except ccxt.BaseError as error:
                log.warning("listen key not renewed", error=str(error))

    async def _watch_venue_clock(self, sink: Sink) -> None:
        """Keep the offset to the venue's clock; too large a one stops new risk."""
        while True:
            try:
                offset = await self._client.load_time_difference()
            except ccxt.BaseError as error:
                log.warning("venue clock not read", error=str(error))
            else:
                self._judge_clock(int(offset), sink)
            await asyncio.sleep(CLOCK_CHECK_S)

    def _judge_clock(self, offset_ms: int, sink: Sink) -> None:
        off = abs(offset_ms) > CLOCK_OFFSET_MAX_MS
        if off is self._clock_off:
            return
        self._clock_off = off
        now = self._clock.now()
        if off:
            sink(
                TradingHalted(
                    id=f"halt:clock:{now}",
                    ts_event=now,
                    ts_init=now,
                    source=CLOCK_SOURCE,
                    reason=f"our clock is {offset_ms} ms off the venue's",
                )
            )
        else:
            sink(
                TradingResumed(
                    id=f"resume:clock:{now}", ts_event=now, ts_init=now, source=CLOCK_SOURCE
                )
            )

    async def _until_answered(self, call: Callable[[], Awaitable[object]]) -> None:
        """Repeat a read at start until the venue is there."""
        while True:
            try:
                await call()
            except ccxt.NetworkError as error:
                log.info("waiting for the venue", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(RETRY_S)
            else:
                return
