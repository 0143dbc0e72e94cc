"""Why an expression came out as it did: the outcome of each clause and which of them decided.

A *clause* is a part of the boolean structure that and, or and not join and that is none of these
itself: a comparison, a name, a call. Everything known before the evaluation is prepared once and
shared by all explanations of one program.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from chimera.lang.nodes import Logic, Node, Op, Unary, names_in
from chimera.lang.printer import to_source
from chimera.lang.types import Value

Outcome: TypeAlias = bool | None
Outcomes: TypeAlias = tuple[Outcome, ...]
Decision: TypeAlias = tuple[Outcome, tuple[int, ...]]

MAX_DECISIONS: Final = 1024


class Clause(msgspec.Struct, frozen=True):
    """One clause of an expression: its canonical source and the names it reads."""

    text: str
    names: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """One evaluation. `outcomes` are those of `clauses`, in order; None is unknown throughout.

    `decided_by` are the indexes of the clauses that the result rests on: of an `and` that is false
    the first false operand, of one that is true all operands, of one that is unknown the unknown
    ones; of an `or` likewise with true and false exchanged. `values` are all that was read.
    A program whose result is no boolean has no clauses.
    """

    result: Value
    clauses: tuple[Clause, ...]
    outcomes: Outcomes
    decided_by: tuple[int, ...]
    values: dict[str, Value]
    unknown: tuple[str, ...]

    def by_clause(self) -> Iterator[tuple[Clause, Outcome, dict[str, Value]]]:
        """Yield each clause with its outcome and the values of its names."""
        for clause, outcome in zip(self.clauses, self.outcomes, strict=True):
            yield clause, outcome, {name: self.values[name] for name in clause.names}


class Structure:
    """The boolean structure of an expression over its clauses."""

    def __init__(self, tree: Node) -> None:
        self.nodes = tuple(_clauses(tree))
        self.clauses = tuple(Clause(to_source(node), names_in(node)) for node in self.nodes)
        self._tree = tree
        # A program meets few patterns of outcomes; the memo makes deciding one look-up.
        self.decide = lru_cache(MAX_DECISIONS)(self._decide)

    def _decide(self, outcomes: Outcomes) -> Decision:
        return _decide(self._tree, iter(enumerate(outcomes)))


def _clauses(node: Node) -> Iterator[Node]:
    match node:
        case Logic(operands=operands):
            for operand in operands:
                yield from _clauses(operand)
        case Unary(op=Op.NOT, operand=operand):
            yield from _clauses(operand)
        case _:
            yield node


def _decide(node: Node, outcomes: Iterator[tuple[int, Outcome]]) -> Decision:
    """Decide `node`, taking the outcomes of its clauses, which come in order."""
    match node:
        case Logic(op=op, operands=operands):
            return _join(op is Op.OR, [_decide(operand, outcomes) for operand in operands])
        case Unary(op=Op.NOT, operand=operand):
            outcome, deciders = _decide(operand, outcomes)
            return None if outcome is None else not outcome, deciders
        case _:
            index, outcome = next(outcomes)
            return outcome, (index,)


def _join(dominant: bool, decisions: list[Decision]) -> Decision:
    for decision in decisions:
        if decision[0] is dominant:
            return decision
    outcome = None if any(outcome is None for outcome, _ in decisions) else not dominant
    return outcome, tuple(i for found, deciders in decisions if found is outcome for i in deciders)
