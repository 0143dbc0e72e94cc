"""What flows through each market stream: real-time events, conflated ones, and polled pictures.

A channel exists while somebody listens. `MarketHub` hands it events and asks it to flush.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.outbound import BookChanged, KlineMoved, VenueEvent
from apps.exchange.venue_shell import wire_spot, wire_um_events
from apps.exchange.venue_shell.sockets import Socket
from apps.exchange.venue_shell.streams import Stream, Topic
from apps.exchange.venue_shell.wire import Json, dumps, kline_event
from chimera.clock import Millis
from chimera.instruments import Market

DEPTH_UPDATE = {Market.USDM: wire_um_events.depth_update, Market.SPOT: wire_spot.depth_update}
MINI_TICKER = {Market.USDM: wire_um_events.mini_ticker, Market.SPOT: wire_spot.mini_ticker}
TICKER = {Market.USDM: wire_um_events.ticker, Market.SPOT: wire_spot.ticker}
TRADE = {Market.USDM: wire_um_events.trade, Market.SPOT: wire_spot.trade}
AGG_TRADE = {Market.USDM: wire_um_events.agg_trade, Market.SPOT: wire_spot.agg_trade}
BOOK_TICKER = {Market.USDM: wire_um_events.book_ticker, Market.SPOT: wire_spot.book_ticker}


class MarketView(Protocol):
    """What a channel may look at: the venue, the market's time, and whether a diff shall be lost."""

    venue: Venue

    def now(self) -> Millis: ...
    def loses_depth(self, market: Market, symbol: str) -> bool: ...
    def symbols(self, market: Market) -> list[str]: ...


class Channel:
    """One stream and its listeners."""

    def __init__(self, stream: Stream, view: MarketView) -> None:
        self.stream = stream
        self.view = view
        self.sockets: set[Socket] = set()
        self._due: Millis = 0

    def accept(self, event: Any) -> None:
        """Take in an event of the stream's topic and symbol."""

    def pending(self) -> Json | list[Json] | None:
        """Return what a flush shall send, or None."""
        return None

    def flush(self, wall: Millis) -> None:
        """Send what is pending, at most once a period."""
        if wall < self._due:
            return
        payload = self.pending()
        if payload is not None:
            self._due = wall + self.stream.period_ms
            self.send(payload)

    def send(self, payload: Json | list[Json]) -> None:
        text = dumps(payload)
        for socket in self.sockets:
            socket.offer_event(self.stream.name, text)

    def close(self) -> None:
        """Stop: nobody listens any more."""


class DirectChannel(Channel):
    """Sends every event at once: trades, quotes, liquidations."""

    def __init__(self, stream: Stream, view: MarketView, encode: Callable[[Any], Json]) -> None:
        super().__init__(stream, view)
        self._encode = encode

    def accept(self, event: VenueEvent) -> None:
        self.send(self._encode(event))


class KlineChannel(Channel):
    """The current bar once a period; a closed bar at once, so that none is ever skipped."""

    def __init__(self, stream: Stream, view: MarketView) -> None:
        super().__init__(stream, view)
        assert stream.symbol is not None
        self._latest: KlineMoved | None = None
        self._unwatch = view.venue.watch_klines(stream.market, stream.symbol, stream.interval)

    def accept(self, event: KlineMoved) -> None:
        if event.interval != self.stream.interval:
            return
        if event.closed:
            self._latest = None
            self.send(self._encode(event))
        else:
            self._latest = event

    def pending(self) -> Json | None:
        event, self._latest = self._latest, None
        return self._encode(event) if event else None

    def close(self) -> None:
        self._unwatch()

    @staticmethod
    def _encode(event: KlineMoved) -> Json:
        return kline_event(event.symbol, event.interval, event.kline, event.closed, event.ts)


class DepthChannel(Channel):
    """Book differences merged over a period: the last quantity of each level, the whole id range."""

    def __init__(self, stream: Stream, view: MarketView) -> None:
        super().__init__(stream, view)
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._first: BookChanged | None = None
        self._last: BookChanged | None = None

    def accept(self, event: BookChanged) -> None:
        if self._first is None:
            self._first = event
        self._last = event
        self._bids.update(event.bids)
        self._asks.update(event.asks)

    def pending(self) -> Json | None:
        if self._first is None or self._last is None:
            return None
        merged = BookChanged(
            ts=self._last.ts,
            market=self._last.market,
            symbol=self._last.symbol,
            first_id=self._first.first_id,
            final_id=self._last.final_id,
            prev_final_id=self._first.prev_final_id,
            bids=tuple(self._bids.items()),
            asks=tuple(self._asks.items()),
        )
        self._first = self._last = None
        self._bids.clear()
        self._asks.clear()
        if self.view.loses_depth(merged.market, merged.symbol):
            return None
        return DEPTH_UPDATE[merged.market](merged)


class DepthLevelsChannel(Channel):
    """The best levels, whenever they may have changed."""

    def __init__(self, stream: Stream, view: MarketView) -> None:
        super().__init__(stream, view)
        self._sent_id = -1

    def pending(self) -> Json | None:
        stream = self.stream
        assert stream.symbol is not None
        update_id, bids, asks = self.view.venue.depth(stream.market, stream.symbol, stream.levels)
        if update_id == self._sent_id:
            return None
        previous, self._sent_id = self._sent_id, update_id
        if stream.market is Market.SPOT:
            return wire_spot.depth_levels(update_id, bids, asks)
        return wire_um_events.depth_levels(
            stream.symbol, self.view.now(), update_id, previous, bids, asks
        )


class PolledChannel(Channel):
    """A picture of one symbol or of all, once a period: mark prices and tickers."""

    def __init__(
        self,
        stream: Stream,
        view: MarketView,
        read: Callable[[MarketView, Stream, str], Json | None],
    ) -> None:
        super().__init__(stream, view)
        self._read = read

    def pending(self) -> Json | list[Json] | None:
        stream = self.stream
        if stream.symbol is not None:
            return self._read(self.view, stream, stream.symbol)
        rows = [self._read(self.view, stream, name) for name in self.view.symbols(stream.market)]
        return [row for row in rows if row is not None] or None


def open_channel(stream: Stream, view: MarketView) -> Channel:
    """Make the channel that carries `stream`."""
    match stream.topic:
        case Topic.TRADE:
            return DirectChannel(stream, view, TRADE[stream.market])
        case Topic.AGG_TRADE:
            return DirectChannel(stream, view, AGG_TRADE[stream.market])
        case Topic.BOOK_TICKER:
            return DirectChannel(stream, view, BOOK_TICKER[stream.market])
        case Topic.FORCE_ORDER:
            return DirectChannel(stream, view, wire_um_events.force_order)
        case Topic.KLINE:
            return KlineChannel(stream, view)
        case Topic.DEPTH:
            return DepthChannel(stream, view)
        case Topic.DEPTH_LEVELS:
            return DepthLevelsChannel(stream, view)
        case Topic.MARK_PRICE:
            return PolledChannel(stream, view, _mark_price)
        case Topic.MINI_TICKER:
            return PolledChannel(stream, view, _mini_ticker)
        case Topic.TICKER:
            return PolledChannel(stream, view, _ticker)


def _mark_price(view: MarketView, stream: Stream, symbol: str) -> Json | None:
    return wire_um_events.mark_price(view.venue.listing(stream.market, symbol), view.now())


def _mini_ticker(view: MarketView, stream: Stream, symbol: str) -> Json:
    now = view.now()
    day = view.venue.ticker24h(stream.market, symbol, now)
    return MINI_TICKER[stream.market](symbol, day, now)


def _ticker(view: MarketView, stream: Stream, symbol: str) -> Json:
    now = view.now()
    day = view.venue.ticker24h(stream.market, symbol, now)
    return TICKER[stream.market](view.venue.listing(stream.market, symbol), day, now)
