"""The one table of operators and functions: sign, types, meaning on known values and on unknown.

The checker reads the types, the compiler the implementations, the printer the precedences, the user
guide the descriptions. Nothing else can be called from an expression.

The meaning of an entry is `total`: defined everywhere, with None as unknown (Kleene's three-valued
logic), it never raises. A function has `apply` too, for known, finite values only; it may raise an
`ArithmeticError` or `ValueError` or return a number that is not finite: all mean unknown.
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


@dataclass(frozen=True, slots=True)
class Operator:
    """What an operator takes and means. Tighter binding has the higher precedence."""

    op: Op
    precedence: int
    operands: frozenset[Kind]
    result: Kind
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


def _between(x: Value, low: Value, high: Value) -> Value:
    return conjunction(_LE(low, x), _LE(x, high))


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


def _one_of(value: str, *texts: str) -> bool:
    return value in texts


_B, _N = Kind.BOOL, Kind.NUMBER
_LT, _LE, _GT = compared(operator.lt), compared(operator.le), compared(operator.gt)
_GE, _EQ, _NE = compared(operator.ge), compared(operator.eq), compared(operator.ne)
_ADD, _SUB, _MUL = strict(operator.add), strict(operator.sub), strict(operator.mul)
_DIV, _MOD, _POW = strict(operator.truediv), strict(operator.mod), strict(operator.pow)
_NEG, _NOT, _IN = strict(operator.neg), strict(operator.not_), strict(_one_of)
_MOD_DOC = "remainder, with the sign of `b`; by zero: unknown"
_POW_DOC = "power; the exponent is a constant whole number from -8 to 8"

OPERATORS: Final = MappingProxyType(
    {
        entry.op: entry
        for entry in (
            Operator(Op.OR, 1, _BOOLS, _B, disjunction, "a or b", "true if either is"),
            Operator(Op.AND, 2, _BOOLS, _B, conjunction, "a and b", "true if both are"),
            Operator(Op.NOT, 3, _BOOLS, _B, _NOT, "not a", "true if `a` is false"),
            Operator(Op.LT, 4, _NUMBERS, _B, _LT, "a < b", "less"),
            Operator(Op.LE, 4, _NUMBERS, _B, _LE, "a <= b", "less or equal"),
            Operator(Op.GT, 4, _NUMBERS, _B, _GT, "a > b", "greater"),
            Operator(Op.GE, 4, _NUMBERS, _B, _GE, "a >= b", "greater or equal"),
            Operator(Op.EQ, 4, _ANY, _B, _EQ, "a == b", "equal, both of one type"),
            Operator(Op.NE, 4, _ANY, _B, _NE, "a != b", "not equal, both of one type"),
            Operator(Op.IN, 4, _TEXTS, _B, _IN, 'a in ("x", "y")', "equal to one of these"),
            Operator(Op.ADD, 5, _NUMBERS, _N, _ADD, "a + b", "sum"),
            Operator(Op.SUB, 5, _NUMBERS, _N, _SUB, "a - b", "difference"),
            Operator(Op.MUL, 6, _NUMBERS, _N, _MUL, "a * b", "product"),
            Operator(Op.DIV, 6, _NUMBERS, _N, _DIV, "a / b", "quotient; by zero: unknown"),
            Operator(Op.MOD, 6, _NUMBERS, _N, _MOD, "a % b", _MOD_DOC),
            Operator(Op.NEG, 7, _NUMBERS, _N, _NEG, "-a", "negation"),
            Operator(Op.POW, 8, _NUMBERS, _N, _POW, "a ** 2", _POW_DOC),
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
