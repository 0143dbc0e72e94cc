"""Random expressions and a second, plain implementation of their meaning to compare with.

The interpreter follows `docs/language.md`, and shares no code with the table of operators.
"""

import math
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from chimera.lang import BOOL, NUMBER, TEXT, Type, Value, choice
from chimera.lang.nodes import (
    Binary,
    Boolean,
    Call,
    Compare,
    Logic,
    Member,
    Name,
    Node,
    Number,
    Op,
    Power,
    Text,
    Unary,
)

NAMES: Mapping[str, Type] = {
    "a": NUMBER,
    "b": NUMBER,
    "c": NUMBER,
    "p": BOOL,
    "q": BOOL,
    "s": TEXT,
    "regime": choice("trend", "range"),
}

_TEXTS = ("trend", "range")
_ORDER = (Op.LT, Op.LE, Op.GT, Op.GE, Op.EQ, Op.NE)
_ONE_NUMBER = ("abs", "sign", "sqrt", "log", "exp", "floor", "ceil", "round")

constants = st.one_of(
    st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 30.0, 1e-300, 1e200, 1.7e308]),
    st.floats(min_value=0, allow_infinity=False, allow_nan=False),
)


@st.composite
def nodes(draw: st.DrawFn, type_: Type, depth: int = 4, *, known: bool = True) -> Node:
    """Draw a well-typed tree, with or without the function `known`."""
    shape = draw(st.integers(0, 9)) if depth > 0 else 0

    def sub(inner: Type) -> Node:
        return draw(nodes(inner, depth - 1, known=known))

    if shape == 9:
        return Call("if", (sub(BOOL), sub(type_), sub(type_)))
    if type_ == NUMBER:
        return _number(draw, shape, sub)
    if type_ == TEXT:
        return Text(draw(st.sampled_from(_TEXTS))) if shape % 2 else Name("s")
    return _boolean(draw, shape, sub, known)


def _number(draw: st.DrawFn, shape: int, sub: Any) -> Node:
    match shape:
        case 0 | 1:
            named = draw(st.integers(0, 3))
            return Name("abc"[named]) if named < 3 else Number(draw(constants))
        case 2:
            return Unary(Op.NEG, sub(NUMBER))
        case 3:
            return Power(sub(NUMBER), draw(st.integers(-8, 8)))
        case 4:
            return Call(draw(st.sampled_from(_ONE_NUMBER)), (sub(NUMBER),))
        case 5:
            count = draw(st.integers(2, 4))
            arguments = tuple(sub(NUMBER) for _ in range(count))
            return Call(draw(st.sampled_from(["min", "max"])), arguments)
        case 6:
            return Call("clip", (sub(NUMBER), sub(NUMBER), sub(NUMBER)))
        case _:
            op = draw(st.sampled_from([Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MOD]))
            return Binary(op, sub(NUMBER), sub(NUMBER))


def _boolean(draw: st.DrawFn, shape: int, sub: Any, known: bool) -> Node:
    match shape:
        case 0:
            return draw(st.sampled_from([Name("p"), Name("q"), Boolean(True), Boolean(False)]))
        case 1:
            return Unary(Op.NOT, sub(BOOL))
        case 2 | 3:
            count = draw(st.integers(2, 4))
            op = draw(st.sampled_from([Op.AND, Op.OR]))
            return Logic(op, tuple(sub(BOOL) for _ in range(count)))
        case 4:
            inner = draw(st.sampled_from([BOOL, TEXT]))
            return Compare((draw(st.sampled_from([Op.EQ, Op.NE])),), (sub(inner), sub(inner)))
        case 5:
            texts = draw(st.lists(st.sampled_from(_TEXTS), min_size=1, max_size=2))
            return Member(draw(st.just(Name("regime"))), tuple(map(Text, texts)))
        case 6 if known:
            return Call("known", (sub(draw(st.sampled_from([NUMBER, BOOL, TEXT]))),))
        case 7:
            return Call("between", (sub(NUMBER), sub(NUMBER), sub(NUMBER)))
        case _:
            ops = tuple(draw(st.lists(st.sampled_from(_ORDER), min_size=1, max_size=3)))
            return Compare(ops, tuple(sub(NUMBER) for _ in range(len(ops) + 1)))


finite_numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1e-320, 1e308, -1e308, 709.0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**70), 2**70),
)
known_values: Mapping[str, st.SearchStrategy[Any]] = {
    name: {NUMBER: finite_numbers, BOOL: st.booleans()}.get(type_, st.sampled_from(_TEXTS))
    for name, type_ in NAMES.items()
}
_unknown_numbers = st.sampled_from([None, math.nan, math.inf, -math.inf, 10**400])
values = st.fixed_dictionaries(
    {},
    optional={
        name: known | (_unknown_numbers if NAMES[name] == NUMBER else st.none())
        for name, known in known_values.items()
    },
)
"""What a caller may give: any name missing, unknown in each way, or known."""


def interpret(node: Node, given: Mapping[str, Any]) -> Value:
    """Return the meaning of `node`, computed the slow and obvious way."""
    match node:
        case Number(value=value) | Boolean(value=value) | Text(value=value):
            return value
        case Name(name=name):
            return _given(given.get(name))
        case Logic(op=op, operands=operands):
            return _join(op is Op.OR, [interpret(operand, given) for operand in operands])
        case Compare(ops=ops, operands=operands):
            sides = [interpret(operand, given) for operand in operands]
            return _links(ops, sides)
        case Call(function="known", arguments=(argument,)):
            return interpret(argument, given) is not None
        case Call(function="if", arguments=(condition, then, otherwise)):
            truth = interpret(condition, given)
            return None if truth is None else interpret(then if truth else otherwise, given)
        case Call(function="between", arguments=(x, low, high)):
            sides = [interpret(operand, given) for operand in (low, x, high)]
            return _links((Op.LE, Op.LE), sides)
        case Unary(op=op, operand=operand):
            return _strict(op, [interpret(operand, given)])
        case Power(base=base, exponent=exponent):
            return _strict("**", [interpret(base, given), exponent])
        case Binary(op=op, left=left, right=right):
            return _strict(op, [interpret(left, given), interpret(right, given)])
        case Member(operand=operand, texts=texts):
            found = interpret(operand, given)
            return None if found is None else found in [text.value for text in texts]
        case Call(function=function, arguments=arguments):
            return _strict(function, [interpret(argument, given) for argument in arguments])


def _given(value: Any) -> Value:
    if value is None or isinstance(value, (bool, str)):
        return value
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _join(dominant: bool, outcomes: list[Value]) -> Value:
    if any(outcome is dominant for outcome in outcomes):
        return dominant
    return None if any(outcome is None for outcome in outcomes) else not dominant


def _links(ops: tuple[Op, ...], sides: list[Any]) -> Value:
    outcomes: list[Value] = []
    for i, op in enumerate(ops):
        left, right = sides[i], sides[i + 1]
        if left is None or right is None:
            outcomes.append(None)
        else:
            less, equal = op in (Op.LT, Op.LE) and left < right, left == right
            greater = op in (Op.GT, Op.GE) and left > right
            either = op in (Op.LE, Op.GE, Op.EQ) and equal
            outcomes.append(less or greater or either or (op is Op.NE and not equal))
    return _join(False, outcomes)


def _strict(operation: str, arguments: list[Any]) -> Value:
    if any(argument is None for argument in arguments):
        return None
    try:
        result = _known(operation, *arguments)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return None if isinstance(result, float) and not math.isfinite(result) else result


def _known(operation: str, *x: Any) -> Any:
    match operation:
        case "not":
            return not x[0]
        case "-x":
            return -x[0]
        case "+":
            return x[0] + x[1]
        case "-":
            return x[0] - x[1]
        case "*":
            return x[0] * x[1]
        case "/":
            return x[0] / x[1]
        case "%":
            return x[0] % x[1]
        case "**":
            return x[0] ** x[1]
        case "min":
            return sorted(x)[0]
        case "max":
            return sorted(x, reverse=True)[0]
        case "clip":
            return None if x[1] > x[2] else min(max(x[0], x[1]), x[2])
        case "sign":
            return 0.0 if x[0] == 0 else math.copysign(1.0, x[0])
        case "abs":
            return math.fabs(x[0])
        case "round":
            return float(round(x[0]))
        case "floor" | "ceil" | "sqrt" | "log" | "exp":
            return float(getattr(math, operation)(x[0]))
        case _:
            raise AssertionError(operation)
