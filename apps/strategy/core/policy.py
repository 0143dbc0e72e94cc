"""A bundle's guards and rules, compiled once so that deciding is only evaluation."""

from dataclasses import dataclass

from chimera.bundles import Bundle, RuleAction
from chimera.clock import INTERVALS, Millis
from chimera.lang import BOOL, NUMBER, Program, compile_expression
from chimera.vocabulary import RULE_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledGuard:
    name: str
    refuse_when: Program


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRule:
    name: str
    do: RuleAction
    when: Program
    stop_distance: Program | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides while one generation is live. Immutable, so a decision sees one generation only."""

    generation: int
    bundle_hash: str
    symbols: frozenset[str]
    interval: str
    interval_ms: Millis
    guards: tuple[CompiledGuard, ...]
    opening_rules: tuple[CompiledRule, ...]
    closing_rules: tuple[CompiledRule, ...]
    min_stop_distance: float
    max_stop_distance: float


def compile_policy(bundle: Bundle, *, generation: int, bundle_hash: str) -> Policy:
    """Compile every expression of `bundle`.

    Raises
    ------
    ExpressionInvalid
        If one does not parse or check; a linted bundle never does.
    """
    names = {**RULE_NAMES, **{factor.name: NUMBER for factor in bundle.factors}}
    rules = tuple(
        CompiledRule(
            name=rule.name,
            do=rule.do,
            when=compile_expression(rule.when, names=names, result=BOOL),
            stop_distance=compile_expression(rule.stop_distance, names=names, result=NUMBER)
            if rule.stop_distance is not None
            else None,
        )
        for rule in bundle.rules
    )
    return Policy(
        generation=generation,
        bundle_hash=bundle_hash,
        symbols=frozenset(bundle.symbols),
        interval=bundle.interval,
        interval_ms=INTERVALS[bundle.interval],
        guards=tuple(
            CompiledGuard(
                name=guard.name,
                refuse_when=compile_expression(guard.refuse_when, names=names, result=BOOL),
            )
            for guard in bundle.guards
        ),
        opening_rules=tuple(rule for rule in rules if rule.do is not RuleAction.CLOSE),
        closing_rules=tuple(rule for rule in rules if rule.do is RuleAction.CLOSE),
        min_stop_distance=bundle.risk.min_stop_distance,
        max_stop_distance=bundle.risk.max_stop_distance,
    )
