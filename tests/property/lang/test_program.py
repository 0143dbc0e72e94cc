"""Compiled code, explanation and printer, on random expressions and random values."""

import itertools
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from chimera.lang import BOOL, NUMBER, TEXT, Explanation, compile_expression, explain_together
from chimera.lang.explain import Structure
from chimera.lang.grammar import MAX_DEPTH, MAX_NODES, parse
from chimera.lang.nodes import Name, Node, walk
from chimera.lang.printer import to_source
from tests.support.expressions import NAMES, interpret, known_values, nodes, values

typed_nodes = st.sampled_from([NUMBER, BOOL, BOOL, TEXT]).flatmap(
    lambda type_: st.tuples(st.just(type_), nodes(type_))
)
SETTINGS = settings(max_examples=400, deadline=None)


def within_bounds(tree: Node) -> bool:
    found = list(walk(tree))
    return len(found) <= MAX_NODES and max(depth for _, depth in found) <= MAX_DEPTH


def same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and repr(left) == repr(right)


@SETTINGS
@given(typed_nodes)
def test_printed_tree_parsed_again_is_equal(drawn: Any) -> None:
    _, tree = drawn
    if within_bounds(tree):
        source = to_source(tree)
        assert parse(source) == tree
        assert to_source(parse(source)) == source


@SETTINGS
@given(typed_nodes, st.lists(values, min_size=4, max_size=4))
def test_compiled_code_any_values_agrees_with_interpreter(drawn: Any, samples: Any) -> None:
    type_, tree = drawn
    if not within_bounds(tree):
        return
    program = compile_expression(to_source(tree), names=NAMES, result=type_)
    for given_values in samples:
        expected = interpret(tree, given_values)
        assert same(program.evaluate(given_values), expected)
        assert same(program.function(*map(given_values.get, program.names)), expected)


@SETTINGS
@given(typed_nodes, st.lists(values, min_size=4, max_size=4))
def test_explanation_any_values_agrees_with_interpreter(drawn: Any, samples: Any) -> None:
    type_, tree = drawn
    if not within_bounds(tree):
        return
    program = compile_expression(to_source(tree), names=NAMES, result=type_)
    for given_values in samples:
        explanation = program.explain(given_values)
        assert same(explanation.result, interpret(tree, given_values))
        for clause, outcome, _ in explanation.by_clause(given_values):
            assert same(outcome, interpret(parse(clause.text), given_values))
        assert explanation.unknown == tuple(
            name for name in program.names if interpret(Name(name), given_values) is None
        )
        encoded = msgspec.json.encode(explanation)
        assert msgspec.json.encode(msgspec.json.decode(encoded, type=Explanation)) == encoded


@SETTINGS
@given(
    st.lists(nodes(BOOL), max_size=4),
    st.lists(values | st.fixed_dictionaries(dict(known_values)), min_size=4, max_size=4),
)
def test_conditions_explained_together_are_as_each_by_itself(
    trees: list[Node], samples: Any
) -> None:
    programs = [
        compile_expression(to_source(tree), names=NAMES, result=BOOL)
        for tree in trees
        if within_bounds(tree)
    ]
    together = explain_together(programs, lambda explanations: explanations)
    for given_values in samples:
        found = together(given_values)
        assert same(found, tuple(program.explain(given_values) for program in programs))


@SETTINGS
@given(nodes(BOOL, known=False), values, st.fixed_dictionaries(dict(known_values)))
def test_known_result_stays_when_the_unknown_becomes_known(
    tree: Node, given_values: Any, later: Any
) -> None:
    before = interpret(tree, given_values)
    if before is not None and within_bounds(tree):
        program = compile_expression(to_source(tree), names=NAMES, result=BOOL)
        learned = {
            name: later[name] if interpret(Name(name), given_values) is None else given_values[name]
            for name in program.names
        }
        assert program.evaluate(learned) is before


@SETTINGS
@given(nodes(BOOL, depth=3), values, st.randoms(use_true_random=False))
def test_deciding_clauses_alone_fix_a_known_result(
    tree: Node, given_values: Any, random: Any
) -> None:
    structure = Structure(tree)
    outcomes = [interpret(node, given_values) for node in structure.nodes]
    result, decided_by = structure.decide(tuple(outcomes))
    if result is not None:
        changed = tuple(
            outcome if i in decided_by else random.choice([True, False, None])
            for i, outcome in enumerate(outcomes)
        )
        assert structure.decide(changed)[0] is result


def test_logic_all_patterns_agrees_with_interpreter() -> None:
    source = "p and (q or not r) or not (p or q) and r"
    names = dict.fromkeys("pqr", BOOL)
    program = compile_expression(source, names=names, result=BOOL)
    for pattern in itertools.product([True, False, None], repeat=3):
        given_values = dict(zip("pqr", pattern, strict=True))
        expected = interpret(program.ast, given_values)
        assert program.evaluate(given_values) is expected
        assert program.explain(given_values).result is expected
