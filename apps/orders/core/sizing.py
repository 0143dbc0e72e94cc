"""From an intent to an order's numbers: where float64 research becomes exact Decimal."""

from decimal import Decimal

import msgspec

from chimera.bundles import Execution, RiskLimits
from chimera.events.orders import OrderType
from chimera.instruments import Instrument, Side
from chimera.money import Rounding, decimal_of, quantize

_BPS = Decimal(10_000)


class EntryPlan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry before the gates: what would be sent, and what it would cost."""

    side: Side
    order_type: OrderType
    qty: Decimal
    px: Decimal | None
    expected_px: Decimal
    stop_distance: float

    @property
    def notional(self) -> Decimal:
        return self.qty * self.expected_px


def plan_entry(
    *,
    side: Side,
    reference_px: Decimal,
    stop_distance: float,
    instrument: Instrument,
    risk: RiskLimits,
    execution: Execution,
) -> EntryPlan:
    """Size an entry to the bundle's margin and leverage, rounded down to what may be sent.

    Parameters
    ----------
    reference_px : the price at which a taker on `side` would trade now, quote per base
    stop_distance : fraction of the price between entry and stop
    """
    notional = decimal_of(risk.margin_usdt) * risk.leverage
    if execution.entry == "market":
        qty = instrument.qty_for(notional, reference_px)
        order_type, px, expected = OrderType.MARKET, None, reference_px
    else:
        offset = decimal_of(execution.limit_offset_bps) / _BPS * reference_px * side.sign
        rounding: Rounding = "floor" if side is Side.BUY else "ceiling"
        px = quantize(reference_px - offset, instrument.tick_size, rounding)
        qty = quantize(notional / px, instrument.step_size, "down")
        order_type, expected = OrderType.LIMIT, px
    return EntryPlan(
        side=side,
        order_type=order_type,
        qty=qty,
        px=px,
        expected_px=expected,
        stop_distance=stop_distance,
    )


def stop_trigger(
    *, position_side: Side, from_px: Decimal, stop_distance: float, tick_size: Decimal
) -> Decimal:
    """Return where a position's stop triggers, rounded to the tick towards `from_px`: never looser."""
    distance = from_px * decimal_of(stop_distance)
    if position_side is Side.BUY:
        return quantize(from_px - distance, tick_size, "ceiling")
    return quantize(from_px + distance, tick_size, "floor")
