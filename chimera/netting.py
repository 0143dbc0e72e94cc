"""How a fill changes a position: one-way netting at the average entry price, as the venue does it."""

from decimal import Decimal
from typing import NamedTuple

from chimera.instruments import Side
from chimera.money import ZERO


class Netted(NamedTuple):
    """A position after a fill: signed base quantity, average entry price, and what the fill did."""

    qty: Decimal
    entry_px: Decimal
    closed_qty: Decimal  # how much of the position before it closed, never negative
    begins: bool  # whether a new position began with it: from flat, or turned over
    grows: bool  # whether it added to the position, a new one included


def net_fill(
    qty: Decimal, entry_px: Decimal, *, side: Side, last_qty: Decimal, last_px: Decimal
) -> Netted:
    """Return the position of `qty` at `entry_px` after a fill of `last_qty` (> 0) at `last_px`.

    The entry price is the quantity-weighted average of what is held, at full precision; closing leaves
    it as it is. A fill larger than the opposite position closes it and opens the rest at its own price.
    """
    signed = last_qty * side.sign
    after = qty + signed
    if qty * signed >= 0:
        average = (qty * entry_px + signed * last_px) / after
        return Netted(after, average, ZERO, begins=qty == 0, grows=True)
    turned = qty * after < 0
    left_px = last_px if turned else (entry_px if after else ZERO)
    return Netted(after, left_px, min(last_qty, abs(qty)), begins=turned, grows=turned)
