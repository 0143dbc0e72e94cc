"""One decision: a pure function of the policy, the signal and the position. `replay` calls it again.

1. Flat: the guards are asked, all of them; then the opening rules in their order.
2. In a position: only the closing rules; guards never stand in the way of less risk.
3. The first rule that is true decides; what is unknown is not true. Everything asked is kept.
4. A bar that is told of when the next has closed already leads to nothing: that one decides.
"""

from typing import TypeAlias

from chimera.bundles import RuleAction
from chimera.events.decisions import Action, DecisionMade, HoldReason, PositionView
from chimera.events.features import FeaturesComputed
from chimera.lang.types import Value

from .policy import Policy, Verdict

Outcome: TypeAlias = tuple[Action, HoldReason | None, float | None]

_ACTIONS = {
    RuleAction.OPEN_LONG: Action.BUY,
    RuleAction.OPEN_SHORT: Action.SELL,
    RuleAction.CLOSE: Action.CLOSE,
}
_LEARNED_LATE: Outcome = Action.HOLD, HoldReason.LEARNED_LATE, None
_NO_RULE_MATCHED: Outcome = Action.HOLD, HoldReason.NO_RULE_MATCHED, None


def decide(policy: Policy, signal: FeaturesComputed, position: PositionView) -> DecisionMade:
    """Decide what to do at the closed bar that `signal` describes.

    Parameters
    ----------
    policy : the generation that is live
    signal : all factor values at one bar's close, and the market inputs behind them
    position : what is held and pending, as known at that moment

    Returns
    -------
    DecisionMade, whose id and content depend on nothing but the three arguments.
    """
    values = _values(policy, signal, position)
    verdict = policy.judge_holding(values) if position.qty else policy.judge_flat(values)
    late = position.late or signal.ts_init - signal.ts_event >= policy.interval_ms
    action, reason, stop_distance = (
        _LEARNED_LATE if late else _outcome(policy, verdict, values, position)
    )
    return DecisionMade(
        id=f"dec:{signal.id[4:]}",
        cause=signal.id,
        ts_event=signal.ts_event,
        ts_init=signal.ts_init,
        symbol=signal.symbol,
        signal_id=signal.id,
        generation=policy.generation,
        bundle_hash=policy.bundle_hash,
        action=action,
        rule=verdict.chosen.name if verdict.chosen is not None else None,
        reason=reason,
        stop_distance=stop_distance,
        position=position,
        values=values,
        guards=verdict.guards,
        rules=verdict.rules,
    )


def _values(policy: Policy, signal: FeaturesComputed, position: PositionView) -> dict[str, Value]:
    bar = signal.inputs.bar
    values: dict[str, Value] = {
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "mark_px": signal.inputs.mark_px,
        "position_side": 0.0,
        "bars_held": 0.0,
        "unrealised_frac": 0.0,
        **signal.features,
    }
    if position.qty:
        side = 1.0 if position.qty > 0 else -1.0
        values["position_side"] = side
        values["bars_held"] = float((signal.ts_event - position.opened_at) // policy.interval_ms)
        values["unrealised_frac"] = side * (bar.close / float(position.entry_px) - 1.0)
    return values


def _outcome(
    policy: Policy, verdict: Verdict, values: dict[str, Value], position: PositionView
) -> Outcome:
    """Return the action, why it is HOLD if it is, and the stop's distance of an opening."""
    rule = verdict.chosen
    if rule is None:
        return _NO_RULE_MATCHED
    if position.pending:
        return Action.HOLD, HoldReason.ORDER_PENDING, None
    if rule.do is RuleAction.CLOSE:
        return Action.CLOSE, None, None
    if position.halted:
        return Action.HOLD, HoldReason.TRADING_HALTED, None
    if verdict.refused:
        return Action.HOLD, HoldReason.GUARD_REFUSED, None
    distance = rule.stop_distance.evaluate(values) if rule.stop_distance is not None else None
    if not isinstance(distance, float):
        return Action.HOLD, HoldReason.STOP_UNKNOWN, None
    if not policy.min_stop_distance <= distance <= policy.max_stop_distance:
        return Action.HOLD, HoldReason.STOP_OUT_OF_BOUNDS, distance
    return _ACTIONS[rule.do], None, distance
