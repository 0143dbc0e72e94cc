"""What a factor is, and what its family declares about it as data."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from chimera.events.features import MarketInputs

NEGLIGIBLE_WEIGHT = 1e-4
"""A factor is settled once what came before its warm-up would weigh no more than this."""


class Input(StrEnum):
    """What a factor looks at."""

    BAR = "bar"
    QUOTE = "quote"
    DEPTH = "depth"
    MARK = "mark"


class Factor(Protocol):
    """One factor of one symbol. It sees consecutive bars; after a gap a new one takes its place."""

    def update(self, inputs: MarketInputs) -> float | None:
        """Take in what is known at a bar's close and return the value there, None if unknown."""
        ...


def remembers_nothing(_length: int) -> float:
    """Return the decay of a factor that depends on no more than its window."""
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How factors of one kind are made and how far they look back.

    Attributes
    ----------
    make : from the length to a new factor
    inputs : what it looks at
    window : from the length to the number of consecutive bars until the value is known
    decay : from the length to the share of a bar's weight that is left one bar later, [0, 1)
    min_length : the least length that has a meaning
    """

    make: Callable[[int], Factor]
    inputs: frozenset[Input]
    window: Callable[[int], int]
    decay: Callable[[int], float] = remembers_nothing
    min_length: int = 1

    def warm_up_bars(self, length: int) -> int:
        """Return how many bars make the value settled: the window, then the fading of its start."""
        decay = self.decay(length)
        fading = math.ceil(math.log(NEGLIGIBLE_WEIGHT) / math.log(decay)) if decay else 0
        return self.window(length) + fading
