"""Why an expression came out as it did: the outcome of each clause and which of them decided.

A *clause* is a part of the boolean structure that and, or and not join and that is none of these
itself: a comparison, a name, a call. Evaluations with the same outcomes share one explanation.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from chimera.lang.nodes import Logic, Node, Op, Unary, names_in
from chimera.lang.printer import to_source
from chimera.lang.types import Value

Outcome: TypeAlias = bool | None
Outcomes: TypeAlias = tuple[Outcome, ...]
Decision: TypeAlias = tuple[Outcome, tuple[int, ...]]

EXPLANATIONS_KEPT: Final = 1024


class Clause(msgspec.Struct, frozen=True):
    """One clause of an expression: its canonical source and the names it reads."""

    text: str
    names: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """How one evaluation came out, but for the values that went in, which the caller has.

    `outcomes` are those of `clauses`, in order; None is unknown throughout. `decided_by` are the
    indexes of the clauses that the result rests on: of an `and` that is false the first false
    operand, of one that is true all operands, of one that is unknown the unknown ones; of an `or`
    likewise with true and false exchanged. `unknown` are the names whose values were unknown.
    A program whose result is no boolean has no clauses.
    """

    result: Value
    clauses: tuple[Clause, ...]
    outcomes: Outcomes
    decided_by: tuple[int, ...]
    unknown: tuple[str, ...] = ()

    def by_clause(
        self, values: Mapping[str, Value]
    ) -> Iterator[tuple[Clause, Outcome, dict[str, Value]]]:
        """Yield each clause with its outcome and, of the `values` that went in, those it read."""
        for clause, outcome in zip(self.clauses, self.outcomes, strict=True):
            known = set(clause.names) - set(self.unknown)
            read = {name: values.get(name) if name in known else None for name in clause.names}
            yield clause, outcome, read


class Structure:
    """The boolean structure of an expression over its clauses."""

    def __init__(self, tree: Node) -> None:
        self.nodes = tuple(_clauses(tree))
        self.clauses = tuple(Clause(to_source(node), names_in(node)) for node in self.nodes)
        self._tree = tree
        # A program meets few patterns of outcomes: explaining one again is a look-up.
        self.explain = lru_cache(EXPLANATIONS_KEPT)(self._explain)

    def decide(self, outcomes: Outcomes) -> Decision:
        """Return the result of the whole, and the indexes of the clauses it rests on."""
        return _decide(self._tree, iter(enumerate(outcomes)))

    def _explain(self, outcomes: Outcomes, unknown: tuple[str, ...] = ()) -> Explanation:
        result, decided_by = self.decide(outcomes)
        return Explanation(result, self.clauses, outcomes, decided_by, unknown)


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
