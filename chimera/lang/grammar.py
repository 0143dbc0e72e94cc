"""From source text to syntax tree: an LALR grammar, and the bounds every expression keeps."""

import math
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from chimera.lang.errors import ExpressionInvalid, Rule
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
    Span,
    Text,
    Unary,
    walk,
)

MAX_SOURCE_LENGTH: Final = 16 * 1024
MAX_NODES: Final = 500
MAX_DEPTH: Final = 32
MAX_EXPONENT: Final = 8

GRAMMAR: Final = r"""
?start: disjunction
?disjunction: conjunction ("or" conjunction)*
?conjunction: negation ("and" negation)*
?negation: NOT negation | comparison
?comparison: sum (_comparator sum)*
           | sum "in" "(" text ("," text)* CLOSE -> member
_comparator: LT | LE | GT | GE | EQ | NE
?sum: term | sum (ADD | SUB) term -> binary
?term: factor | term (MUL | DIV | MOD) factor -> binary
?factor: power | SUB factor -> minus
?power: atom | atom "**" SUB? NUMBER -> power
?atom: NUMBER -> number
     | TRUE -> true
     | FALSE -> false
     | text
     | NAME -> name
     | NAME "(" disjunction ("," disjunction)* CLOSE -> call
     | "(" disjunction ")"
text: TEXT

NOT: "not"
TRUE: "true"
FALSE: "false"
LT: "<"
LE: "<="
GT: ">"
GE: ">="
EQ: "=="
NE: "!="
ADD: "+"
SUB: "-"
MUL: "*"
DIV: "/"
MOD: "%"
CLOSE: ")"
NUMBER: /([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?/
TEXT: /"[ !#-\[\]-~]{0,64}"/
NAME: /[A-Za-z][A-Za-z0-9_]{0,63}/
%ignore /[ \t\r\n]+/
"""

_HINTS: Final = {
    "=": "==",
    "&": "and",
    "|": "or",
    "!": "not",
    "^": "**",
    "'": "double quotes",
}


def parse(source: str) -> Node:
    """Read `source` into a tree within the bounds; names and types are not looked at.

    Raises
    ------
    ExpressionInvalid
        If the source is not ASCII, too long, malformed, or its tree too large or too deep.
    """
    if len(source) > MAX_SOURCE_LENGTH:
        raise _invalid(
            f"the source has {len(source)} characters, at most {MAX_SOURCE_LENGTH} are allowed",
            Rule.SOURCE_LENGTH,
            source,
            (0, len(source)),
        )
    for position, character in enumerate(source):
        if character > "\x7f":
            raise _invalid(
                f"character U+{ord(character):04X} is not ASCII",
                Rule.ASCII,
                source,
                (position, position + 1),
            )
    try:
        tree: Any = _PARSER.parse(source)
    except UnexpectedCharacters as e:
        raise _unexpected_character(source, e) from None
    except UnexpectedToken as e:
        raise _unexpected_token(source, e) from None
    _check_bounds(source, tree)
    return tree  # type: ignore[no-any-return]  # the builder below makes nodes


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """Makes the nodes while the parser reduces, so that no parse tree is ever built."""

    def disjunction(self, *operands: Node) -> Node:
        return Logic(Op.OR, operands, _cover(operands[0], operands[-1]))

    def conjunction(self, *operands: Node) -> Node:
        return Logic(Op.AND, operands, _cover(operands[0], operands[-1]))

    def negation(self, sign: Token, operand: Node) -> Node:
        return Unary(Op.NOT, operand, _cover(sign, operand))

    def comparison(self, *parts: Any) -> Node:
        ops = tuple(Op(sign) for sign in parts[1::2])
        return Compare(ops, parts[::2], _cover(parts[0], parts[-1]))

    def member(self, operand: Node, *rest: Any) -> Node:
        return Member(operand, rest[:-1], _cover(operand, rest[-1]))

    def binary(self, left: Node, sign: Token, right: Node) -> Node:
        return Binary(Op(sign), left, right, _cover(left, right))

    def minus(self, sign: Token, operand: Node) -> Node:
        return Unary(Op.NEG, operand, _cover(sign, operand))

    def power(self, base: Node, *exponent: Token) -> Node:
        # An exponent that is no small integer is kept out of range, for `_check_bounds` to report.
        value = float("".join(exponent))
        small = value.is_integer() and abs(value) <= MAX_EXPONENT
        return Power(base, int(value) if small else MAX_EXPONENT + 1, _cover(base, exponent[-1]))

    def number(self, token: Token) -> Node:
        return Number(float(token), _span(token))

    def true(self, token: Token) -> Node:
        return Boolean(True, _span(token))

    def false(self, token: Token) -> Node:
        return Boolean(False, _span(token))

    def text(self, token: Token) -> Node:
        return Text(token[1:-1], _span(token))

    def name(self, token: Token) -> Node:
        return Name(str(token), _span(token))

    def call(self, function: Token, *rest: Any) -> Node:
        return Call(str(function), rest[:-1], _cover(function, rest[-1]))


_PARSER: Final = Lark(GRAMMAR, parser="lalr", lexer="basic", transformer=_Builder())


def _span(part: Token | Node) -> Span:
    if isinstance(part, Token):
        start = part.start_pos or 0
        return start, start + len(part)
    return part.span


def _cover(first: Token | Node, last: Token | Node) -> Span:
    return _span(first)[0], _span(last)[1]


def _check_bounds(source: str, tree: Node) -> None:
    for count, (node, depth) in enumerate(walk(tree), start=1):
        if count > MAX_NODES:
            raise _invalid(
                f"more than {MAX_NODES} operands and operators",
                Rule.NODE_COUNT,
                source,
                node.span,
            )
        if depth > MAX_DEPTH:
            raise _invalid(
                f"nested more than {MAX_DEPTH} levels deep", Rule.DEPTH, source, node.span
            )
        if isinstance(node, Number) and not math.isfinite(node.value):
            raise _invalid("the number is too large", Rule.NUMBER_RANGE, source, node.span)
        if isinstance(node, Power) and abs(node.exponent) > MAX_EXPONENT:
            raise _invalid(
                f"an exponent is a whole number from -{MAX_EXPONENT} to {MAX_EXPONENT}",
                Rule.EXPONENT,
                source,
                node.span,
            )


def _unexpected_character(source: str, error: UnexpectedCharacters) -> ExpressionInvalid:
    start = int(error.pos_in_stream or 0)
    character = source[start]
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    return _invalid(
        f"unexpected character {shown}",
        Rule.SYNTAX,
        source,
        (start, start + 1),
        _HINTS.get(character),
    )


def _unexpected_token(source: str, error: UnexpectedToken) -> ExpressionInvalid:
    token = error.token
    if token.type == "$END":
        return _invalid(
            "the expression ends too early", Rule.SYNTAX, source, (len(source), len(source))
        )
    start, end = _span(token)
    if start >= 2 and source[:start].rstrip().endswith("**"):
        return _invalid("an exponent is a constant", Rule.EXPONENT, source, (start, end))
    return _invalid(f"unexpected {source[start:end][:40]}", Rule.SYNTAX, source, (start, end))


def _invalid(
    message: str, rule: Rule, source: str, span: Span, suggestion: str | None = None
) -> ExpressionInvalid:
    return ExpressionInvalid(
        message, rule=rule, source=source, start=span[0], end=span[1], suggestion=suggestion
    )
