"""The risk gates: the last code before an order is sent, the same for whoever asked for it.

Every gate answers, so that the record shows all that was wrong and not only the first. A gate that
misses what it needs refuses. Numbers in brackets are those of the controls reference.
Exits meet only what cannot stand between a position and its end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import msgspec

from chimera.bundles import RiskLimits
from chimera.clock import Millis
from chimera.events.orders import GateCheck
from chimera.instruments import Instrument
from chimera.money import decimal_of

from .sizing import EntryPlan

_MARGIN_SLACK = Decimal("1.025")  # for the price moving between sizing and filling
_limit_of = lru_cache(1_000)(decimal_of)  # a bundle's limits are asked for again and again


class EntryContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything the gates look at, gathered once. None is unknown."""

    risk: RiskLimits
    instrument: Instrument
    margin_problem: str | None  # what the venue's settings lack; "unread" before they were read
    halted_by: tuple[str, ...]
    intent_generation: int
    live_generation: int
    intent_age_ms: Millis
    intent_age_max_ms: Millis
    mark_px: Decimal | None
    mark_age_ms: Millis | None
    quote_age_ms: Millis | None
    price_age_max_ms: Millis
    position_qty: Decimal
    entries_working: int  # in this symbol
    orders_in_doubt: int  # in this symbol: nobody knows what the venue made of them
    positions_taken: int  # over all symbols: open, or an entry on its way
    day_pnl_usdt: Decimal | None
    day_pnl_age_ms: Millis
    day_pnl_age_max_ms: Millis
    entries_last_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskApproved:
    """The only thing that can be submitted as an entry."""

    plan: EntryPlan
    checks: tuple[GateCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRefused:
    """An entry that is recorded and shown, and never sent; `checks` has the gates it passed, too."""

    plan: EntryPlan
    checks: tuple[GateCheck, ...]

    @property
    def reasons(self) -> str:
        return ", ".join(check.gate for check in self.checks if not check.passed)


def review_entry(plan: EntryPlan, context: EntryContext) -> RiskApproved | RiskRefused:
    """Ask every gate about an entry."""
    checks = tuple([gate(plan, context) for gate in ENTRY_GATES])
    if all([check.passed for check in checks]):  # noqa: C419 - a generator costs more than it saves
        return RiskApproved(plan=plan, checks=checks)
    return RiskRefused(plan=plan, checks=checks)


def review_exit(
    qty: Decimal, position_qty: Decimal, instrument: Instrument | None
) -> tuple[GateCheck, ...]:
    """Check the two things an exit must be: a quantity the venue takes, and no more than is held.

    While the venue's filters are unknown any quantity above zero may be tried.
    """
    if instrument is not None:
        problem = instrument.qty_violation(qty, market=True)
    else:
        problem = None if qty > 0 else "nothing is held"
    return (
        _check("filters", problem is None, problem or "conforms", "venue filters"),
        _check("reduce_only", qty <= abs(position_qty), qty, f"<= {abs(position_qty)}"),
    )


def filters(plan: EntryPlan, c: EntryContext) -> GateCheck:
    """[C01] The venue's filters, read from the venue."""
    market = plan.px is None
    problem = (
        (None if c.instrument.trading else f"{c.instrument.symbol} is not trading")
        or c.instrument.qty_violation(plan.qty, market=market)
        or (None if plan.px is None else c.instrument.px_violation(plan.px))
        or c.instrument.notional_violation(plan.notional)
    )
    return _check("filters", problem is None, problem or "conforms", "venue filters")


def margin_settings(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C02] Leverage, isolated margin and one-way mode as read back from the venue."""
    limit = f"isolated {c.risk.leverage}x, one-way"
    return _check("margin_settings", c.margin_problem is None, c.margin_problem or limit, limit)


def signal_age(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C03] A decision grows stale quickly."""
    passed = 0 <= c.intent_age_ms <= c.intent_age_max_ms
    return _check("signal_age_ms", passed, c.intent_age_ms, f"<= {c.intent_age_max_ms}")


def order_value(plan: EntryPlan, c: EntryContext) -> GateCheck:
    """[C04] The largest value one order may have, USDT."""
    limit = _limit_of(c.risk.max_order_notional_usdt)
    passed = Decimal(0) < plan.notional <= limit
    return _check("order_notional_usdt", passed, plan.notional, f"<= {limit}")


def order_qty(plan: EntryPlan, c: EntryContext) -> GateCheck:
    """[C05] The largest quantity, by the mark price: a second opinion on what the order is worth."""
    if c.mark_px is None:
        return _check("order_qty", False, "mark price unknown", "known")
    limit = _limit_of(c.risk.margin_usdt) * c.risk.leverage * _MARGIN_SLACK / c.mark_px
    return _check("order_qty", Decimal(0) < plan.qty <= limit, plan.qty, f"<= {limit:.8f}")


def margin_used(plan: EntryPlan, c: EntryContext) -> GateCheck:
    """[C06] Margin of one position, USDT, with 2.5 % for the price moving meanwhile."""
    margin = plan.notional / c.risk.leverage
    limit = _limit_of(c.risk.margin_usdt) * _MARGIN_SLACK
    return _check("margin_usdt", margin <= limit, margin, f"<= {limit}")


def one_position(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C07] One position a symbol and no pyramiding; also stops a second entry on its way [C18]."""
    passed = c.position_qty == 0 and c.entries_working == 0
    value = f"position {c.position_qty}, entries working {c.entries_working}"
    return _check("one_position", passed, value, "flat, none working")


def certainty(_: EntryPlan, c: EntryContext) -> GateCheck:
    """No order of this symbol is in doubt: it may rest, or trade, at any moment."""
    return _check("orders_in_doubt", c.orders_in_doubt == 0, c.orders_in_doubt, "0")


def concurrency(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C07] Open positions over all symbols, counting entries on their way as open."""
    limit = c.risk.max_open_positions
    return _check("open_positions", c.positions_taken < limit, c.positions_taken, f"< {limit}")


def stop_distance(plan: EntryPlan, c: EntryContext) -> GateCheck:
    """[C09] An entry without a sound stop is none, nor is one whose stop the liquidation may forestall."""
    low, high = c.risk.min_stop_distance, c.risk.widest_stop
    passed = low <= plan.stop_distance <= high
    return _check("stop_distance", passed, plan.stop_distance, f"{low} .. {high:.6g}")


def price_collar(plan: EntryPlan, c: EntryContext) -> GateCheck:
    """[C11] The price against the mark."""
    limit = _limit_of(c.risk.max_price_deviation)
    if c.mark_px is None:
        return _check("price_collar", False, "mark price unknown", f"<= {limit}")
    deviation = abs(plan.expected_px / c.mark_px - 1)
    return _check("price_collar", deviation <= limit, f"{deviation:.6f}", f"<= {limit}")


def mark_age(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C19] No new risk on an old mark price, whatever else of the symbol still comes."""
    return _check_age("mark_age_ms", c.mark_age_ms, c.price_age_max_ms)


def quote_age(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C19] No new risk on old quotes."""
    return _check_age("quote_age_ms", c.quote_age_ms, c.price_age_max_ms)


def daily_loss(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C15] Today's loss so far, realised and not, fees and funding included, USDT.

    Books that stopped telling leave their last word behind, and nobody knows what was lost since.
    """
    limit = -_limit_of(c.risk.max_daily_loss_usdt)
    pnl, told = c.day_pnl_usdt, c.day_pnl_age_ms <= c.day_pnl_age_max_ms
    value = "unknown" if pnl is None else pnl if told else f"{pnl}, {c.day_pnl_age_ms} ms ago"
    return _check("day_pnl_usdt", pnl is not None and told and pnl > limit, value, f"> {limit}")


def order_rate(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C14] Entries in the last minute; exits and stops are never counted against it."""
    limit = c.risk.max_orders_per_minute
    return _check(
        "entries_per_minute", c.entries_last_minute < limit, c.entries_last_minute, f"< {limit}"
    )


def halts(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C25] Nothing has stopped new risk."""
    return _check("halted", not c.halted_by, ", ".join(c.halted_by) or "no", "no")


def generation(_: EntryPlan, c: EntryContext) -> GateCheck:
    """[C25] The bundle that decided is the one that is live."""
    passed = c.intent_generation == c.live_generation
    return _check("generation", passed, c.intent_generation, f"= {c.live_generation}")


ENTRY_GATES: tuple[Callable[[EntryPlan, EntryContext], GateCheck], ...] = (
    halts,
    generation,
    filters,
    margin_settings,
    signal_age,
    mark_age,
    quote_age,
    price_collar,
    order_value,
    order_qty,
    margin_used,
    one_position,
    certainty,
    concurrency,
    stop_distance,
    daily_loss,
    order_rate,
)


def _check(gate: str, passed: bool, value: object, limit: str) -> GateCheck:
    return GateCheck(gate=gate, passed=bool(passed), value=str(value), limit=limit)


def _check_age(gate: str, age: Millis | None, limit: Millis) -> GateCheck:
    passed = age is not None and age <= limit
    return _check(gate, passed, "unknown" if age is None else age, f"<= {limit}")
