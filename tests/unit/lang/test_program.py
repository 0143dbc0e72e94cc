"""Meaning of programs: unknown logic, numbers, inputs, and what an explanation says."""

import enum
import math
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest

from chimera.errors import InvalidInput
from chimera.lang import BOOL, NUMBER, TEXT, Clause, Program, Type, choice, compile_expression

NAMES = {
    "rsi": NUMBER,
    "atr_pct": NUMBER,
    "spread_bps": NUMBER,
    "score": NUMBER,
    "halted": BOOL,
    "regime": choice("trend", "range"),
}
RULE = (
    'rsi < 30 and 0.2 <= atr_pct <= 1.5 and spread_bps < 2 and (regime == "trend" or score > 0.6)'
)
TAKEN = {"rsi": 25.0, "atr_pct": 0.9, "spread_bps": 1.0, "regime": "range", "score": 0.7}


def program(source: str, result: Type = BOOL) -> Program:
    return compile_expression(source, names=NAMES, result=result)


def number(source: str, **values: Any) -> Any:
    return program(source, NUMBER).evaluate(values)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"rsi": 30.0}, False),
        ({"atr_pct": 1.5}, True),
        ({"atr_pct": 1.51}, False),
        ({"score": None}, None),
        ({"score": None, "regime": "trend"}, True),
        ({"regime": None}, True),
        ({"regime": None, "score": 0.1}, None),
        ({"rsi": None, "spread_bps": 2.0}, False),
        ({"rsi": math.nan}, None),
        ({"rsi": -math.inf}, None),
    ],
)
def test_rule_with_unknown_values_follows_kleene(changes: Any, expected: bool | None) -> None:
    compiled = program(RULE)
    values = TAKEN | changes
    assert compiled.evaluate(values) is expected
    assert compiled.function(*(values[name] for name in compiled.names)) is expected
    assert compiled.explain(values).result is expected


def test_rule_reads_names_by_first_use() -> None:
    assert program(RULE).names == ("rsi", "atr_pct", "spread_bps", "regime", "score")


def test_name_not_given_is_unknown() -> None:
    assert program("rsi < 30").evaluate({}) is None
    assert program("known(rsi)").evaluate({}) is False


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("-2 ** 2", -4.0),
        ("2 ** -1", 0.5),
        ("0 ** 0", 1.0),
        ("7 % 3", 1.0),
        ("-7 % 3", 2.0),
        ("10 - 3 - 2", 5.0),
        ("1 / 0", None),
        ("1 % 0", None),
        ("0 ** -1", None),
        ("1e308 * 10", None),
        ("1 / (1e308 * 10)", None),
        ("0 * (1e308 * 10)", None),
        ("(1e200) ** 2", None),
        ("exp(-(1e308 * 10))", None),
        ("min(1, 1e308 * 10)", None),
        ("sqrt(-1)", None),
        ("sqrt(9)", 3.0),
        ("log(0)", None),
        ("log(-1)", None),
        ("exp(1000)", None),
        ("exp(0)", 1.0),
        ("sign(-3)", -1.0),
        ("floor(-1.5)", -2.0),
        ("ceil(-1.5)", -1.0),
        ("round(2.5)", 2.0),
        ("clip(5, 0, 1)", 1.0),
        ("clip(5, 1, 0)", None),
        ("max(1, 3, 2)", 3.0),
        ("if(1 < 2, 5, 1 / 0)", 5.0),
        ("if(known(1 / 0), 1 / 0, 7)", 7.0),
    ],
)
def test_arithmetic_constant_expression_gives_float_or_unknown(
    source: str, expected: float | None
) -> None:
    result = number(source)
    assert result == expected
    assert type(result) in (float, type(None))


@pytest.mark.parametrize(
    "given", [25, np.float64(25.0), np.float32(25.0), np.int64(25)], ids=lambda v: type(v).__name__
)
def test_number_of_another_real_type_counts_as_float(given: Any) -> None:
    compiled = program("rsi < 30")
    assert compiled.evaluate({"rsi": given}) is True
    assert compiled.explain({"rsi": given}).outcomes == (True,)
    assert type(number("rsi", rsi=given)) is float


def test_integer_beyond_float_is_unknown() -> None:
    assert program("rsi < 30").evaluate({"rsi": 10**400}) is None


def test_text_enum_member_counts_as_its_value() -> None:
    class Regime(str, enum.Enum):  # noqa: UP042  # str() of this kind does not give its value
        TREND = "trend"

    compiled = program('regime in ("trend")')
    assert compiled.evaluate({"regime": Regime.TREND}) is True
    assert compiled.explain({"regime": Regime.TREND}).result is True


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("rsi < 30", {"rsi": True}),
        ("rsi < 30", {"rsi": "25"}),
        ("rsi < 30", {"rsi": Decimal(25)}),
        ("halted", {"halted": 1}),
        ("halted", {"halted": "true"}),
        ('regime == "trend"', {"regime": 1.0}),
    ],
)
def test_value_of_another_kind_is_invalid_input(source: str, values: Any) -> None:
    compiled = program(source)
    for run in (compiled.evaluate, compiled.explain):
        with pytest.raises(InvalidInput, match=compiled.names[0]):
            run(values)


def test_choice_and_plain_text_branches_give_text() -> None:
    source = 'if(halted, regime, "off")'
    compiled = compile_expression(source, names=NAMES, result=TEXT)
    assert compiled.evaluate({"halted": False}) == "off"
    assert compiled.evaluate({"halted": True, "regime": "range"}) == "range"
    assert compiled.evaluate({"regime": "range"}) is None


def test_name_read_in_a_branch_left_out_is_read_again() -> None:
    compiled = program("(halted and rsi < 1 or not halted) and rsi > 2")
    assert compiled.evaluate({"halted": False, "rsi": 3.0}) is True


def test_explanation_of_skipped_rule_names_the_deciding_clause() -> None:
    values = TAKEN | {"spread_bps": 3.0, "score": None}
    explanation = program(RULE).explain(values)
    assert explanation.result is False
    assert explanation.outcomes == (True, True, False, False, None)
    assert explanation.decided_by == (2,)
    assert explanation.unknown == ("score",)
    assert explanation.clauses[1] == Clause("0.2 <= atr_pct <= 1.5", ("atr_pct",))
    rows = list(explanation.by_clause(values))
    assert rows[2] == (Clause("spread_bps < 2", ("spread_bps",)), False, {"spread_bps": 3.0})
    assert rows[4][2] == {"score": None}


@pytest.mark.parametrize(
    ("changes", "decided_by"),
    [
        ({}, (0, 1, 2, 4)),
        ({"regime": "trend"}, (0, 1, 2, 3)),
        ({"score": 0.1}, (3, 4)),
        ({"score": None}, (4,)),
        ({"rsi": None, "atr_pct": None}, (0, 1)),
        ({"rsi": 40.0, "atr_pct": None}, (0,)),
    ],
)
def test_explanation_lists_the_clauses_the_result_rests_on(
    changes: Any, decided_by: tuple[int, ...]
) -> None:
    assert program(RULE).explain(TAKEN | changes).decided_by == decided_by


def test_explanation_of_number_has_no_clauses() -> None:
    explanation = program("rsi / atr_pct", NUMBER).explain({"rsi": 1, "atr_pct": math.inf})
    assert explanation.result is None
    assert explanation.clauses == ()
    assert explanation.unknown == ("atr_pct",)


def test_explanation_is_shared_by_evaluations_that_came_out_alike() -> None:
    compiled = program(RULE)
    assert compiled.explain(TAKEN) is compiled.explain(TAKEN | {"rsi": 24.0})
    assert compiled.explain(TAKEN).clauses is compiled.explain({}).clauses


def test_explanation_as_json_is_complete() -> None:
    explanation = program("not halted and rsi < 30").explain({"halted": False, "rsi": math.nan})
    assert msgspec.json.decode(msgspec.json.encode(explanation)) == {
        "result": None,
        "clauses": [
            {"text": "halted", "names": ["halted"]},
            {"text": "rsi < 30", "names": ["rsi"]},
        ],
        "outcomes": [False, None],
        "decided_by": [1],
        "unknown": ["rsi"],
    }


def test_program_is_frozen() -> None:
    with pytest.raises(AttributeError):
        program("halted").source = "true"  # type: ignore[misc]


def test_generated_code_reaches_no_builtins() -> None:
    compiled: Any = program("rsi < 30")
    assert compiled.evaluate.__globals__["__builtins__"] == {}
