"""Every gate: just below its limit, at it, just above it, and with what it needs missing."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from apps.exchange.core.venue.default_instruments import KNOWN, list_symbols
from apps.orders.core.gates import (
    ENTRY_GATES,
    EntryContext,
    RiskApproved,
    RiskRefused,
    review_entry,
    review_exit,
)
from apps.orders.core.sizing import EntryPlan
from chimera.bundles import RiskLimits
from chimera.events.orders import OrderType
from chimera.instruments import Market, Side

INSTRUMENT = list_symbols(Market.USDM, ["BTCUSDT"])["BTCUSDT"].filters
PLAN = EntryPlan(
    side=Side.BUY,
    order_type=OrderType.MARKET,
    qty=Decimal("0.004"),
    px=None,
    expected_px=Decimal(100_000),
    stop_distance=0.005,
)
CONTEXT = EntryContext(
    risk=RiskLimits(),
    instrument=INSTRUMENT,
    margin_problem=None,
    halted_by=(),
    intent_generation=3,
    live_generation=3,
    intent_age_ms=0,
    intent_age_max_ms=2_000,
    mark_px=Decimal(100_000),
    mark_age_ms=0,
    quote_age_ms=0,
    price_age_max_ms=3_000,
    position_qty=Decimal(0),
    entries_working=0,
    orders_in_doubt=0,
    positions_taken=0,
    day_pnl_usdt=Decimal(0),
    day_pnl_age_ms=0,
    day_pnl_age_max_ms=13_000,
    entries_last_minute=0,
)
D = Decimal
NAN = float("nan")


def refused_by(plan: EntryPlan, context: EntryContext) -> set[str]:
    verdict = review_entry(plan, context)
    return {check.gate for check in verdict.checks if not check.passed}


def limited(**limits: Any) -> RiskLimits:
    return msgspec.structs.replace(CONTEXT.risk, **limits)


def test_review_entry_sound_is_approved_with_every_gates_answer() -> None:
    verdict = review_entry(PLAN, CONTEXT)

    assert isinstance(verdict, RiskApproved)
    assert len(verdict.checks) == len(ENTRY_GATES)


def test_review_entry_several_wrong_names_all_of_them() -> None:
    verdict = review_entry(PLAN, replace(CONTEXT, halted_by=("a", "b"), mark_age_ms=None))

    assert isinstance(verdict, RiskRefused)
    assert verdict.reasons == "halted, mark_age_ms"


CONTEXT_CASES = [
    ("halted", {"halted_by": ("orders:reconcile",)}, False),
    ("generation", {"intent_generation": 2}, False),
    ("generation", {"intent_generation": 4}, False),
    ("margin_settings", {"margin_problem": "unread"}, False),
    ("margin_settings", {"margin_problem": "cross margin"}, False),
    ("signal_age_ms", {"intent_age_ms": 1_999}, True),
    ("signal_age_ms", {"intent_age_ms": 2_000}, True),
    ("signal_age_ms", {"intent_age_ms": 2_001}, False),
    ("signal_age_ms", {"intent_age_ms": -1}, False),
    ("mark_age_ms", {"mark_age_ms": 2_999}, True),
    ("mark_age_ms", {"mark_age_ms": 3_000}, True),
    ("mark_age_ms", {"mark_age_ms": 3_001}, False),
    ("mark_age_ms", {"mark_age_ms": None}, False),
    ("quote_age_ms", {"quote_age_ms": 2_999}, True),
    ("quote_age_ms", {"quote_age_ms": 3_000}, True),
    ("quote_age_ms", {"quote_age_ms": 3_001}, False),
    ("quote_age_ms", {"quote_age_ms": None}, False),
    ("price_collar", {"mark_px": D("99502.49")}, True),  # 0.49999 %
    ("price_collar", {"mark_px": D(100_000) / D("1.005")}, True),
    ("price_collar", {"mark_px": D("99502.40")}, False),
    ("price_collar", {"mark_px": D("100503.00")}, False),
    ("price_collar", {"mark_px": None}, False),
    ("one_position", {"position_qty": D("0.001")}, False),
    ("one_position", {"position_qty": D("-0.001")}, False),
    ("one_position", {"entries_working": 1}, False),
    ("orders_in_doubt", {"orders_in_doubt": 1}, False),
    ("open_positions", {"positions_taken": 3}, True),
    ("open_positions", {"positions_taken": 4}, False),
    ("open_positions", {"positions_taken": 5}, False),
    ("day_pnl_usdt", {"day_pnl_usdt": D("-39.99")}, True),
    ("day_pnl_usdt", {"day_pnl_usdt": D("-40")}, False),
    ("day_pnl_usdt", {"day_pnl_usdt": D("-40.01")}, False),
    ("day_pnl_usdt", {"day_pnl_usdt": None}, False),
    ("day_pnl_usdt", {"day_pnl_age_ms": 12_999}, True),
    ("day_pnl_usdt", {"day_pnl_age_ms": 13_000}, True),
    ("day_pnl_usdt", {"day_pnl_age_ms": 13_001}, False),
    ("entries_per_minute", {"entries_last_minute": 29}, True),
    ("entries_per_minute", {"entries_last_minute": 30}, False),
    ("entries_per_minute", {"entries_last_minute": 31}, False),
]


@pytest.mark.parametrize(("gate", "change", "passes"), CONTEXT_CASES)
def test_gate_at_its_limit(gate: str, change: dict[str, Any], passes: bool) -> None:
    refused = refused_by(PLAN, replace(CONTEXT, **change))

    assert (gate not in refused) is passes


PLAN_CASES = [
    ("order_notional_usdt", {"expected_px": D("102499.99")}, True),
    ("order_notional_usdt", {"expected_px": D("102500")}, True),  # 410 USDT
    ("order_notional_usdt", {"expected_px": D("102500.01")}, False),
    ("order_notional_usdt", {"qty": D(0)}, False),
    ("order_notional_usdt", {"qty": D("-0.004")}, False),
    ("order_qty", {"qty": D("0.00409")}, True),
    ("order_qty", {"qty": D("0.0041")}, True),  # 1.025 * 400 / mark
    ("order_qty", {"qty": D("0.00411")}, False),
    ("order_qty", {"qty": D("-0.001")}, False),
    ("margin_usdt", {"expected_px": D("102499.99")}, True),
    ("margin_usdt", {"expected_px": D("102500")}, True),  # 20.5 USDT
    ("margin_usdt", {"expected_px": D("102500.01")}, False),
    ("stop_distance", {"stop_distance": 0.00299}, False),
    ("stop_distance", {"stop_distance": 0.003}, True),
    ("stop_distance", {"stop_distance": 0.00301}, True),
    ("stop_distance", {"stop_distance": 0.01999}, True),
    ("stop_distance", {"stop_distance": 0.02}, True),
    ("stop_distance", {"stop_distance": 0.02001}, False),
    ("stop_distance", {"stop_distance": 0.0}, False),
    ("stop_distance", {"stop_distance": NAN}, False),
    ("filters", {"qty": D("0.0001")}, False),  # below the smallest quantity
    ("filters", {"qty": D("0.0045")}, False),  # off the step
    ("filters", {"qty": D("5000")}, False),
    ("filters", {"qty": D("0.001"), "expected_px": D(99_999)}, False),  # below 100 USDT
    ("filters", {"qty": D("0.001"), "expected_px": D(100_000)}, True),
    ("filters", {"px": D("100000.05")}, False),  # off the tick
    ("filters", {"px": D("100000.10")}, True),
]


@pytest.mark.parametrize(("gate", "change", "passes"), PLAN_CASES)
def test_gate_of_the_plan_at_its_limit(gate: str, change: dict[str, Any], passes: bool) -> None:
    refused = refused_by(replace(PLAN, **change), CONTEXT)

    assert (gate not in refused) is passes


@pytest.mark.parametrize(
    ("leverage", "distance", "passes"),
    [
        (20, 0.0229, True),  # a short at 20x is liquidated at 4.58 %
        (20, 0.0230, False),
        (20, 0.049, False),
        (10, 0.0478, True),
        (10, 0.0479, False),
    ],
)
def test_stop_distance_is_at_most_half_of_the_way_to_the_liquidation(
    leverage: int, distance: float, passes: bool
) -> None:
    context = replace(CONTEXT, risk=limited(leverage=leverage, max_stop_distance=0.5))

    assert (
        "stop_distance" not in refused_by(replace(PLAN, stop_distance=distance), context)
    ) is passes


@pytest.mark.parametrize("name", sorted(KNOWN[Market.USDM]))
@pytest.mark.parametrize("px", ["1.03", "150", "60000"])
def test_l8_quantity_where_the_notional_was_meant_is_refused_for_every_symbol(
    name: str, px: str
) -> None:
    context = replace(
        CONTEXT, instrument=list_symbols(Market.USDM, [name])[name].filters, mark_px=D(px)
    )

    refused = refused_by(replace(PLAN, qty=D(400), expected_px=D(px)), context)

    assert {"order_notional_usdt", "order_qty", "margin_usdt"} <= refused


def test_order_qty_mark_unknown_refuses() -> None:
    assert "order_qty" in refused_by(PLAN, replace(CONTEXT, mark_px=None))


def test_filters_instrument_not_trading_refuses() -> None:
    halted = msgspec.structs.replace(INSTRUMENT, trading=False)

    assert refused_by(PLAN, replace(CONTEXT, instrument=halted)) == {"filters"}


def test_open_positions_limit_of_the_bundle_counts() -> None:
    context = replace(CONTEXT, risk=limited(max_open_positions=1), positions_taken=1)

    assert refused_by(PLAN, context) == {"open_positions"}


@pytest.mark.parametrize(
    ("qty", "held", "refused"),
    [
        ("0.004", "0.004", set()),
        ("0.003", "-0.004", set()),
        ("0.005", "0.004", {"reduce_only"}),
        ("0", "0", {"filters"}),
        ("0.0045", "0.0045", {"filters"}),
    ],
)
def test_review_exit_never_more_than_is_held(qty: str, held: str, refused: set[str]) -> None:
    checks = review_exit(D(qty), D(held), INSTRUMENT)

    assert {check.gate for check in checks if not check.passed} == refused


def test_review_exit_filters_unknown_lets_what_is_held_out() -> None:
    assert all(check.passed for check in review_exit(D("0.004"), D("0.004"), None))
    assert not all(check.passed for check in review_exit(D(0), D(0), None))
