"""A market that never was: seeded order flow with spread, depth, clustered volatility and funding.

It is a synthetic recording: the generator keeps its own book and yields what a recorder of it would
have seen, so the venue treats it like any depth feed.

1. A fair price follows GARCH(1,1) returns around a slowly moving index; calm and storm alternate.
2. Quotes are refreshed around the fair price; the spread widens and depth thins with volatility.
3. Market orders arrive as a Poisson process, in the direction of the mispricing, and eat the book.
4. Every second mark and index are published; at each boundary the premium sets the funding rate.

References
----------
Bollerslev (1986), GARCH; Cont, Stoikov, Talreja (2010) for Poisson order arrivals; Binance's funding
formula: ``F = P + clamp(I - P, -0.05%, 0.05%)``.
"""

import math
import random
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from apps.exchange.core.venue.actions import (
    ChangeDepth,
    Levels,
    PrintTrade,
    SetDepth,
    SetFunding,
    SetMark,
)
from apps.exchange.core.venue.feeds.merge import TimedAction
from apps.exchange.core.venue.instruments import VenueInstrument
from chimera.clock import HOUR, SECOND, Millis
from chimera.instruments import Market, Side

FUNDING_INTERVAL = 8 * HOUR
_INTEREST = 0.0001
_CLAMP = 0.0005
_RATE_CAP = 0.0075


class FlowShape(msgspec.Struct, frozen=True, kw_only=True):
    """How the market behaves. Volatilities are per square root of a second, as fractions."""

    start_price: float
    volatility: float = 0.00012
    arch: float = 0.08
    garch: float = 0.90
    storm_factor: float = 2.5
    storm_chance: float = 0.0005
    calm_chance: float = 0.005
    index_pull: float = 0.02
    spread_bps: float = 0.2
    levels: int = 20
    level_notional: float = 60_000.0
    orders_per_second: float = 2.0
    order_notional: float = 4_000.0
    step_ms: Millis = 250


class _Flow:
    """The generator's state: prices in ticks, quantities in steps, so that sums stay exact."""

    def __init__(self, instrument: VenueInstrument, shape: FlowShape, rng: random.Random) -> None:
        self.shape = shape
        self.rng = rng
        self.market, self.symbol = instrument.market, instrument.symbol
        self.tick, self.step = instrument.filters.tick_size, instrument.filters.step_size
        self.fair = self.index = shape.start_price
        self.variance = shape.volatility**2
        self.shock = 0.0
        self.storm = False
        self.trade_id = self.update_id = 0
        self.premium_sum, self.premium_count = 0.0, 0
        self.book: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    def move(self) -> None:
        """Take one step of fair price, index and regime."""
        shape, rng = self.shape, self.rng
        if rng.random() < (shape.calm_chance if self.storm else shape.storm_chance):
            self.storm = not self.storm
        base = shape.volatility**2 * (shape.storm_factor**2 if self.storm else 1.0)
        omega = base * (1 - shape.arch - shape.garch)
        self.variance = omega + shape.arch * self.shock**2 + shape.garch * self.variance
        self.shock = math.sqrt(self.variance) * rng.gauss(0.0, 1.0)
        seconds = shape.step_ms / SECOND
        self.fair *= math.exp(self.shock * math.sqrt(seconds))
        self.index += (self.fair - self.index) * shape.index_pull * seconds

    def refresh(self) -> ChangeDepth | None:
        """Requote around the fair price and yield the levels that changed."""
        wanted = {side: self._wanted(side) for side in Side}
        changes: dict[Side, Levels] = {}
        for side in Side:
            book, quotes = self.book[side], wanted[side]
            gone = [(ticks, 0) for ticks in book if ticks not in quotes]
            # A level still good keeps its queue; only some of them are refreshed at a time.
            fresh = [
                (ticks, qty)
                for ticks, qty in quotes.items()
                if ticks not in book or self.rng.random() < 0.2
            ]
            for ticks, qty in gone + fresh:
                self._put(side, ticks, qty)
            changes[side] = self._levels(gone + fresh)
        if not changes[Side.BUY] and not changes[Side.SELL]:
            return None
        return self._change(changes[Side.BUY], changes[Side.SELL])

    def trade(self) -> Iterator[PrintTrade | ChangeDepth]:
        """Let one market order arrive and eat the book."""
        rng, shape = self.rng, self.shape
        lean = max(-0.4, min(0.4, self.shock / math.sqrt(self.variance) * 0.2))
        aggressor = Side.BUY if rng.random() < 0.5 + lean else Side.SELL
        side = aggressor.opposite
        notional = shape.order_notional * math.exp(rng.gauss(-0.5, 1.0))
        left = max(1, round(notional / self.fair / float(self.step)))
        touched: list[tuple[int, int]] = []
        book = self.book[side]
        while left and len(book) > 1:
            best = min(book) if side is Side.SELL else max(book)
            qty = min(left, book[best])
            left -= qty
            self._put(side, best, book[best] - qty)
            touched.append((best, book.get(best, 0)))
            self.trade_id += 1
            yield PrintTrade(
                self.market,
                self.symbol,
                self.trade_id,
                best * self.tick,
                qty * self.step,
                aggressor,
            )
        levels = self._levels(touched)
        yield self._change(*((levels, ()) if side is Side.BUY else ((), levels)))

    def snapshot(self) -> SetDepth:
        """Fill the book and return it whole."""
        for side in Side:
            self.book[side] = self._wanted(side)
        self.update_id += 1
        bids, asks = (self._levels(self.book[side].items()) for side in (Side.BUY, Side.SELL))
        return SetDepth(self.market, self.symbol, self.update_id, bids, asks)

    def marks(self) -> SetMark:
        """Publish mark and index, and count the premium."""
        mid = (max(self.book[Side.BUY]) + min(self.book[Side.SELL])) / 2 * float(self.tick)
        premium = (mid - self.index) / self.index
        self.premium_sum += premium
        self.premium_count += 1
        basis = self.premium_sum / self.premium_count
        mark = self._price(self.index * (1 + (premium + basis) / 2))
        return SetMark(self.market, self.symbol, mark, self._price(self.index))

    def fund(self, at: Millis) -> SetFunding:
        """Return the rate due now, and begin to count anew."""
        premium = self.premium_sum / max(self.premium_count, 1)
        rate = premium + max(-_CLAMP, min(_CLAMP, _INTEREST - premium))
        rate = max(-_RATE_CAP, min(_RATE_CAP, rate))
        self.premium_sum, self.premium_count = 0.0, 0
        return SetFunding(
            self.market, self.symbol, Decimal(repr(round(rate, 8))).quantize(Decimal("1E-8")), at
        )

    def _wanted(self, side: Side) -> dict[int, int]:
        """Return the quotes that fit the fair price now: ticks -> steps."""
        shape, tick = self.shape, float(self.tick)
        stress = math.sqrt(self.variance) / shape.volatility
        half = max(0.5 * tick, self.fair * shape.spread_bps / 20_000 * stress)
        spacing = max(1, round(self.fair * 0.00002 / tick))
        fair = self.fair / tick
        top = math.floor(fair - half / tick) if side is Side.BUY else math.ceil(fair + half / tick)
        base = shape.level_notional / self.fair / float(self.step) / max(1.0, stress)
        return {
            top - side.sign * spacing * number: max(
                1, round(base * (1 + 0.1 * number) * math.exp(self.rng.gauss(-0.1, 0.5)))
            )
            for number in range(shape.levels)
        }

    def _put(self, side: Side, ticks: int, qty: int) -> None:
        if qty:
            self.book[side][ticks] = qty
        else:
            self.book[side].pop(ticks, None)

    def _levels(self, changed: Iterable[tuple[int, int]]) -> Levels:
        return tuple((ticks * self.tick, qty * self.step) for ticks, qty in changed)

    def _change(self, bids: Levels, asks: Levels) -> ChangeDepth:
        self.update_id += 1
        return ChangeDepth(self.market, self.symbol, self.update_id, bids, asks)

    def _price(self, price: float) -> Decimal:
        return round(price / float(self.tick)) * self.tick


class _FlowFeed:
    """A market without a recording. It can be pickled anywhere, and goes on the same."""

    def __init__(self, flow: _Flow, start: Millis, end: Millis | None) -> None:
        self._flow = flow
        self._now, self._end = start, end
        self._funding_at = start - start % FUNDING_INTERVAL + FUNDING_INTERVAL
        self._ready: deque[TimedAction] = deque([(start, flow.snapshot())])

    def __iter__(self) -> "_FlowFeed":
        return self

    def __next__(self) -> TimedAction:
        while not self._ready:
            if self._end is not None and self._now >= self._end:
                raise StopIteration
            self._ready.extend(self._step())
        return self._ready.popleft()

    def _step(self) -> Iterator[TimedAction]:
        flow, shape = self._flow, self._flow.shape
        futures = flow.market is Market.USDM
        self._now = now = self._now + shape.step_ms
        if futures and now >= self._funding_at:
            yield self._funding_at, flow.fund(self._funding_at)
            self._funding_at += FUNDING_INTERVAL
        flow.move()
        if change := flow.refresh():
            yield now, change
        arrivals = shape.orders_per_second * shape.step_ms / SECOND
        for _ in range(_poisson(flow.rng, arrivals * (2.0 if flow.storm else 1.0))):
            for action in flow.trade():
                yield now, action
        if futures and now % SECOND < shape.step_ms:
            yield now, flow.marks()


def actions(
    instrument: VenueInstrument,
    shape: FlowShape,
    *,
    start: Millis,
    rng: random.Random,
    end: Millis | None = None,
) -> Iterator[TimedAction]:
    """Return a market from `start` until `end`, or without end. Equal seeds give equal markets."""
    return _FlowFeed(_Flow(instrument, shape, rng), start, end)


def _poisson(rng: random.Random, mean: float) -> int:
    """Draw from a Poisson distribution (Knuth's product of uniforms; `mean` is small here)."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
