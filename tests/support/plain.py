"""Turns any tree of objects into lists and texts that are equal when the trees behave the same."""

import dataclasses
from collections import defaultdict, deque
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any

import msgspec


def plain(value: Any, seen: dict[int, int] | None = None) -> Any:
    """Return `value` as nested lists; what was met before becomes its number, so identity counts too."""
    seen = {} if seen is None else seen
    if value is None or isinstance(value, str | bytes | int | float | Decimal | Enum):
        return repr(value)
    if isinstance(value, tuple):
        return [plain(item, seen) for item in value]
    if id(value) in seen:
        return f"#{seen[id(value)]}"
    seen[id(value)] = len(seen)
    if isinstance(value, defaultdict) and dataclasses.is_dataclass(value.default_factory):
        # A look makes the default, and an entry that is still the default tells nothing.
        value = {key: part for key, part in value.items() if part != value.default_factory()}
    if isinstance(value, Mapping):
        return [[plain(k, seen), plain(v, seen)] for k, v in value.items()]
    if isinstance(value, list | deque):
        return [plain(item, seen) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(repr(item) for item in value)
    if isinstance(value, Random):
        return repr(value.getstate())
    return [type(value).__name__, *_parts(value, seen)]


def _parts(value: Any, seen: dict[int, int]) -> list[Any]:
    if isinstance(value, msgspec.Struct):
        return [plain(getattr(value, name), seen) for name in value.__struct_fields__]
    if "__getstate__" in vars(type(value)) and not dataclasses.is_dataclass(value):
        return [plain(value.__getstate__(), seen)]
    if dataclasses.is_dataclass(value):
        return [plain(getattr(value, f.name), seen) for f in dataclasses.fields(value)]
    # What has no attributes is code: a bound method, an exhausted iterator.
    return [[name, plain(part, seen)] for name, part in getattr(value, "__dict__", {}).items()]
