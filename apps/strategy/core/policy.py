"""A bundle's guards and rules, compiled once so that deciding is only evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from chimera.bundles import Bundle, GuardSpec, RuleAction, RuleSpec
from chimera.clock import INTERVALS, Millis
from chimera.events.decisions import GuardTrace, RuleTrace
from chimera.lang import (
    BOOL,
    NUMBER,
    Explanation,
    Names,
    Program,
    Value,
    compile_expression,
    explain_together,
)
from chimera.vocabulary import names_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenRule:
    """The first rule that was true: what it wants, and the program of the stop's distance."""

    name: str
    do: RuleAction
    stop_distance: Program | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What guards and rules say about one bar, with the traces of all that were asked.

    Attributes
    ----------
    chosen : the first true rule, None if none was
    refused : whether a guard stands against an opening
    """

    chosen: ChosenRule | None
    refused: bool
    guards: tuple[GuardTrace, ...]
    rules: tuple[RuleTrace, ...]


Judge: TypeAlias = Callable[[Mapping[str, Value]], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides while one generation is live. Immutable, so a decision sees one generation only.

    Attributes
    ----------
    judge_flat : asks all guards, then the opening rules in their order until one is true
    judge_holding : asks the closing rules only; guards never stand in the way of less risk
    """

    generation: int
    bundle_hash: str
    interval_ms: Millis
    judge_flat: Judge
    judge_holding: Judge
    min_stop_distance: float
    max_stop_distance: float


def compile_policy(bundle: Bundle, *, generation: int, bundle_hash: str) -> Policy:
    """Compile every expression of `bundle`.

    Raises
    ------
    ExpressionInvalid
        If one does not parse or check; a linted bundle never does.
    """
    names = names_of(bundle)
    closing = [rule for rule in bundle.rules if rule.do is RuleAction.CLOSE]
    opening = [rule for rule in bundle.rules if rule.do is not RuleAction.CLOSE]
    return Policy(
        generation=generation,
        bundle_hash=bundle_hash,
        interval_ms=INTERVALS[bundle.interval],
        judge_flat=_judge(bundle.guards, opening, names),
        judge_holding=_judge((), closing, names),
        min_stop_distance=bundle.risk.min_stop_distance,
        max_stop_distance=bundle.risk.max_stop_distance,
    )


def _judge(guards: Sequence[GuardSpec], rules: Sequence[RuleSpec], names: Names) -> Judge:
    choices = [
        ChosenRule(
            name=rule.name,
            do=rule.do,
            stop_distance=compile_expression(rule.stop_distance, names=names, result=NUMBER)
            if rule.stop_distance is not None
            else None,
        )
        for rule in rules
    ]

    def conclude(explanations: tuple[Explanation, ...]) -> Verdict:
        asked = tuple(
            GuardTrace(
                name=guard.name,
                reason=guard.reason,
                refused=explanation.result is not False,  # unknown too: in doubt, no new risk
                explanation=explanation,
            )
            for guard, explanation in zip(guards, explanations, strict=False)
        )
        chosen, traces = _first_true(choices, explanations[len(guards) :])
        return Verdict(
            chosen=chosen,
            refused=any(guard.refused for guard in asked),
            guards=asked,
            rules=traces,
        )

    conditions = [*(guard.refuse_when for guard in guards), *(rule.when for rule in rules)]
    programs = [compile_expression(source, names=names, result=BOOL) for source in conditions]
    return explain_together(programs, conclude)


def _first_true(
    choices: Sequence[ChosenRule], explanations: Sequence[Explanation]
) -> tuple[ChosenRule | None, tuple[RuleTrace, ...]]:
    """Return the first rule that is true, and the traces up to and including it."""
    traces = []
    for choice, explanation in zip(choices, explanations, strict=True):
        traces.append(RuleTrace(name=choice.name, do=choice.do, explanation=explanation))
        if explanation.result is True:
            return choice, tuple(traces)
    return None, tuple(traces)
