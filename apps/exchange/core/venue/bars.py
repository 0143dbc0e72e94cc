"""Whole bars, the fast path of simulations: a bar that touches nobody costs a few comparisons.

A bar is a walk through its corners: O-L-H-C when it closed at or above its open, else O-H-L-C. Most bars
lie within the `Quiet` range of their listing, in which nothing can fill, fire or be liquidated; of those
only the outcome is kept. The others are walked price by price. Both ways end in the same state.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Protocol

from apps.exchange.core.venue.actions import Bar
from apps.exchange.core.venue.algos import AlgoDesk
from apps.exchange.core.venue.floor import Floor, Listing, Quiet
from apps.exchange.core.venue.liquidation import RiskEngine
from chimera.clock import MINUTE, Millis
from chimera.instruments import Market, Side
from chimera.money import ZERO, decimal_of

MARK_TIME_CONSTANT: Millis = 30_000


def mark_weight(elapsed: Millis) -> float:
    """Return how far the mark follows a price that stood for `elapsed`: a low-pass filter's step."""
    return elapsed / (elapsed + MARK_TIME_CONSTANT)


@cache
def _leg_weights(width: Millis) -> tuple[float, float]:
    """Return the mark's steps on a bar's second and third leg, and on its last."""
    third = width // 3
    return mark_weight(third), mark_weight(width - 2 * third - 1)


class Stepper(Protocol):
    """What the walk needs of `pricing.Pricing`."""

    def step(
        self,
        listing: Listing,
        price: float,
        volume: Decimal,
        ts: Millis,
        *,
        bought: bool | None,
        minute_volume: float,
    ) -> None: ...

    def advance(self, now: Millis) -> None: ...


class BarWalker:
    """Takes whole bars for `Pricing`."""

    def __init__(
        self, floor: Floor, *, pricing: Stepper, algos: AlgoDesk, risk: RiskEngine
    ) -> None:
        self._floor = floor
        self._pricing = pricing
        self._algos = algos
        self._risk = risk

    def take(self, listing: Listing, bar: Bar) -> Iterator[None]:
        """Let the market live through a bar; pause on the way wherever somebody's orders were met."""
        low, high, close = bar.low, bar.high, bar.close
        opened, open_ = bar.open_time, bar.open
        width = bar.close_time - opened
        first, second = (low, high) if close >= open_ else (high, low)
        if not self._is_quiet(listing, low, high, opened):
            third = width // 3
            times = (opened, opened + third, opened + 2 * third, bar.close_time - 1)
            yield from self._walk(listing, times, (open_, first, second, close), bar)
            return
        mark, last = listing.mark_px, listing.last_px
        assert mark is not None
        weight, last_weight = _leg_weights(width)
        mark += (open_ - mark) * mark_weight(opened - listing.moved_at)
        mark += (first - mark) * weight
        mark += (second - mark) * weight
        listing.mark_px = mark + (close - mark) * last_weight
        # The last leg that moved at all says whether the last trade was bought.
        if close != second:
            listing.bought = close > second
        elif second != first:
            listing.bought = second > first
        elif open_ != last:
            listing.bought = last is None or open_ > last
        listing.last_px = close
        listing.moved_at = bar.close_time - 1
        listing.minute_volume = bar.volume * MINUTE / width
        listing.ladder_stale = True

    def _is_quiet(self, listing: Listing, low: float, high: float, opened: Millis) -> bool:
        floor, mark = self._floor, listing.mark_px
        if (
            mark is None
            or listing.last_px is None
            or listing.moved_at > opened
            or floor.publish_market
            or not listing.synthetic
        ):
            return False
        quiet = listing.quiet
        if quiet is None or listing.quiet_epoch != floor.epoch:
            quiet = self._measure(listing)
        # The mark is a mean of earlier marks and of prices on the path, so it stays between them.
        return (
            quiet.low < low
            and high < quiet.high
            and quiet.mark_low < (low if low < mark else mark)
            and (high if high > mark else mark) < quiet.mark_high
        )

    def _measure(self, listing: Listing) -> Quiet:
        quiet = Quiet(float("-inf"), float("inf"), float("-inf"), float("inf"))
        # A tick of slack: triggers compare prices rounded to the tick.
        tick = float(listing.instrument.filters.tick_size)
        if bid := listing.book.best_own(Side.BUY):
            quiet.low = float(bid.price)
        if ask := listing.book.best_own(Side.SELL):
            quiet.high = float(ask.price)
        for price, rising in self._edges(listing):
            if rising:
                quiet.high = min(quiet.high, float(price))
            else:
                quiet.low = max(quiet.low, float(price))
        if listing.market is Market.USDM:
            for price, rising, on_mark in self._algos.edges(listing):
                if on_mark and rising:
                    quiet.mark_high = min(quiet.mark_high, float(price))
                elif on_mark:
                    quiet.mark_low = max(quiet.mark_low, float(price))
            self._risk.narrow(listing, quiet)
        quiet.low += tick
        quiet.high -= tick
        quiet.mark_low += tick
        quiet.mark_high -= tick
        listing.quiet, listing.quiet_epoch = quiet, self._floor.epoch
        return quiet

    def _walk(
        self, listing: Listing, times: tuple[Millis, ...], path: tuple[float, ...], bar: Bar
    ) -> Iterator[None]:
        """Step along a path. Between its corners the price passes every order and trigger on the way.

        The mark follows the corners alone, so that nobody's orders change it.
        """
        floor, step = self._floor, self._pricing.step
        volume = decimal_of(bar.volume / len(path))
        minute_volume = bar.volume * MINUTE / (bar.close_time - bar.open_time)
        for number, (ts, corner) in enumerate(zip(times, path, strict=True)):
            if floor.due <= ts:
                self._pricing.advance(ts)
            left_at, left_px = times[number - 1], listing.last_px
            # A gap between two bars is a real one: only inside the bar the price is continuous.
            while number and left_px and (price := self._next_edge(listing, corner)) is not None:
                part = (price - left_px) / (corner - left_px)
                floor.now = max(floor.now, left_at + int((ts - left_at) * part))
                at = listing.moved_at
                step(listing, price, ZERO, at, bought=None, minute_volume=minute_volume)
                if floor.outbox:
                    yield
            floor.now = max(floor.now, ts)
            step(listing, corner, volume, ts, bought=None, minute_volume=minute_volume)
            if floor.outbox:
                yield

    def _next_edge(self, listing: Listing, target: float) -> float | None:
        """Return the first price strictly between last and `target` at which something happens."""
        here = listing.last_px
        if here is None or here == target:
            return None
        rises = target > here
        low, high = min(here, target), max(here, target)
        edges = [*self._edges(listing), *self._passed(listing)]
        # As floats, as `last_px` is: a price that was stepped to is no longer between.
        ahead = [float(price) for price, rising in edges if rising is rises]
        between = [price for price in ahead if low < price < high]
        return (min(between) if rises else max(between)) if between else None

    def _passed(self, listing: Listing) -> Iterator[tuple[Decimal, bool]]:
        """Yield (price, whether reached by rising) one tick behind the best resting orders: they fill there."""
        tick = listing.instrument.filters.tick_size
        if bid := listing.book.best_own(Side.BUY):
            yield bid.price - tick, False
        if ask := listing.book.best_own(Side.SELL):
            yield ask.price + tick, True

    def _edges(self, listing: Listing) -> Iterator[tuple[Decimal, bool]]:
        """Yield (price, whether reached by rising) of all that last triggers."""
        for order in listing.stops.values():
            takes_profit = order.type.startswith("TAKE_PROFIT")
            yield order.stop_price, (order.side is Side.BUY) is not takes_profit
        if listing.market is Market.USDM:
            for price, rising, on_mark in self._algos.edges(listing):
                if not on_mark:
                    yield listing.to_tick(float(price), rising=rising), rising
