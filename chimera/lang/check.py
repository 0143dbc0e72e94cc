"""Types of a parsed expression: what is refused before anything runs. Called by `program`."""

from difflib import get_close_matches

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
    Text,
    Unary,
)
from chimera.lang.operators import FUNCTIONS, MAX_ARGUMENTS, OPERATORS, Function
from chimera.lang.types import BOOL, NUMBER, TEXT, Kind, Names, Type

_PLAIN = {Kind.NUMBER: NUMBER, Kind.BOOL: BOOL, Kind.TEXT: TEXT}


def check(source: str, tree: Node, names: Names, result: Type) -> None:
    """Make sure that `tree` is well typed and has the type `result`.

    Raises
    ------
    ExpressionInvalid
        At the first offending part: a name or function that does not exist, a wrong number of
        arguments, a wrong type, or a text that its choice does not have.
    """
    _Checker(source, names).expect(tree, frozenset({result.kind}), "the expression")


class _Checker:
    def __init__(self, source: str, names: Names) -> None:
        self._source = source
        self._names = names

    def expect(self, node: Node, kinds: frozenset[Kind], what: str) -> Type:
        found = self.infer(node)
        if found.kind not in kinds:
            wanted = " or ".join(sorted(kinds))
            raise self._invalid(f"{what} is {found}, not {wanted}", Rule.TYPE, node)
        return found

    def infer(self, node: Node) -> Type:
        match node:
            case Number():
                return NUMBER
            case Boolean():
                return BOOL
            case Text():
                return TEXT
            case Name():
                return self._name(node)
            case Unary(op=op, operand=operand):
                return self._operator(op, (operand,))
            case Binary(op=op, left=left, right=right):
                return self._operator(op, (left, right))
            case Power(base=base):
                return self._operator(Op.POW, (base,))
            case Logic(op=op, operands=operands):
                return self._operator(op, operands)
            case Compare():
                return self._compare(node)
            case Member(operand=operand, texts=texts):
                kinds = OPERATORS[Op.IN].operands
                found = self.expect(operand, kinds, "the left side of in")
                for text in texts:
                    self._check_choice(found, text)
                return BOOL
            case Call():
                return self._call(node)

    def _name(self, node: Name) -> Type:
        if node.name not in self._names:
            raise self._invalid(
                f"unknown name {node.name}",
                Rule.UNKNOWN_NAME,
                node,
                _nearest(node.name, (*self._names, "true", "false")),
            )
        return self._names[node.name]

    def _operator(self, op: Op, operands: tuple[Node, ...]) -> Type:
        entry = OPERATORS[op]
        for operand in operands:
            self.expect(operand, entry.operands, f"an operand of {entry.usage}")
        return _PLAIN[entry.result]

    def _compare(self, node: Compare) -> Type:
        operands = node.operands
        types = [self.infer(operand) for operand in operands]
        for i, op in enumerate(node.ops):
            left, right = types[i], types[i + 1]
            if left.kind is not right.kind:
                raise self._invalid(f"{left} {op} {right} compares two types", Rule.TYPE, node)
            if left.kind not in OPERATORS[op].operands:
                raise self._invalid(f"{left} has no order for {op}", Rule.TYPE, node)
            self._check_choice(left, operands[i + 1])
            self._check_choice(right, operands[i])
        return BOOL

    def _check_choice(self, subject: Type, other: Node) -> None:
        if not subject.choices or not isinstance(other, Text) or other.value in subject.choices:
            return
        raise self._invalid(
            f"is never {other.value or 'empty'}, only one of {', '.join(subject.choices)}",
            Rule.CHOICE,
            other,
            _nearest(other.value, subject.choices),
        )

    def _call(self, node: Call) -> Type:
        function = FUNCTIONS.get(node.function)
        if function is None:
            raise self._invalid(
                f"unknown function {node.function}",
                Rule.UNKNOWN_FUNCTION,
                node,
                _nearest(node.function, tuple(FUNCTIONS)),
            )
        self._check_count(function, node)
        labels = function.parameters + function.parameters[-1:] * len(node.arguments)
        free: list[Type] = []
        for (label, kind), argument in zip(labels, node.arguments, strict=False):
            wanted = kind or (free[0].kind if free else None)
            kinds = frozenset({wanted} if wanted else Kind)
            found = self.expect(argument, kinds, f"{label} of {function.name}")
            if kind is None:
                free.append(found)
        if function.result is not None:
            return _PLAIN[function.result]
        return free[0] if len(set(free)) == 1 else _PLAIN[free[0].kind]

    def _check_count(self, function: Function, node: Call) -> None:
        least = len(function.parameters)
        most = MAX_ARGUMENTS if function.variadic else least
        if not least <= len(node.arguments) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise self._invalid(
                f"{function.name} takes {wanted} arguments, not {len(node.arguments)}",
                Rule.ARGUMENT_COUNT,
                node,
            )

    def _invalid(
        self, message: str, rule: Rule, node: Node, suggestion: str | None = None
    ) -> ExpressionInvalid:
        start, end = node.span
        return ExpressionInvalid(
            message, rule=rule, source=self._source, start=start, end=end, suggestion=suggestion
        )


def _nearest(word: str, words: tuple[str, ...]) -> str | None:
    lowered = {candidate.lower(): candidate for candidate in words}
    found = get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None
