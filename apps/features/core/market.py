"""The last quote, depth and mark price of one symbol, and which of them still hold at a bar's close."""

from chimera.clock import SECOND, Millis
from chimera.events.features import MarketInputs
from chimera.events.market import BarClosed, DepthChanged, MarkPriceChanged, QuoteChanged

# How far apart in event time a fact and a bar's close may be for the one to describe the other.
QUOTE_FRESH_MS: Millis = 5 * SECOND
DEPTH_FRESH_MS: Millis = 5 * SECOND
MARK_FRESH_MS: Millis = 10 * SECOND


class LatestMarket:
    """Keeps the newest of each by event time; what arrives late never replaces something newer.

    `speed` is how much faster than the wall a replayed market runs: streams that tick by the wall are
    then that much further apart in event time.
    """

    __slots__ = ("_depth", "_mark", "_quote", "_speed")

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._quote: QuoteChanged | None = None
        self._depth: DepthChanged | None = None
        self._mark: MarkPriceChanged | None = None

    def take_quote(self, event: QuoteChanged) -> None:
        if self._quote is None or event.ts_event >= self._quote.ts_event:
            self._quote = event

    def take_depth(self, event: DepthChanged) -> None:
        if self._depth is None or event.ts_event >= self._depth.ts_event:
            self._depth = event

    def take_mark(self, event: MarkPriceChanged) -> None:
        if self._mark is None or event.ts_event >= self._mark.ts_event:
            self._mark = event

    def inputs_at(self, bar: BarClosed, depth_levels: int) -> MarketInputs:
        """Return all that is known at the close of `bar`, with the best `depth_levels` of the book."""
        quote, depth, mark = self._quote, self._depth, self._mark
        at, speed = bar.ts_event, self._speed
        if quote is not None and abs(at - quote.ts_event) > QUOTE_FRESH_MS * speed:
            quote = None
        if mark is not None and abs(at - mark.ts_event) > MARK_FRESH_MS * speed:
            mark = None
        if depth is not None and (
            not depth_levels or abs(at - depth.ts_event) > DEPTH_FRESH_MS * speed
        ):
            depth = None
        if quote is None and depth is None and mark is None:
            return MarketInputs(bar=bar)
        return MarketInputs(
            bar=bar,
            bid_px=quote.bid_px if quote is not None else None,
            bid_qty=quote.bid_qty if quote is not None else None,
            ask_px=quote.ask_px if quote is not None else None,
            ask_qty=quote.ask_qty if quote is not None else None,
            bids=depth.bids[:depth_levels] if depth is not None else None,
            asks=depth.asks[:depth_levels] if depth is not None else None,
            mark_px=mark.mark_px if mark is not None else None,
            funding_rate=mark.funding_rate if mark is not None else None,
            next_funding_time=mark.next_funding_time if mark is not None else None,
        )
