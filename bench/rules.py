"""One scalar rule, four ways: our language, its explanation, a function by hand, and rule-engine.

All are given the same inputs and must agree on every one before anything is timed.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

from bench.figures import Figure, Outcome, at_most
from bench.machine import installed
from bench.measure import rate_of
from chimera.errors import InvariantBroken
from chimera.lang import BOOL, NUMBER, choice, compile_expression

SOURCE = (
    'rsi < 30 and 0.2 <= atr_pct <= 1.5 and spread_bps < 2 and (regime == "trend" or score > 0.6)'
)
ROWS = 1_000
Row = Mapping[str, Any]
Rule = Callable[[Row], Any]


def by_hand(row: Row) -> bool:
    return (
        row["rsi"] < 30
        and 0.2 <= row["atr_pct"] <= 1.5
        and row["spread_bps"] < 2
        and (row["regime"] == "trend" or row["score"] > 0.6)
    )


def run(quick: bool) -> Outcome:
    rows = _rows()
    numbers = dict.fromkeys(("rsi", "atr_pct", "spread_bps", "score"), NUMBER)
    program = compile_expression(
        SOURCE, names={**numbers, "regime": choice("trend", "range")}, result=BOOL
    )
    rules: dict[str, Rule] = {
        "by hand": by_hand,
        "chimera.lang": program.evaluate,
        "chimera.lang, explained": lambda row: program.explain(row).result,
    }
    engine = _rule_engine()
    if engine is not None:
        rules["rule-engine"] = engine
    _check_agreement(rules, rows)

    rates = _rates({**rules, "chimera.lang, explained": program.explain}, rows, quick=quick)
    ratio = rates["by hand"] / rates["chimera.lang"]
    return Outcome(
        figures=(
            *(
                Figure(name=name, value=rate, unit="evaluations/s", ours="chimera" in name)
                for name, rate in rates.items()
            ),
            Figure(name="by hand / chimera.lang", value=ratio, unit="times", target=at_most(2)),
        ),
        notes=() if engine is not None else ("rule-engine is not installed",),
    )


def _rates(rules: Mapping[str, Rule], rows: list[Row], *, quick: bool) -> dict[str, float]:
    """Return the best rate of each rule over short rounds in turn.

    What is compared takes a fraction of a microsecond, so that anything else the machine does shows:
    the rules share every disturbance by taking turns, and the best round is the least disturbed.
    """
    best = dict.fromkeys(rules, 0.0)
    for _ in range(20 if quick else 100):
        for name, rule in rules.items():
            best[name] = max(best[name], rate_of(lambda rule=rule: _evaluate(rule, rows)))
    return best


def _evaluate(rule: Rule, rows: list[Row]) -> int:
    for row in rows:
        rule(row)
    return len(rows)


def _check_agreement(rules: Mapping[str, Rule], rows: list[Row]) -> None:
    for row in rows:
        results = {name: bool(rule(row)) for name, rule in rules.items()}
        if len(set(results.values())) > 1:
            raise InvariantBroken(f"the rules disagree: {results}", row=dict(row))


def _rows() -> list[Row]:
    """Return rows of which every clause decides some."""
    rng = random.Random(5)
    return [
        {
            "rsi": rng.uniform(10, 50),
            "atr_pct": rng.uniform(0.1, 1.7),
            "spread_bps": rng.uniform(0.5, 2.5),
            "regime": rng.choice(("trend", "range")),
            "score": rng.random(),
        }
        for _ in range(ROWS)
    ]


def _rule_engine() -> Rule | None:
    if installed("rule-engine") is None:
        return None
    import rule_engine

    # It knows no chained comparison, and calls what is not a name an attribute.
    source = SOURCE.replace("0.2 <= atr_pct <= 1.5", "atr_pct >= 0.2 and atr_pct <= 1.5")
    matches: Rule = rule_engine.Rule(source).matches
    return matches
