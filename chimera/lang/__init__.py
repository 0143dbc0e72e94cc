"""The expression language of factors and rules: parse, check, compile, evaluate, explain.

Pure: no Django, no I/O, no clock. Users of expressions read `docs/language.md`.
"""

from chimera.lang.errors import ExpressionInvalid, Rule
from chimera.lang.explain import Clause, Explanation
from chimera.lang.program import Program, compile_expression
from chimera.lang.together import explain_together
from chimera.lang.types import BOOL, NUMBER, TEXT, Kind, Names, Type, Value, choice

__all__ = [
    "BOOL",
    "NUMBER",
    "TEXT",
    "Clause",
    "Explanation",
    "ExpressionInvalid",
    "Kind",
    "Names",
    "Program",
    "Rule",
    "Type",
    "Value",
    "choice",
    "compile_expression",
    "explain_together",
]
