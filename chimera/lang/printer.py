"""From syntax tree back to source: the canonical spelling, which parses to an equal tree."""

from chimera.lang.nodes import (
    Binary,
    Boolean,
    Call,
    Compare,
    Logic,
    Member,
    Name,
    Node,
    Number,
    Op,
    Power,
    Text,
    Unary,
)
from chimera.lang.operators import OPERATORS

_ATOM = max(entry.precedence for entry in OPERATORS.values()) + 1
_EXACT_INTEGERS = 2.0**53


def to_source(node: Node) -> str:
    """Return the canonical source of `node`, with no more parentheses than needed."""
    match node:
        case Number(value=value):
            return _number(value)
        case Boolean(value=truth):
            return "true" if truth else "false"
        case Text(value=text):
            return f'"{text}"'
        case Name(name=name):
            return name
        case Unary(op=op, operand=operand):
            return ("not " if op is Op.NOT else "-") + _within(operand, _precedence(node))
        case Binary(op=op, left=left, right=right):
            level = _precedence(node)
            return f"{_within(left, level)} {op} {_within(right, level + 1)}"
        case Power(base=base, exponent=exponent):
            return f"{_within(base, _ATOM)} ** {exponent}"
        case Compare(ops=ops, operands=operands):
            first, *rest = (_within(operand, _precedence(node) + 1) for operand in operands)
            return first + "".join(f" {op} {text}" for op, text in zip(ops, rest, strict=True))
        case Member(operand=operand, texts=texts):
            listed = ", ".join(map(to_source, texts))
            return f"{_within(operand, _precedence(node) + 1)} in ({listed})"
        case Logic(op=op, operands=operands):
            return f" {op} ".join(_within(operand, _precedence(node) + 1) for operand in operands)
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(to_source, arguments))})"


def _within(node: Node, level: int) -> str:
    text = to_source(node)
    return text if _precedence(node) >= level else f"({text})"


def _precedence(node: Node) -> int:
    match node:
        case Unary(op=op) | Binary(op=op) | Logic(op=op):
            return OPERATORS[op].precedence
        case Power():
            return OPERATORS[Op.POW].precedence
        case Compare() | Member():
            return OPERATORS[Op.EQ].precedence
        case _:
            return _ATOM


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and value < _EXACT_INTEGERS else repr(value)
