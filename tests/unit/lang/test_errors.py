"""What is refused, by which rule, where, and with which suggestion."""

import pytest

from chimera.errors import ConfigInvalid
from chimera.lang import BOOL, NUMBER, TEXT, ExpressionInvalid, Rule, choice, compile_expression

NAMES = {
    "rsi": NUMBER,
    "atr_pct": NUMBER,
    "halted": BOOL,
    "note": TEXT,
    "regime": choice("trend", "range"),
}


def refused(source: str) -> ExpressionInvalid:
    with pytest.raises(ExpressionInvalid) as caught:
        compile_expression(source, names=NAMES, result=BOOL)
    return caught.value


@pytest.mark.parametrize(
    ("source", "rule", "text"),
    [
        ("rsi <", Rule.SYNTAX, ""),
        ("", Rule.SYNTAX, ""),
        ("(" * 5000, Rule.SYNTAX, ""),
        ("rsi < 30 30", Rule.SYNTAX, "30"),
        ("rsi.value < 30", Rule.SYNTAX, "."),
        ("values[0] < 30", Rule.SYNTAX, "["),
        ("abs() < 1", Rule.SYNTAX, ")"),
        ("note == 'x'", Rule.SYNTAX, "'"),
        ('note == "a\\n"', Rule.SYNTAX, '"'),
        ("halted if halted else halted", Rule.SYNTAX, "if"),
        ("rsi ** atr_pct > 1", Rule.EXPONENT, "atr_pct"),
        ("rsi ** 9 > 1", Rule.EXPONENT, "rsi ** 9"),
        ("rsi ** -9 > 1", Rule.EXPONENT, "rsi ** -9"),
        ("rsi ** 0.5 > 1", Rule.EXPONENT, "rsi ** 0.5"),
        ("rsi ** 1e400 > 1", Rule.EXPONENT, "rsi ** 1e400"),
        ("rsi < 1e999", Rule.NUMBER_RANGE, "1e999"),
        ("rsi < " + "9" * 400, Rule.NUMBER_RANGE, "9" * 80),
        ("rsy < 30", Rule.UNKNOWN_NAME, "rsy"),
        ("__class__", Rule.SYNTAX, "_"),
        ("eval(rsi)", Rule.UNKNOWN_FUNCTION, "eval(rsi)"),
        ("absolute(rsi) < 1", Rule.UNKNOWN_FUNCTION, "absolute(rsi)"),
        ("abs(rsi, 1) < 1", Rule.ARGUMENT_COUNT, "abs(rsi, 1)"),
        ("min(rsi) < 1", Rule.ARGUMENT_COUNT, "min(rsi)"),
        ("rsi + 1", Rule.TYPE, "rsi + 1"),
        ("rsi and halted", Rule.TYPE, "rsi"),
        ("not rsi", Rule.TYPE, "rsi"),
        ("halted < 1", Rule.TYPE, "halted < 1"),
        ("halted < halted", Rule.TYPE, "halted < halted"),
        ('note < "a"', Rule.TYPE, 'note < "a"'),
        ("abs(halted) < 1", Rule.TYPE, "halted"),
        ('rsi in ("a")', Rule.TYPE, "rsi"),
        ('if(halted, 1, "x") == 1', Rule.TYPE, '"x"'),
        ("if(rsi, 1, 2) == 1", Rule.TYPE, "rsi"),
        ('regime == "trand"', Rule.CHOICE, '"trand"'),
        ('"trand" != regime', Rule.CHOICE, '"trand"'),
        ('regime in ("trend", "rang")', Rule.CHOICE, '"rang"'),
        ("r\u0455i < 30", Rule.ASCII, "\u0455"),
        ("rsi < 30 \u202e and halted", Rule.ASCII, "\u202e"),
        ("rsi < \uff13\uff10", Rule.ASCII, "\uff13"),
        ("rsi < 30\x00", Rule.SYNTAX, "\x00"),
        ("halted " + " " * 16384, Rule.SOURCE_LENGTH, "halted" + " " * 74),
        ("not " * 4000 + "halted", Rule.DEPTH, "not " * 20),
        ("-" * 16000 + "rsi < 1", Rule.DEPTH, "-" * 80),
    ],
)
def test_expression_breaking_a_rule_is_refused_with_rule_and_text(
    source: str, rule: Rule, text: str
) -> None:
    error = refused(source)
    assert error.rule is rule
    assert error.text == text


@pytest.mark.parametrize(
    ("source", "suggestion"),
    [
        ("rsy < 30", "rsi"),
        ("True", "true"),
        ("RSI < 30", "rsi"),
        ("bs(rsi) < 1", "abs"),
        ('regime == "trand"', "trend"),
        ("rsi = 30", "=="),
        ("halted & halted", "and"),
        ("! halted", "not"),
    ],
)
def test_expression_near_miss_is_refused_with_suggestion(source: str, suggestion: str) -> None:
    error = refused(source)
    assert error.details["suggestion"] == suggestion
    assert f"did you mean {suggestion}?" in str(error)


def test_error_on_third_line_names_line_and_column() -> None:
    error = refused("rsi < 30\nand atr_pct > 1\n  and rsx > 2")
    assert (error.line, error.column) == (3, 7)
    assert error.as_json("c")["error"]["details"] == {
        "rule": "unknown_name",
        "line": 3,
        "column": 7,
        "text": "rsx",
        "suggestion": "rsi",
    }


def test_error_is_an_invalid_configuration() -> None:
    error = refused("rsi")
    assert isinstance(error, ConfigInvalid)
    assert error.code == "expression_invalid"


@pytest.mark.parametrize("word", ["__import__", "__class__", "os", "values", "n0", "settled"])
def test_name_not_given_is_refused(word: str) -> None:
    refused(word)
    refused(f"{word}(rsi) < 1")


def test_node_count_one_above_the_bound_is_refused() -> None:
    groups = " and ".join(["(" + " or ".join(["halted"] * 30) + ")"] * 16)
    compile_expression(groups, names=NAMES, result=BOOL)
    assert refused(groups + " and halted" * 4).rule is Rule.NODE_COUNT


def test_depth_at_the_bound_compiles_and_one_above_is_refused() -> None:
    program = compile_expression("not " * 31 + "halted", names=NAMES, result=BOOL)
    assert program.evaluate({"halted": True}) is False
    assert refused("not " * 32 + "halted").rule is Rule.DEPTH


def test_parentheses_alone_do_not_nest() -> None:
    program = compile_expression("(" * 100 + "halted" + ")" * 100, names=NAMES, result=BOOL)
    assert program.evaluate({"halted": True}) is True
