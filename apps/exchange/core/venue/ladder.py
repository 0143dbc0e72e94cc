"""Synthetic depth for feeds that carry prices only: a pure function of price, tick and traded volume."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from apps.exchange.core.venue.instruments import VenueInstrument
from chimera.instruments import Side


class LadderShape(msgspec.Struct, frozen=True, kw_only=True):
    """How deep and how wide a synthetic book is.

    The spread and the distance between levels are at least a tick. A level holds `depth_frac` of a
    minute's volume, never less than `min_notional` USDT, growing by `growth` a level away from the touch.
    """

    levels: int = 40
    spread_bps: float = 0.1
    spacing_bps: float = 0.25
    depth_frac: float = 0.02
    growth: float = 0.1
    min_notional: float = 5_000.0


Ladder = dict[Side, Iterator[tuple[Decimal, Decimal]]]


def build(
    shape: LadderShape,
    instrument: VenueInstrument,
    *,
    last: Decimal,
    bought: bool,
    minute_volume: float,
) -> Ladder:
    """Return price and quantity of both sides around `last`, best first; `last` is the ask if `bought`.

    Levels are computed as they are taken from the iterators, since most takers need only the first.
    """
    at, spread, spacing = _in_ticks(shape, instrument.filters.tick_size, last)
    base, least = _base(shape, instrument, last, minute_volume)
    top = {Side.BUY: at - spread if bought else at, Side.SELL: at if bought else at + spread}
    return {
        side: _rungs(shape, instrument, best, -side.sign * spacing, base, least)
        for side, best in top.items()
    }


def quantity_at(
    shape: LadderShape,
    instrument: VenueInstrument,
    *,
    price: Decimal,
    last: Decimal,
    minute_volume: float,
) -> Decimal:
    """Return what stands at `price`, however far from `last`: no level is ever empty."""
    tick = instrument.filters.tick_size
    at, _, spacing = _in_ticks(shape, tick, last)
    ticks = int(price / tick)
    base, least = _base(shape, instrument, last, minute_volume)
    number = abs(ticks - at) // spacing
    return instrument.filters.step_size * _steps(shape, ticks, number, base, least)


def _rungs(
    shape: LadderShape,
    instrument: VenueInstrument,
    best: int,
    away: int,
    base: float,
    least: int,
) -> Iterator[tuple[Decimal, Decimal]]:
    tick, step = instrument.filters.tick_size, instrument.filters.step_size
    for number in range(shape.levels):
        ticks = best + away * number
        if ticks <= 0:
            return
        yield tick * ticks, step * _steps(shape, ticks, number, base, least)


def _in_ticks(shape: LadderShape, tick: Decimal, last: Decimal) -> tuple[int, int, int]:
    """Return last, spread and spacing in ticks."""
    at = int(last / tick)
    spread = max(1, round(at * shape.spread_bps / 10_000))
    spacing = max(1, round(at * shape.spacing_bps / 10_000))
    return at, spread, spacing


def _base(
    shape: LadderShape, instrument: VenueInstrument, last: Decimal, minute_volume: float
) -> tuple[float, int]:
    """Return the quantity of a level at the touch, and the least of any, in steps."""
    step = instrument.filters.step_size
    base = max(minute_volume * shape.depth_frac, shape.min_notional / float(last))
    return base / float(step), max(1, int(instrument.filters.min_qty / step))


def _steps(shape: LadderShape, ticks: int, number: int, base: float, least: int) -> int:
    # Ragged like a real book, yet the same whenever the same price is asked for.
    ragged = 0.5 + ticks * 7919 % 101 / 100
    return max(least, int(base * (1 + shape.growth * min(number, shape.levels)) * ragged))
