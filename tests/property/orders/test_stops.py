"""Whatever a bundle allows and a rule wants: the stop of an entry that may leave is met before its liquidation."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.exchange.core.venue import margin
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.orders.core.gates import EntryContext, review_entry
from apps.orders.core.sizing import plan_entry, stop_trigger
from chimera.bundles import Execution, RiskLimits
from chimera.instruments import Market, Side
from chimera.money import decimal_of, usdt

BASE = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0, "SOLUSDT": 150.0}
LISTED = list_symbols(Market.USDM, tuple(BASE))


def context_of(risk: RiskLimits, name: str, px: Decimal) -> EntryContext:
    """Nothing stands in an entry's way but what the plan itself is."""
    return EntryContext(
        risk=risk,
        instrument=LISTED[name].filters,
        margin_problem=None,
        halted_by=(),
        intent_generation=1,
        live_generation=1,
        intent_age_ms=0,
        intent_age_max_ms=1,
        mark_px=px,
        mark_age_ms=0,
        quote_age_ms=0,
        price_age_max_ms=1,
        position_qty=Decimal(0),
        entries_working=0,
        orders_in_doubt=0,
        positions_taken=0,
        day_pnl_usdt=Decimal(0),
        day_pnl_age_ms=0,
        day_pnl_age_max_ms=1,
        entries_last_minute=0,
    )


@given(
    name=st.sampled_from(sorted(BASE)),
    move=st.floats(0.5, 2.0),
    side=st.sampled_from(Side),
    leverage=st.integers(1, 20),
    margin_usdt=st.floats(150.0, 100_000.0),
    wanted=st.floats(0.06, 1.5),
)
def test_stop_of_an_accepted_plan_is_met_before_the_liquidation(
    name: str,
    move: float,
    side: Side,
    leverage: int,
    margin_usdt: float,
    wanted: float,
) -> None:
    instrument = LISTED[name].filters
    risk = RiskLimits(
        leverage=leverage,
        margin_usdt=margin_usdt,
        max_order_notional_usdt=1_000_000_000.0,
        max_stop_distance=0.999,
    )
    px = decimal_of(round(BASE[name] * move, 2))
    plan = plan_entry(
        side=side,
        reference_px=px,
        stop_distance=wanted / leverage,
        instrument=instrument,
        risk=risk,
        execution=Execution(),
    )
    checks = review_entry(plan, context_of(risk, name, px)).checks
    (accepted,) = [check.passed for check in checks if check.gate == "stop_distance"]

    stop = stop_trigger(
        position_side=side,
        from_px=plan.expected_px,
        stop_distance=plan.stop_distance,
        tick_size=instrument.tick_size,
    )
    liquidation = margin.liquidation_price(
        LISTED[name].brackets,
        qty=plan.qty * side.sign,
        entry_price=plan.expected_px,
        wallet=usdt(plan.notional / leverage),
    )
    assert not accepted or (stop - liquidation) * side.sign > 0
    assert accepted or wanted > 0.4  # a stop well within is not refused
