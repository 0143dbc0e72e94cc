"""How values from outside become values of the language: None is unknown, numbers are floats.

`SETTLE` is the rule. `QUICK` is for compiled code, which calls it when a value is not exactly the
Python type expected: it converts what is harmless and marks the rest as in need of settling.
"""

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, Final

from chimera.errors import InvalidInput
from chimera.lang.types import Kind, Value


def settle_number(name: str, value: Any) -> float | None:
    """Return a real number as a float; None if it is None, NaN, infinite or beyond float64."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if value is None:
        return None
    if not _is_number(value):
        raise _wrong_kind(name, Kind.NUMBER, value)
    number = quick_number(value)
    return number if math.isfinite(number) else None


def settle_bool(name: str, value: Any) -> bool | None:
    """Return a truth value or None as it is."""
    if value is None or isinstance(value, bool):
        return value
    raise _wrong_kind(name, Kind.BOOL, value)


def settle_text(name: str, value: Any) -> str | None:
    """Return a text as a plain `str` (an enum's member by its value); None as it is."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    raise _wrong_kind(name, Kind.TEXT, value)


def quick_number(value: Any) -> float:
    """Return a real number as a float, and NaN for anything else."""
    if value is None or not _is_number(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def quick_bool(value: Any) -> bool:
    """Return a truth value, and raise ValueError for anything else."""
    if isinstance(value, bool):
        return value
    raise ValueError


def quick_text(value: Any) -> str:
    """Return a text as a plain `str`, and raise ValueError for anything else."""
    if isinstance(value, str):
        return str.__str__(value)
    raise ValueError


SETTLE: Final[Mapping[Kind, Callable[[str, Any], Value]]] = {
    Kind.NUMBER: settle_number,
    Kind.BOOL: settle_bool,
    Kind.TEXT: settle_text,
}
"""From a name and its value to a value of the language; `InvalidInput` if it is of another kind."""

QUICK: Final[Mapping[Kind, Callable[[Any], Value]]] = {
    Kind.NUMBER: quick_number,
    Kind.BOOL: quick_bool,
    Kind.TEXT: quick_text,
}


def _is_number(value: Any) -> bool:
    # The concrete types first: the check against the abstract class is much slower.
    return isinstance(value, (float, int, Real)) and not isinstance(value, bool)


def _wrong_kind(name: str, kind: Kind, value: Any) -> InvalidInput:
    return InvalidInput(
        f"{name} must be a {kind}, not {type(value).__name__}", name=name, expected=kind.value
    )
