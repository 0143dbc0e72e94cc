"""Margin arithmetic of USDT-M futures: pure functions of brackets, prices and quantities.

References
----------
Binance, "Leverage and Margin of USDT-M Futures" and "How to calculate liquidation price"; the worked
examples of tests/unit/exchange/test_margin.py.
"""

from collections.abc import Sequence
from decimal import Decimal

from apps.exchange.core.venue.instruments import LeverageBracket
from chimera.money import ZERO

Brackets = Sequence[LeverageBracket]


def bracket_for(brackets: Brackets, notional: Decimal) -> LeverageBracket:
    """Return the bracket whose ``[floor, cap)`` holds `notional`; the last one beyond the table."""
    for bracket in brackets:
        if notional < bracket.cap:
            return bracket
    return brackets[-1]


def maint_margin(brackets: Brackets, notional: Decimal) -> Decimal:
    """Return ``notional * mmr - cum`` for an absolute notional at mark."""
    bracket = bracket_for(brackets, notional)
    return notional * bracket.maint_margin_ratio - bracket.cum


def max_notional(brackets: Brackets, leverage: int) -> Decimal:
    """Return the largest position that `leverage` allows."""
    return max((b.cap for b in brackets if b.initial_leverage >= leverage), default=ZERO)


def liquidation_price(
    brackets: Brackets, *, qty: Decimal, entry_price: Decimal, wallet: Decimal
) -> Decimal:
    """Return the mark price at which margin balance equals maintenance margin.

    ``LP = (wallet + cum - side*Q*EP) / (Q*MMR - side*Q)``, with the bracket in which LP itself falls.

    Parameters
    ----------
    qty : signed base units, not 0
    wallet : isolated wallet; for cross, wallet balance less other positions' maintenance margin plus
        their unrealised PnL

    Returns
    -------
    Decimal, quote per base; 0 where no positive price liquidates.
    """
    size = abs(qty)
    price = ZERO
    for bracket in brackets:
        price = (wallet + bracket.cum - qty * entry_price) / (
            size * bracket.maint_margin_ratio - qty
        )
        if price <= 0:
            return ZERO
        if bracket.floor <= size * price < bracket.cap:
            return price
    return price


def bankruptcy_price(*, qty: Decimal, entry_price: Decimal, wallet: Decimal) -> Decimal:
    """Return the price at which closing `qty` (signed) leaves nothing of `wallet`."""
    return max(entry_price - wallet / qty, ZERO)
