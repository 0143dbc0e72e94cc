"""Synthetic depth for feeds that carry prices only: a pure function of price, tick and traded volume."""

from decimal import Decimal

import msgspec

from apps.exchange.core.venue.instruments import VenueInstrument
from chimera.instruments import Side
from chimera.money import ZERO, quantize

_BPS = Decimal(10_000)


class LadderShape(msgspec.Struct, frozen=True, kw_only=True):
    """How deep and how wide a synthetic book is.

    The spread and the distance between levels are at least a tick. A level holds `depth_frac` of a
    minute's volume, never less than `min_notional` USDT, growing by `growth` a level away from the touch.
    """

    levels: int = 40
    spread_bps: Decimal = Decimal("0.1")
    spacing_bps: Decimal = Decimal("0.25")
    depth_frac: Decimal = Decimal("0.02")
    growth: Decimal = Decimal("0.1")
    min_notional: Decimal = Decimal(5_000)


Ladder = dict[Side, dict[Decimal, Decimal]]


def build(
    shape: LadderShape,
    instrument: VenueInstrument,
    *,
    last: Decimal,
    bought: bool,
    minute_volume: Decimal,
) -> Ladder:
    """Return price -> quantity of both sides around `last`, which is the ask when it was `bought`."""
    tick = instrument.filters.tick_size
    spread = _distance(last * shape.spread_bps / _BPS, tick)
    spacing = _distance(last * shape.spacing_bps / _BPS, tick)
    best = {
        Side.BUY: last - spread if bought else last,
        Side.SELL: last if bought else last + spread,
    }
    ladder: Ladder = {Side.BUY: {}, Side.SELL: {}}
    for side, top in best.items():
        for number in range(shape.levels):
            price = top - side.sign * spacing * number
            if price < tick:
                break
            ladder[side][price] = quantity_at(
                shape, instrument, price=price, number=number, minute_volume=minute_volume
            )
    return ladder


def quantity_at(
    shape: LadderShape,
    instrument: VenueInstrument,
    *,
    price: Decimal,
    number: int,
    minute_volume: Decimal,
) -> Decimal:
    """Return what stands `number` levels from the touch: even a far level is never empty."""
    filters = instrument.filters
    base = max(minute_volume * shape.depth_frac, shape.min_notional / price)
    # Ragged like a real book, yet the same whenever the same price is asked for.
    ragged = Decimal(50 + int(price / filters.tick_size) * 7919 % 101) / 100
    qty = base * (1 + shape.growth * min(number, shape.levels)) * ragged
    return max(quantize(qty, filters.step_size, "down"), filters.step_size, filters.min_qty)


def levels_away(
    shape: LadderShape, instrument: VenueInstrument, last: Decimal, price: Decimal
) -> int:
    """Return how many levels `price` lies from `last`."""
    spacing = _distance(last * shape.spacing_bps / _BPS, instrument.filters.tick_size)
    return int(abs(price - last) / spacing)


def _distance(wanted: Decimal, tick: Decimal) -> Decimal:
    return max(quantize(wanted, tick, "half_even"), tick) if wanted > ZERO else tick
