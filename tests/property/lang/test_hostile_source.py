"""Whatever the source, either a program comes out or `ExpressionInvalid`, soon."""

import random

from chimera.lang import BOOL, NUMBER, ExpressionInvalid, Type, compile_expression
from tests.support.expressions import NAMES

PROGRAMS_EACH = 3500
TOKENS = (
    *("a", "b", "p", "q", "s", "regime", "unknown_name", "__class__", "True", "lambda"),
    *("and", "or", "not", "in", "true", "false", "if", "known", "min", "clip", "log", "between"),
    *("<", "<=", "==", "!=", ">", "+", "-", "*", "/", "%", "**", "=", ":=", ".", "[", "]"),
    *("(", "(", "(", ")", ")", ")", ",", "0", "1", "2.5", "1e999", "9" * 400, '"trend"', '"x'),
)
VALID = (
    "a < 30 and 0.2 <= b <= 1.5 and (p or not q)",
    'regime == "trend" or if(known(c), c, -a) ** 2 > log(b)',
    'between(a, b, c) and s in ("x", "y") and not (p == q)',
)


def assert_only_typed_errors(source: str, result: Type = BOOL) -> bool:
    try:
        program = compile_expression(source, names=NAMES, result=result)
    except ExpressionInvalid:
        return False
    value = program.evaluate({})
    assert value is None or type(value) is (bool if result == BOOL else float)
    return True


def test_random_bytes_only_typed_errors_escape() -> None:
    rng = random.Random(1)
    for _ in range(PROGRAMS_EACH):
        assert_only_typed_errors(rng.randbytes(rng.randrange(60)).decode("latin-1"))


def test_random_tokens_only_typed_errors_escape() -> None:
    rng = random.Random(2)
    valid = 0
    for _ in range(PROGRAMS_EACH):
        source = " ".join(rng.choices(TOKENS, k=rng.randrange(1, 12)))
        valid += assert_only_typed_errors(source)
    assert valid > 0


def test_mutated_programs_only_typed_errors_escape() -> None:
    rng = random.Random(3)
    valid = 0
    for _ in range(PROGRAMS_EACH):
        characters = list(rng.choice(VALID))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(characters))
            characters[at : at + rng.randrange(3)] = rng.choice(TOKENS)
        valid += assert_only_typed_errors("".join(characters))
    assert valid > 0


def test_random_numbers_only_typed_errors_escape() -> None:
    rng = random.Random(4)
    for _ in range(500):
        source = "".join(rng.choices("0123456789.eE+-", k=rng.randrange(1, 12)))
        assert_only_typed_errors(source, NUMBER)
