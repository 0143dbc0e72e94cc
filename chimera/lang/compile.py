"""From checked tree to Python functions, by way of the standard library's syntax trees.

Two forms of every expression are generated; `program` puts them together.

*Total* code is a nest of calls to the table's `total` functions. It takes settled values, None for
unknown, and needs no care: it is the meaning of the expression.

*Fast* code is the plain Python expression a person would write, with its short circuits. It is right
as long as everything it touches is known and finite. Where that fails it raises, and the caller
falls back to the total code:

1. A value is checked for its Python type when its name is first met; None fails.
2. ``+``, ``-``, ``*`` and negation pass NaN and infinity on to their result, and so do ``/`` and
   ``%`` from their left side. Whatever else takes a number (a comparison, a denominator, a function,
   the result) first checks that ``x - x`` is zero, which holds for finite numbers alone.
3. Division by zero, overflow and domain errors raise by themselves.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any, Final, NoReturn

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
from chimera.lang.operators import FUNCTIONS, OPERATORS
from chimera.lang.types import Kind
from chimera.lang.values import QUICK

FALL_BACK: Final = (ArithmeticError, ValueError, LookupError)
"""What fast code raises when only total code can tell; a name that is not given is a LookupError."""

_BINARY: Final[Mapping[Op, type[ast.operator]]] = {
    Op.ADD: ast.Add,
    Op.SUB: ast.Sub,
    Op.MUL: ast.Mult,
    Op.DIV: ast.Div,
    Op.MOD: ast.Mod,
}
_COMPARE: Final[Mapping[Op, type[ast.cmpop]]] = {
    Op.LT: ast.Lt,
    Op.LE: ast.LtE,
    Op.GT: ast.Gt,
    Op.GE: ast.GtE,
    Op.EQ: ast.Eq,
    Op.NE: ast.NotEq,
}


def _bail() -> NoReturn:
    raise ValueError


_NAMESPACE: Final[Mapping[str, Any]] = {
    "__builtins__": {},
    "type": type,
    "float": float,
    "bool": bool,
    "str": str,
    "bail": _bail,
    "FALL_BACK": FALL_BACK,
    **{f"quick_{kind}": quick for kind, quick in QUICK.items()},
    **{f"total_{op.name}": entry.total for op, entry in OPERATORS.items()},
    **{f"total_{name}": entry.total for name, entry in FUNCTIONS.items()},
    **{f"apply_{name}": entry.apply for name, entry in FUNCTIONS.items()},
}


class TotalCode:
    """Generates three-valued code: every node is a call of its `total` function."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._temporaries = 0

    def value(self, node: Node) -> ast.expr:
        """Return the Python expression of `node`."""
        match node:
            case Number(value=value) | Boolean(value=value) | Text(value=value):
                return ast.Constant(value)
            case Name(name=name):
                return load(self._variables[name])
            case Unary(op=op, operand=operand):
                return self._call(op.name, (operand,))
            case Binary(op=op, left=left, right=right):
                return self._call(op.name, (left, right))
            case Logic(op=op, operands=operands):
                return self._call(op.name, operands)
            case Power(base=base, exponent=exponent):
                return call(f"total_{Op.POW.name}", self.value(base), ast.Constant(exponent))
            case Member(operand=operand, texts=texts):
                return self._call(Op.IN.name, (operand, *texts))
            case Call(function=function, arguments=arguments):
                return self._call(function, arguments)
            case Compare():
                return self._chain(node)

    def _call(self, entry: str, operands: Sequence[Node]) -> ast.expr:
        return call(f"total_{entry}", *map(self.value, operands))

    def _chain(self, node: Compare) -> ast.expr:
        # Every inner operand belongs to two links but is computed once.
        values = [self.value(operand) for operand in node.operands]
        links: list[ast.expr] = []
        left = values[0]
        for op, right in zip(node.ops, values[1:-1], strict=False):
            self._temporaries += 1
            variable = f"t{self._temporaries}"
            links.append(call(f"total_{op.name}", left, assign(variable, right)))
            left = load(variable)
        links.append(call(f"total_{node.ops[-1].name}", left, values[-1]))
        return links[0] if len(links) == 1 else call(f"total_{Op.AND.name}", *links)


class FastCode:
    """Generates two-valued code that raises one of `FALL_BACK` where it would not be right.

    Parameters
    ----------
    kinds : the kind of every name the expression reads
    variables : the Python variable that holds each name's value
    read : the Python expression that first gets a name's value
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        variables: Mapping[str, str],
        read: Callable[[str], ast.expr],
    ) -> None:
        self._kinds = kinds
        self._variables = variables
        self._read = read
        self._loaded: frozenset[str] = frozenset()
        self._finite: frozenset[str] = frozenset()
        self._temporaries = 0

    def result(self, node: Node) -> ast.expr:
        """Return the Python expression of `node`, checked to be finite if it is a number."""
        if self._kind(node) is Kind.NUMBER:
            return self._checked((node,), lambda values: values[0])
        return self._value(node)

    def unsettled(self) -> ast.expr:
        """Return an expression that reads every name and is true if one of them is not known.

        What is generated afterwards takes all names as known.
        """
        tests: list[ast.expr] = []
        for name, kind in self._kinds.items():
            if kind is Kind.NUMBER:
                tests.extend(self._name_checks(name))
            else:
                tests.append(ast.Compare(self._name(name), [ast.Is()], [ast.Constant(None)]))
        return _any(tests)

    def _value(self, node: Node) -> ast.expr:
        match node:
            case Number(value=value) | Boolean(value=value) | Text(value=value):
                return ast.Constant(value)
            case Name(name=name):
                return self._name(name)
            case Unary(op=Op.NOT, operand=operand):
                return ast.UnaryOp(ast.Not(), self._value(operand))
            case Unary(operand=operand):
                return ast.UnaryOp(ast.USub(), self._value(operand))
            case Binary(op=op, left=left, right=right):
                dividend = self._value(left)
                divides = op in (Op.DIV, Op.MOD)
                other = self.result(right) if divides else self._value(right)
                return ast.BinOp(dividend, _BINARY[op](), other)
            case Power(base=base, exponent=exponent):
                return ast.BinOp(self.result(base), ast.Pow(), ast.Constant(exponent))
            case Compare():
                return self._compare(node)
            case Member(operand=operand, texts=texts):
                listed = ast.Tuple([self._value(text) for text in texts], ast.Load())
                return ast.Compare(self._value(operand), [ast.In()], [listed])
            case Logic():
                return self._logic(node)
            case Call(function="if", arguments=(condition, then, otherwise)):
                return self._choose(condition, then, otherwise)
            case Call(function="known", arguments=(argument,)):
                return call("apply_known", self.result(argument))
            case Call(function=function, arguments=arguments):
                return self._checked(arguments, lambda args: call(f"apply_{function}", *args))

    def _name(self, name: str) -> ast.expr:
        variable = self._variables[name]
        if name in self._loaded:
            return load(variable)
        self._loaded |= {name}
        kind = self._kinds[name]
        is_exact = ast.Compare(call("type", self._read(name)), [ast.Is()], [_python_type(kind)])
        quick = call(f"quick_{kind}", load(variable))
        return assign(variable, ast.IfExp(is_exact, load(variable), quick))

    def _name_checks(self, name: str) -> list[ast.expr]:
        """Return tests of which one is true if the number `name` is not finite; read it if new."""
        variable = self._variables[name]
        checks: list[ast.expr] = []
        if name not in self._loaded:
            # As `_name` does, but without storing again what is exact already; the second half
            # stores what was converted, and is never true.
            kind = Kind.NUMBER
            inexact = ast.Compare(
                call("type", self._read(name)), [ast.IsNot()], [_python_type(kind)]
            )
            quick = assign(variable, call(f"quick_{kind}", load(variable)))
            stored = ast.Compare(quick, [ast.Is()], [ast.Constant(None)])
            checks.append(ast.BoolOp(ast.And(), [inexact, stored]))
        if name not in self._finite:
            checks.append(_is_not_finite(load(variable), variable))
        self._loaded |= {name}
        self._finite |= {name}
        return checks

    def _compare(self, node: Compare) -> ast.expr:
        def compare(values: Sequence[ast.expr]) -> ast.expr:
            return ast.Compare(values[0], [_COMPARE[op]() for op in node.ops], list(values[1:]))

        if self._kind(node.operands[0]) is Kind.NUMBER:
            return self._checked(node.operands, compare)
        return compare([self._value(operand) for operand in node.operands])

    def _logic(self, node: Logic) -> ast.expr:
        first, *others = node.operands
        values = [self._value(first)]
        with self._perhaps():
            values.extend(map(self._value, others))
        return ast.BoolOp(ast.And() if node.op is Op.AND else ast.Or(), values)

    def _choose(self, condition: Node, then: Node, otherwise: Node) -> ast.expr:
        test = self._value(condition)
        with self._perhaps():
            taken = self._value(then)
        with self._perhaps():
            other = self._value(otherwise)
        return ast.IfExp(test, taken, other)

    @contextmanager
    def _perhaps(self) -> Iterator[None]:
        """Forget afterwards what was read within: a short circuit may have left it out."""
        before = self._loaded, self._finite
        yield
        self._loaded, self._finite = before

    def _checked(
        self, operands: Sequence[Node], build: Callable[[Sequence[ast.expr]], ast.expr]
    ) -> ast.expr:
        """Return what `build` makes of the numbers `operands`, after checks that all are finite."""
        checks: list[ast.expr] = []
        values: list[ast.expr] = []
        for operand in operands:
            if isinstance(operand, Name):
                checks.extend(self._name_checks(operand.name))
                values.append(load(self._variables[operand.name]))
            elif isinstance(operand, Number):
                values.append(self._value(operand))
            else:
                self._temporaries += 1
                variable = f"t{self._temporaries}"
                checks.append(_is_not_finite(assign(variable, self._value(operand)), variable))
                values.append(load(variable))
        body = build(values)
        return ast.IfExp(_any(checks), call("bail"), body) if checks else body

    def _kind(self, node: Node) -> Kind:
        match node:
            case Name(name=name):
                return self._kinds[name]
            case Text():
                return Kind.TEXT
            case Boolean() | Compare() | Member() | Logic() | Unary(op=Op.NOT):
                return Kind.BOOL
            case Call(function=function, arguments=arguments):
                return FUNCTIONS[function].result or self._kind(arguments[-1])
            case _:
                return Kind.NUMBER


def numbered(names: Iterable[str]) -> dict[str, str]:
    """Return a Python variable for every name."""
    return {name: f"n{i}" for i, name in enumerate(names)}


def by_name(kinds: Mapping[str, Kind], variables: Mapping[str, str]) -> FastCode:
    """Return the generator of fast code that reads its values from a mapping called ``values``."""

    def read(name: str) -> ast.expr:
        return assign(
            variables[name], ast.Subscript(load("values"), ast.Constant(name), ast.Load())
        )

    return FastCode(kinds, variables, read)


def load(variable: str) -> ast.expr:
    """Return the Python expression of a variable."""
    return ast.Name(variable, ast.Load())


def assign(variable: str, value: ast.expr) -> ast.expr:
    """Return ``(variable := value)``."""
    return ast.NamedExpr(ast.Name(variable, ast.Store()), value)


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """Return ``function(*arguments)``."""
    return ast.Call(load(function), list(arguments), [])


def build_function(
    template: str,
    parts: Mapping[str, ast.expr],
    namespace: Mapping[str, Any],
    parameters: Iterable[str] = (),
) -> Callable[..., Any]:
    """Make a function of a template, a ``def`` in which each name in `parts` stands for a part.

    Nothing an author of expressions wrote is in the text that Python parses: names become string
    constants or numbered variables. The function sees `namespace` and the table, and no builtins.
    """
    module = _Filler(parts).visit(ast.parse(template))
    definition = module.body[0]
    definition.args.posonlyargs.extend(ast.arg(parameter) for parameter in parameters)
    compiled = compile(ast.fix_missing_locations(module), "<chimera.lang>", "exec")
    code = next(constant for constant in compiled.co_consts if isinstance(constant, CodeType))
    return FunctionType(code, {**_NAMESPACE, **namespace})


class _Filler(ast.NodeTransformer):
    def __init__(self, parts: Mapping[str, ast.expr]) -> None:
        self._parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._parts.get(node.id, node)


def _any(tests: list[ast.expr]) -> ast.expr:
    if not tests:
        return ast.Constant(False)
    return ast.BoolOp(ast.Or(), tests) if len(tests) > 1 else tests[0]


def _python_type(kind: Kind) -> ast.expr:
    return load({Kind.NUMBER: "float", Kind.BOOL: "bool", Kind.TEXT: "str"}[kind])


def _is_not_finite(value: ast.expr, variable: str) -> ast.expr:
    return ast.BinOp(value, ast.Sub(), load(variable))
