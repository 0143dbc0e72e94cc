"""The type system of the language: numbers, booleans and texts, some texts from a closed set."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = float | bool | str | None
"""What an expression reads and returns; None is *unknown*."""


class Kind(StrEnum):
    """What may stand on either side of an operator."""

    NUMBER = "number"
    BOOL = "bool"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Type:
    """The type of a name or result; `choices`, if any, are all the texts it can be."""

    kind: Kind
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.kind.value


NUMBER = Type(Kind.NUMBER)
BOOL = Type(Kind.BOOL)
TEXT = Type(Kind.TEXT)

Names: TypeAlias = Mapping[str, Type]
"""The names an expression may read."""


def choice(*texts: str) -> Type:
    """Return the text type with only these values, so that a misspelt one is refused when read."""
    return Type(Kind.TEXT, texts)
