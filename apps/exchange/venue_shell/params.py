"""The parameters of one request, read with the checks and complaints Binance makes. Used by handlers."""

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from apps.exchange.core.venue.types import VenueError
from apps.exchange.venue_shell import refusals

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER = r"^[0-9]{1,20}$"
CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
INTEGER_MAX = 2**63 - 1
PARAMS_MAX = 100
SYMBOL = r"^[A-Z0-9-_.]{1,20}$"

# Whole texts: a bare `$` would let a line break pass.
_decimal = re.compile(DECIMAL).fullmatch
_integer = re.compile(INTEGER).fullmatch
_client_id = re.compile(CLIENT_ID).fullmatch
_symbol = re.compile(SYMBOL).fullmatch

Choice = TypeVar("Choice", bound=StrEnum)


class Params:
    """Names to texts, as sent. Every reader raises `VenueError` naming the parameter at fault."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @classmethod
    def parse(cls, query: str, body: str = "") -> "Params":
        """Read a query string and a form body; where both name a parameter the query wins."""
        values = _parse(body) if body else {}
        if query:
            values |= _parse(query)
        return cls(values)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> "Params":
        """Read the `params` object of a websocket API request."""
        return cls({name: _text(value) for name, value in values.items() if value is not None})

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self) -> Mapping[str, str]:
        return self._values

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value == "":
            raise refusals.empty(name)
        return value

    def required(self, name: str) -> str:
        value = self._values.get(name)
        if not value:
            raise refusals.missing(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        value = self.text(name)
        if value is None:
            return None
        if not _decimal(value):
            raise refusals.illegal(name, DECIMAL)
        return Decimal(value)

    def required_decimal(self, name: str) -> Decimal:
        self.required(name)
        value = self.decimal(name)
        assert value is not None
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not _integer(value) or (number := int(value)) > INTEGER_MAX:
            raise refusals.illegal(name, INTEGER)
        return number

    def required_integer(self, name: str) -> int:
        self.required(name)
        value = self.integer(name)
        assert value is not None
        return value

    def limit(self, default: int, highest: int) -> int:
        """Return `limit`, clipped to the endpoint's highest as Binance does."""
        value = self.integer("limit")
        if value is None:
            return default
        if value == 0:
            raise refusals.missing("limit")
        return min(value, highest)

    def flag(self, name: str) -> bool:
        value = (self.text(name) or "false").lower()
        if value not in ("true", "false"):
            raise refusals.illegal(name, "true|false")
        return value == "true"

    def symbol(self, name: str = "symbol") -> str:
        value = self.required(name)
        if not _symbol(value):
            raise refusals.illegal(name, SYMBOL)
        return value

    def client_id(self, name: str, length_error: VenueError | None = None) -> str | None:
        """Return a client id of 1..36 legal characters; `length_error` is the market's own code."""
        value = self.text(name)
        if value is None or _client_id(value):
            return value
        if length_error is not None and len(value) > 36:
            raise length_error
        raise refusals.illegal(name, CLIENT_ID)

    def choice(self, name: str, kind: type[Choice], code: int, message: str) -> Choice | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError:
            raise VenueError(code, message) from None

    def required_choice(self, name: str, kind: type[Choice], code: int, message: str) -> Choice:
        self.required(name)
        value = self.choice(name, kind, code, message)
        assert value is not None
        return value


def _parse(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=PARAMS_MAX)
    except ValueError:
        raise refusals.too_many_params() from None
    values = dict(pairs)
    if len(values) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise refusals.duplicate(name)
    return values


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
