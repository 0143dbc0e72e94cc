"""The one table of operators and functions: sign, types, meaning on known values and on unknown.

The checker reads the types, the compiler the implementations, the printer the precedences, the user
guide the descriptions. Nothing else can be called from an expression.

Each entry has two implementations. `apply` is defined on known, finite values only and may raise an
`ArithmeticError` or `ValueError`, or return a number that is not finite: all mean unknown. `total`
is defined everywhere, with None as unknown (Kleene's three-valued logic), and never raises.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from chimera.lang.nodes import Op
from chimera.lang.types import Kind, Value

Apply: TypeAlias = Callable[..., Any]
Total: TypeAlias = Callable[..., Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What an operator takes and means. Tighter binding has the higher precedence."""

    op: Op
    precedence: int
    operands: frozenset[Kind]
    result: Kind
    apply: Apply
    total: Total
    usage: str
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """What a function takes and means. A kind of None is any one kind, the same wherever it stands.

    A variadic function takes its last parameter once or more, up to `MAX_ARGUMENTS` in all.
    """

    name: str
    parameters: tuple[tuple[str, Kind | None], ...]
    result: Kind | None
    apply: Apply
    total: Total
    doc: str
    variadic: bool = False

    @property
    def signature(self) -> str:
        """The call as the user guide writes it, e.g. ``clip(x, low, high) -> number``."""
        names = ", ".join(name for name, _ in self.parameters)
        result = self.result.value if self.result else "as its branches"
        return f"{self.name}({names}{', ...' if self.variadic else ''}) -> {result}"


MAX_ARGUMENTS: Final = 16


def strict(apply: Apply) -> Total:
    """Extend `apply` to unknown: an unknown argument, a failure or an infinite result is unknown."""

    def total(*arguments: Value) -> Value:
        if None in arguments:
            return None
        try:
            result: Value = apply(*arguments)
        except (ArithmeticError, ValueError):
            return None
        return None if isinstance(result, float) and not math.isfinite(result) else result

    return total


def compared(apply: Apply) -> Total:
    """Extend a comparison of two to unknown; it cannot fail, so this is `strict`, only faster."""

    def total(left: Value, right: Value) -> Value:
        return None if left is None or right is None else apply(left, right)

    return total


def conjunction(*outcomes: Value) -> Value:
    """Kleene's and: false if any is false, else unknown if any is unknown."""
    if False in outcomes:
        return False
    return None if None in outcomes else True


def disjunction(*outcomes: Value) -> Value:
    """Kleene's or: true if any is true, else unknown if any is unknown."""
    if True in outcomes:
        return True
    return None if None in outcomes else False


def _choose(condition: Value, then: Value, otherwise: Value) -> Value:
    return None if condition is None else then if condition else otherwise


def _known(value: Value) -> bool:
    return value is not None


_at_most = compared(operator.le)


def _between(x: Value, low: Value, high: Value) -> Value:
    return conjunction(_at_most(low, x), _at_most(x, high))


def _is_between(x: float, low: float, high: float) -> bool:
    return low <= x <= high


def _clip(x: float, low: float, high: float) -> float:
    if low > high:
        raise ValueError("the bounds of clip are crossed")
    return min(max(x, low), high)


def _sign(x: float) -> float:
    return float((x > 0.0) - (x < 0.0))


def _floor(x: float) -> float:
    return float(math.floor(x))


def _ceil(x: float) -> float:
    return float(math.ceil(x))


def _round(x: float) -> float:
    return float(round(x))


_NUMBERS: Final = frozenset({Kind.NUMBER})
_BOOLS: Final = frozenset({Kind.BOOL})
_TEXTS: Final = frozenset({Kind.TEXT})
_ANY: Final = frozenset(Kind)


def _operator(
    op: Op,
    precedence: int,
    operands: frozenset[Kind],
    result: Kind,
    apply: Apply,
    usage: str,
    doc: str,
    total: Total | None = None,
) -> Operator:
    return Operator(
        op=op,
        precedence=precedence,
        operands=operands,
        result=result,
        apply=apply,
        total=total or strict(apply),
        usage=usage,
        doc=doc,
    )


def _comparison(op: Op, operands: frozenset[Kind], apply: Apply, usage: str, doc: str) -> Operator:
    return _operator(op, 4, operands, Kind.BOOL, apply, usage, doc, compared(apply))


def _one_of(value: str, *texts: str) -> bool:
    return value in texts


_B, _N = Kind.BOOL, Kind.NUMBER

OPERATORS: Final = MappingProxyType(
    {
        entry.op: entry
        for entry in (
            _operator(
                Op.OR, 1, _BOOLS, _B, disjunction, "a or b", "true if either is", disjunction
            ),
            _operator(
                Op.AND, 2, _BOOLS, _B, conjunction, "a and b", "true if both are", conjunction
            ),
            _operator(Op.NOT, 3, _BOOLS, _B, operator.not_, "not a", "true if `a` is false"),
            _comparison(Op.LT, _NUMBERS, operator.lt, "a < b", "less"),
            _comparison(Op.LE, _NUMBERS, operator.le, "a <= b", "less or equal"),
            _comparison(Op.GT, _NUMBERS, operator.gt, "a > b", "greater"),
            _comparison(Op.GE, _NUMBERS, operator.ge, "a >= b", "greater or equal"),
            _comparison(Op.EQ, _ANY, operator.eq, "a == b", "equal, both of one type"),
            _comparison(Op.NE, _ANY, operator.ne, "a != b", "not equal, both of one type"),
            _operator(Op.IN, 4, _TEXTS, _B, _one_of, 'a in ("x", "y")', "equal to one of these"),
            _operator(Op.ADD, 5, _NUMBERS, _N, operator.add, "a + b", "sum"),
            _operator(Op.SUB, 5, _NUMBERS, _N, operator.sub, "a - b", "difference"),
            _operator(Op.MUL, 6, _NUMBERS, _N, operator.mul, "a * b", "product"),
            _operator(
                Op.DIV, 6, _NUMBERS, _N, operator.truediv, "a / b", "quotient; by zero: unknown"
            ),
            _operator(
                Op.MOD,
                6,
                _NUMBERS,
                _N,
                operator.mod,
                "a % b",
                "remainder, with the sign of `b`; by zero: unknown",
            ),
            _operator(Op.NEG, 7, _NUMBERS, _N, operator.neg, "-a", "negation"),
            _operator(
                Op.POW,
                8,
                _NUMBERS,
                _N,
                operator.pow,
                "a ** 2",
                "power; the exponent is a constant whole number from -8 to 8",
            ),
        )
    }
)


def _function(
    name: str,
    parameters: str,
    result: Kind | None,
    apply: Apply,
    doc: str,
    *,
    kinds: tuple[Kind | None, ...] | None = None,
    total: Total | None = None,
    variadic: bool = False,
) -> Function:
    labels = parameters.split()
    return Function(
        name=name,
        parameters=tuple(zip(labels, kinds or (Kind.NUMBER,) * len(labels), strict=True)),
        result=result,
        apply=apply,
        total=total or strict(apply),
        doc=doc,
        variadic=variadic,
    )


FUNCTIONS: Final = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            _function("abs", "x", _N, abs, "magnitude"),
            _function("sign", "x", _N, _sign, "-1, 0 or 1"),
            _function("min", "a b", _N, min, "the smallest; 2 to 16 arguments", variadic=True),
            _function("max", "a b", _N, max, "the largest; 2 to 16 arguments", variadic=True),
            _function(
                "clip",
                "x low high",
                _N,
                _clip,
                "`x`, moved into [low, high]; crossed bounds: unknown",
            ),
            _function("sqrt", "x", _N, math.sqrt, "square root; of a negative number: unknown"),
            _function("log", "x", _N, math.log, "natural logarithm; of zero or less: unknown"),
            _function("exp", "x", _N, math.exp, "e to the power `x`; too large: unknown"),
            _function("floor", "x", _N, _floor, "the whole number at or below"),
            _function("ceil", "x", _N, _ceil, "the whole number at or above"),
            _function("round", "x", _N, _round, "the nearest whole number; halves to the even one"),
            _function(
                "between",
                "x low high",
                _B,
                _is_between,
                "the same as `low <= x <= high`",
                total=_between,
            ),
            _function(
                "known",
                "x",
                _B,
                _known,
                "true if `x` is known; never unknown itself",
                kinds=(None,),
                total=_known,
            ),
            _function(
                "if",
                "condition a b",
                None,
                _choose,
                "`a` if the condition is true, `b` if false; the branch not taken may be unknown",
                kinds=(Kind.BOOL, None, None),
                total=_choose,
            ),
        )
    }
)
