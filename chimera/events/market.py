"""What the market did. Prices and quantities are float64: inputs to research, never to an order."""

from chimera.clock import Millis
from chimera.events.base import Event
from chimera.instruments import Instrument, Side

Level = tuple[float, float]  # price (quote per base), quantity (base units)


class BarClosed(Event, frozen=True, kw_only=True, gc=False, tag="market.bar.v1"):
    """A bar of ``[open_time, ts_event)`` is complete; `volume` is in base units.

    `mark_px` is the mark price at the close, where a market is known by its bars alone; there the close is
    the quote as well. None: marks and quotes are told by themselves.
    """

    symbol: str
    interval: str
    open_time: Millis
    open: float
    high: float
    low: float
    close: float
    volume: float
    mark_px: float | None = None


class QuoteChanged(Event, frozen=True, kw_only=True, gc=False, tag="market.quote.v1"):
    """The best bid or ask changed."""

    symbol: str
    bid_px: float
    bid_qty: float
    ask_px: float
    ask_qty: float


class DepthChanged(Event, frozen=True, kw_only=True, gc=False, tag="market.depth.v1"):
    """The best levels of the book, best first."""

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class TradePrinted(Event, frozen=True, kw_only=True, gc=False, tag="market.trade.v1"):
    """Others traded; `aggressor` is the taker's side.

    What one order took at one price is one trade; `trade_id` numbers such trades of a symbol.
    """

    symbol: str
    trade_id: int
    px: float
    qty: float
    aggressor: Side


class MarkPriceChanged(Event, frozen=True, kw_only=True, gc=False, tag="market.mark.v1"):
    """Mark and index price of a perpetual; `funding_rate` is the fraction due at `next_funding_time`."""

    symbol: str
    mark_px: float
    index_px: float
    funding_rate: float
    next_funding_time: Millis


class HistoryLoaded(Event, frozen=True, kw_only=True, gc=False, tag="market.history.v1"):
    """Closed bars from before now, oldest first, for warming factors up without trading on them."""

    symbol: str
    interval: str
    bars: tuple[BarClosed, ...]


class InstrumentListed(Event, frozen=True, kw_only=True, gc=False, tag="market.instrument.v1"):
    """The venue's filters for an instrument, as read now."""

    instrument: Instrument
