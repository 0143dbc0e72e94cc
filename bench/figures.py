"""What a benchmark hands back: figures, each perhaps with a target, and notes for the reader."""

from enum import StrEnum

import msgspec


class Bound(StrEnum):
    AT_MOST = "<="
    AT_LEAST = ">="


class Target(msgspec.Struct, frozen=True):
    """What a figure should reach. Missing it is reported and never fails the run."""

    bound: Bound
    value: float

    def met(self, value: float) -> bool:
        return value <= self.value if self.bound is Bound.AT_MOST else value >= self.value


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number. `ours` is False for a peer's."""

    name: str
    value: float
    unit: str
    target: Target | None = None
    ours: bool = True

    @property
    def passed(self) -> bool | None:
        return None if self.target is None else self.target.met(self.value)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one benchmark found out."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


def at_most(value: float) -> Target:
    return Target(Bound.AT_MOST, value)


def at_least(value: float) -> Target:
    return Target(Bound.AT_LEAST, value)
