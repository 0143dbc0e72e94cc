"""The one syntax tree of the language: frozen nodes that the grammar builds and all else reads.

Two nodes are equal when they mean the same; `span`, the place in the source, does not count.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Offsets of the first character and of the one after the last."""

NOWHERE: Span = (0, 0)


class Op(StrEnum):
    """Every operator, by its sign."""

    OR = "or"
    AND = "and"
    NOT = "not"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    EQ = "=="
    NE = "!="
    IN = "in"
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"
    NEG = "-x"
    POW = "**"


@dataclass(frozen=True, slots=True)
class Number:
    """A finite constant >= 0; a negative one is its negation."""

    value: float
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    value: bool
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A constant in double quotes."""

    value: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A value given from outside."""

    name: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`not a` or `-a`."""

    op: Op
    operand: "Node"
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic of two operands."""

    op: Op
    left: "Node"
    right: "Node"
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Power:
    """`base ** exponent`, the exponent a constant integer."""

    base: "Node"
    exponent: int
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`a < b`, or a chain `a <= b < c`; one operand more than operators."""

    ops: tuple[Op, ...]
    operands: tuple["Node", ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Member:
    """`a in ("x", "y")`."""

    operand: "Node"
    texts: tuple[Text, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Logic:
    """`a and b and ...` or `a or b or ...`, two operands or more."""

    op: Op
    operands: tuple["Node", ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the table, applied."""

    function: str
    arguments: tuple["Node", ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


Node: TypeAlias = (
    Number | Boolean | Text | Name | Unary | Binary | Power | Compare | Member | Logic | Call
)


def children(node: Node) -> tuple[Node, ...]:
    """Return the operands of `node`, left to right."""
    match node:
        case Unary(operand=operand) | Power(base=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case Member(operand=operand, texts=texts):
            return (operand, *texts)
        case Compare(operands=operands) | Logic(operands=operands) | Call(arguments=operands):
            return operands
        case _:
            return ()


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Yield every node with its depth (the root's is 1), parents first, left to right.

    Keeps its own stack: a tree not yet checked for depth must not exhaust Python's.
    """
    pending = [(node, 1)]
    while pending:
        current, depth = pending.pop()
        yield current, depth
        pending.extend((child, depth + 1) for child in reversed(children(current)))


def names_in(node: Node) -> tuple[str, ...]:
    """Return the names `node` reads, each once, by first use."""
    return tuple(dict.fromkeys(n.name for n, _ in walk(node) if isinstance(n, Name)))
