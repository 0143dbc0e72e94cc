"""The one error of the language: what is wrong with an expression, where, and by which rule."""

from enum import StrEnum

from chimera.errors import ConfigInvalid

MAX_EXCERPT = 80


class Rule(StrEnum):
    """The rule an expression broke."""

    ASCII = "ascii_only"
    SOURCE_LENGTH = "source_length"
    SYNTAX = "syntax"
    NODE_COUNT = "node_count"
    DEPTH = "depth"
    NUMBER_RANGE = "number_range"
    EXPONENT = "constant_exponent"
    UNKNOWN_NAME = "unknown_name"
    UNKNOWN_FUNCTION = "unknown_function"
    ARGUMENT_COUNT = "argument_count"
    TYPE = "type"
    CHOICE = "choice"


class ExpressionInvalid(ConfigInvalid):
    """An expression cannot be used. Whatever contains it is refused whole; the author mends it.

    `details` holds `rule`, `line` and `column` (both from 1), `text` (the offending part) and, when
    a near match exists, `suggestion`.
    """

    code = "expression_invalid"

    def __init__(
        self,
        message: str,
        *,
        rule: Rule,
        source: str,
        start: int,
        end: int,
        suggestion: str | None = None,
    ) -> None:
        self.rule = rule
        self.line = source.count("\n", 0, start) + 1
        self.column = start - source.rfind("\n", 0, start)
        self.text = source[start:end][:MAX_EXCERPT]
        hint = f"; did you mean {suggestion}?" if suggestion else ""
        super().__init__(
            f"line {self.line}, column {self.column}: {message}{hint}",
            rule=rule.value,
            line=self.line,
            column=self.column,
            text=self.text,
            **({"suggestion": suggestion} if suggestion else {}),
        )
