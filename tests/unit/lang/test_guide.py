"""The user guide says what the table of operators and the bounds say."""

from pathlib import Path

import pytest

from chimera.lang.errors import Rule
from chimera.lang.grammar import MAX_DEPTH, MAX_EXPONENT, MAX_NODES, MAX_SOURCE_LENGTH
from chimera.lang.operators import FUNCTIONS, MAX_ARGUMENTS, OPERATORS

GUIDE = (Path(__file__).parents[3] / "docs" / "language.md").read_text()


@pytest.mark.parametrize("entry", OPERATORS.values(), ids=lambda e: e.op.name)
def test_guide_describes_operator(entry: object) -> None:
    assert f"| `{entry.usage}` | {entry.result} | {entry.doc} |" in GUIDE  # type: ignore[attr-defined]


@pytest.mark.parametrize("entry", FUNCTIONS.values(), ids=lambda e: e.name)
def test_guide_describes_function(entry: object) -> None:
    assert f"| `{entry.signature}` | {entry.doc} |" in GUIDE  # type: ignore[attr-defined]


def test_guide_lists_no_more_than_the_table() -> None:
    assert GUIDE.count("\n| `") == len(OPERATORS) + len(FUNCTIONS) + len(Rule)


@pytest.mark.parametrize("rule", Rule)
def test_guide_explains_rule(rule: Rule) -> None:
    assert f"| `{rule}` |" in GUIDE


def test_guide_states_the_bounds() -> None:
    for bound in (MAX_SOURCE_LENGTH // 1024, MAX_NODES, MAX_DEPTH, MAX_EXPONENT, MAX_ARGUMENTS):
        assert str(bound) in GUIDE
