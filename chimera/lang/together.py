"""Several conditions explained in one go: what guards and rules ask at every bar.

1. A name that several of them read is read and checked once.
2. The outcomes of all their clauses make one pattern. Few patterns ever occur, so what follows from one
   is worked out once and looked up afterwards.
3. Where a value is unknown or the arithmetic fails, each condition is explained by itself: an unknown
   of one of them is none of the others' business.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TypeVar

from chimera.lang.compile import build_function, by_name, numbered
from chimera.lang.explain import EXPLANATIONS_KEPT, Explanation, Outcomes, Structure
from chimera.lang.program import EXPLAIN_BOOLEAN, Program
from chimera.lang.types import Value

Conclusion = TypeVar("Conclusion")


def explain_together(
    programs: Sequence[Program], conclude: Callable[[tuple[Explanation, ...]], Conclusion]
) -> Callable[[Mapping[str, Value]], Conclusion]:
    """Return a function from values to what `conclude` makes of the explanations of `programs`.

    Parameters
    ----------
    programs : conditions, compiled over the same names
    conclude : a pure function of their explanations, in the order of `programs`; its result is shared
        by all evaluations with the same outcomes
    """
    kinds = {name: kind for program in programs for name, kind in program.kinds.items()}
    structures = [Structure(program.ast) for program in programs]
    code = by_name(kinds, numbered(kinds))
    unsettled = code.unsettled()
    outcomes = [code.result(node) for structure in structures for node in structure.nodes]

    @lru_cache(EXPLANATIONS_KEPT)
    def explained(found: Outcomes) -> Conclusion:
        return conclude(tuple(_explanations(structures, found)))

    def apart(values: Mapping[str, Value]) -> Conclusion:
        return conclude(tuple([program.explain(values) for program in programs]))

    return build_function(
        EXPLAIN_BOOLEAN,
        {"UNSETTLED": unsettled, "OUTCOMES": ast.Tuple(outcomes, ast.Load())},
        {"settled": apart, "explained": explained},
    )


def _explanations(structures: Sequence[Structure], found: Outcomes) -> Iterator[Explanation]:
    """Give each condition the outcomes of its own clauses."""
    rest = iter(found)
    for structure in structures:
        yield structure.explain(tuple(islice(rest, len(structure.nodes))))
