"""A checked, compiled expression: what rules and factors hold and evaluate."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chimera.lang.check import check
from chimera.lang.compile import FastCode, TotalCode, build_function, by_name, load, numbered
from chimera.lang.explain import Explanation, Structure
from chimera.lang.grammar import parse
from chimera.lang.nodes import Node, names_in
from chimera.lang.types import Kind, Names, Type, Value
from chimera.lang.values import SETTLE

_EVALUATE = """
def evaluate(values):
    try:
        return RESULT
    except FALL_BACK:
        return settled(values)
"""

_FUNCTION = """
def function():
    try:
        return RESULT
    except FALL_BACK:
        return settled(GIVEN)
"""

EXPLAIN_BOOLEAN = """
def explain(values):
    try:
        if UNSETTLED:
            return settled(values)
        return explained(OUTCOMES)
    except FALL_BACK:
        return settled(values)
"""

_EXPLAIN_OTHER = """
def explain(values):
    try:
        if UNSETTLED:
            return settled(values)
        return Explanation(RESULT, (), (), ())
    except FALL_BACK:
        return settled(values)
"""

_TOTAL = """
def total():
    return RESULT
"""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """An expression ready to run; immutable, without state, safe to share.

    Values are given by name. One that is missing, None, NaN or infinite is unknown; one of another
    kind than declared raises `InvalidInput` if it is read.

    Attributes
    ----------
    source, ast : the text as given, and its tree
    kinds : the kind of every name it reads, by first use
    result : the type of its result
    evaluate : from a mapping of values to the result, None if unknown; reads no more than needed
    explain : the same, with the outcome of every clause; reads all names
    function : the same as `evaluate`, with the values in the order of `names`
    """

    source: str
    ast: Node
    kinds: Mapping[str, Kind]
    result: Type
    evaluate: Callable[[Mapping[str, Value]], Value] = field(repr=False)
    explain: Callable[[Mapping[str, Value]], Explanation] = field(repr=False)
    function: Callable[..., Value] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names it reads, by first use."""
        return tuple(self.kinds)


def compile_expression(source: str, *, names: Names, result: Type) -> Program:
    """Parse, check and compile `source`.

    Parameters
    ----------
    source : the expression, ASCII
    names : every name it may read, with its type
    result : the type it must have

    Raises
    ------
    ExpressionInvalid
        If any rule of the language is broken; says which, where, and what may have been meant.
    """
    tree = parse(source)
    check(source, tree, names, result)
    kinds = {name: names[name].kind for name in names_in(tree)}
    compiler = _Compiler(tree, kinds, result.kind)
    return Program(
        source=source,
        ast=tree,
        kinds=kinds,
        result=result,
        evaluate=compiler.evaluate(),
        explain=compiler.explain(),
        function=compiler.function(),
    )


class _Compiler:
    def __init__(self, tree: Node, kinds: Mapping[str, Kind], result: Kind) -> None:
        self._tree = tree
        self._kinds = kinds
        self._result = result
        self._variables = numbered(kinds)
        self._settlers = tuple((name, SETTLE[kind]) for name, kind in kinds.items())

    def evaluate(self) -> Callable[[Mapping[str, Value]], Value]:
        parts = {"RESULT": by_name(self._kinds, self._variables).result(self._tree)}
        return build_function(_EVALUATE, parts, {"settled": self._evaluate_settled()})

    def function(self) -> Callable[..., Value]:
        code = FastCode(self._kinds, self._variables, lambda name: load(self._variables[name]))
        parts = {"RESULT": code.result(self._tree), "GIVEN": self._values()}
        namespace = {"settled": self._evaluate_settled()}
        return build_function(_FUNCTION, parts, namespace, tuple(self._variables.values()))

    def explain(self) -> Callable[[Mapping[str, Value]], Explanation]:
        code = by_name(self._kinds, self._variables)
        parts: dict[str, ast.expr] = {"UNSETTLED": code.unsettled()}
        if self._result is not Kind.BOOL:
            parts["RESULT"] = code.result(self._tree)
            namespace = {"settled": self._explain_settled(None), "Explanation": Explanation}
            return build_function(_EXPLAIN_OTHER, parts, namespace)
        structure = Structure(self._tree)
        parts["OUTCOMES"] = ast.Tuple([code.result(n) for n in structure.nodes], ast.Load())
        return build_function(
            EXPLAIN_BOOLEAN,
            parts,
            {
                "settled": self._explain_settled(structure),
                "explained": structure.explain,
            },
        )

    def _values(self) -> ast.expr:
        keys: list[ast.expr | None] = [ast.Constant(name) for name in self._variables]
        return ast.Dict(keys, [load(variable) for variable in self._variables.values()])

    def _total(self, *roots: Node) -> Callable[..., tuple[Any, ...]]:
        code = TotalCode(self._variables)
        result = ast.Tuple([code.value(root) for root in roots], ast.Load())
        return build_function(_TOTAL, {"RESULT": result}, {}, tuple(self._variables.values()))

    def _settle(self, values: Mapping[str, Value]) -> dict[str, Value]:
        get = values.get
        return {name: settle(name, get(name)) for name, settle in self._settlers}

    def _evaluate_settled(self) -> Callable[[Mapping[str, Value]], Value]:
        total = self._total(self._tree)

        def settled(values: Mapping[str, Value]) -> Value:
            (result,) = total(*self._settle(values).values())
            return result  # type: ignore[no-any-return]  # the checker knows

        return settled

    def _explain_settled(
        self, structure: Structure | None
    ) -> Callable[[Mapping[str, Value]], Explanation]:
        total = self._total(*(structure.nodes if structure else (self._tree,)))

        def settled(values: Mapping[str, Value]) -> Explanation:
            known = self._settle(values)
            unknown = tuple([name for name, value in known.items() if value is None])
            found = total(*known.values())
            if structure is None:
                return Explanation(found[0], (), (), (), unknown)
            return structure.explain(found, unknown)

        return settled
