"""From float research to exact orders."""

from decimal import Decimal

import pytest

from apps.exchange.core.venue.default_instruments import list_symbols
from apps.orders.core.sizing import plan_entry, stop_trigger
from chimera.bundles import Execution, RiskLimits
from chimera.events.orders import OrderType
from chimera.instruments import Market, Side

D = Decimal
BTC = list_symbols(Market.USDM, ["BTCUSDT"])["BTCUSDT"].filters


def test_plan_entry_market_rounds_down_to_the_step() -> None:
    plan = plan_entry(
        side=Side.BUY,
        reference_px=D("95425.1"),
        stop_distance=0.005,
        instrument=BTC,
        risk=RiskLimits(),
        execution=Execution(),
    )

    assert (plan.order_type, plan.qty, plan.px) == (OrderType.MARKET, D("0.004"), None)
    assert plan.notional == D("381.7004")


@pytest.mark.parametrize(("side", "px"), [(Side.BUY, "99989.9"), (Side.SELL, "100010.1")])
def test_plan_entry_limit_rests_on_our_side_of_the_price(side: Side, px: str) -> None:
    plan = plan_entry(
        side=side,
        reference_px=D("99999.95") if side is Side.BUY else D("100000.05"),
        stop_distance=0.005,
        instrument=BTC,
        risk=RiskLimits(),
        execution=Execution(entry="limit", limit_offset_bps=1.0),
    )

    assert (plan.order_type, plan.px) == (OrderType.LIMIT, D(px))
    assert plan.expected_px == plan.px


@pytest.mark.parametrize(("side", "trigger"), [(Side.BUY, "94951.0"), (Side.SELL, "95901.0")])
def test_stop_trigger_is_never_looser_than_asked(side: Side, trigger: str) -> None:
    at = stop_trigger(
        position_side=side,
        from_px=D("95426.03"),
        stop_distance=0.00498,
        tick_size=D("0.1"),
    )

    distance = abs(at / D("95426.03") - 1)
    assert distance <= D("0.00498")
    assert abs(at - D(trigger)) < D("1")
    assert at % D("0.1") == 0
