"""Exact arithmetic for prices, quantities and money. Every rounding names its mode and increment."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from math import inf, isfinite
from typing import Literal

ZERO = Decimal(0)
SETTLEMENT_ASSET = "USDT"  # what the account is accounted in
USDT_INCREMENT = Decimal("0.00000001")

Rounding = Literal["down", "floor", "ceiling", "half_even"]
_MODES = {
    "down": ROUND_DOWN,
    "floor": ROUND_FLOOR,
    "ceiling": ROUND_CEILING,
    "half_even": ROUND_HALF_EVEN,
}


def decimal_of(value: float) -> Decimal:
    """Turn a float into the Decimal a person would write for it: the gate into exact arithmetic.

    Raises
    ------
    ValueError
        If `value` is NaN or infinite: missing is unknown, never a number.
    """
    if not isfinite(value):
        raise ValueError(f"{value} is not a price, quantity or amount")
    return Decimal(repr(value))


def is_price(value: float) -> bool:
    """Tell whether `value` can be a price: neither NaN, infinite nor zero."""
    return 0.0 < value < inf


def quantize(value: Decimal, increment: Decimal, rounding: Rounding) -> Decimal:
    """Round `value` to a multiple of `increment` (> 0), written with the increment's decimals.

    >>> quantize(Decimal("1.2345"), Decimal("0.05"), "down")
    Decimal('1.20')
    """
    steps = (value / increment).to_integral_value(rounding=_MODES[rounding])
    return (steps * increment).quantize(increment)


def is_multiple(value: Decimal, increment: Decimal) -> bool:
    """Tell whether `value` is a whole number of increments."""
    return value % increment == 0


def usdt(value: Decimal) -> Decimal:
    """Round an amount of money to USDT's eight decimals, half to even as ledgers do."""
    return value.quantize(USDT_INCREMENT, ROUND_HALF_EVEN)
