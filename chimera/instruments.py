"""Instruments and the venue's filters on them: what a price or quantity must look like to be sent."""

from decimal import Decimal
from enum import StrEnum
from urllib.parse import quote, unquote

import msgspec

from chimera.money import is_multiple, quantize

PERP_SUFFIX = "-PERP"


class Market(StrEnum):
    """Where an instrument trades. `USDM` symbols end in ``-PERP``; spot symbols are bare."""

    USDM = "um"
    SPOT = "spot"


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable thing at the venue, as its exchange information describes it.

    Prices are quote per base; quantities are base units. A limit of 0 means the venue sets none.
    """

    symbol: str
    market: Market
    base: str
    quote: str
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_step_size: Decimal
    market_min_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    min_px: Decimal
    max_px: Decimal
    trading: bool = True

    @property
    def venue_symbol(self) -> str:
        return venue_symbol(self.symbol)

    def qty_violation(self, qty: Decimal, *, market: bool) -> str | None:
        """Name the quantity filter that `qty` breaks, or None."""
        step = self.market_step_size if market else self.step_size
        low = self.market_min_qty if market else self.min_qty
        high = self.market_max_qty if market else self.max_qty
        if qty <= 0 or qty < low:
            return f"quantity {qty} is below the minimum {low}"
        if high and qty > high:
            return f"quantity {qty} is above the maximum {high}"
        if step and not is_multiple(qty, step):
            return f"quantity {qty} is not a multiple of the step {step}"
        return None

    def px_violation(self, px: Decimal) -> str | None:
        """Name the price filter that `px` breaks, or None."""
        if px <= 0 or px < self.min_px:
            return f"price {px} is below the minimum {self.min_px}"
        if self.max_px and px > self.max_px:
            return f"price {px} is above the maximum {self.max_px}"
        if not is_multiple(px, self.tick_size):
            return f"price {px} is not a multiple of the tick {self.tick_size}"
        return None

    def notional_violation(self, notional: Decimal) -> str | None:
        """Name the notional filter that `notional` (USDT) breaks, or None."""
        if notional < self.min_notional:
            return f"notional {notional} is below the minimum {self.min_notional}"
        return None

    def qty_for(self, notional: Decimal, px: Decimal) -> Decimal:
        """Return the largest sendable market quantity whose value at `px` stays within `notional`."""
        return quantize(notional / px, self.market_step_size or self.step_size, "down")


def market_of(symbol: str) -> Market:
    return Market.USDM if symbol.endswith(PERP_SUFFIX) else Market.SPOT


def is_settled_in_usdt(symbol: str) -> bool:
    """Tell whether what `symbol` earns and costs is USDT: not so of contracts margined in another asset."""
    return venue_symbol(symbol).endswith("USDT")


def venue_symbol(symbol: str) -> str:
    """Return the venue's own spelling: ``BTCUSDT-PERP`` and ``BTCUSDT`` are both ``BTCUSDT``."""
    name = symbol.removesuffix(PERP_SUFFIX)
    return unquote(name) if "%" in name else name


def symbol_of(venue_symbol: str, market: Market) -> str:
    """Return Chimera's spelling of the venue's symbol in `market`; other letters are percent-encoded."""
    name = venue_symbol if venue_symbol.isascii() else quote(venue_symbol)
    return name + PERP_SUFFIX if market is Market.USDM else name
