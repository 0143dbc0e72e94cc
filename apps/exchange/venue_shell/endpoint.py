"""What a REST endpoint is: one row of a route table, and the call its handler is given."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

from apps.exchange.core.venue.exchange import Venue
from apps.exchange.venue_shell.host import Host
from apps.exchange.venue_shell.params import Params
from chimera.clock import Millis
from chimera.instruments import Market


class Security(Enum):
    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request. `now` is the market's time, `wall` the one signatures live in."""

    host: Host
    market: Market
    account_id: str
    params: Params
    now: Millis
    wall: Millis

    @property
    def venue(self) -> Venue:
        return self.host.venue


Handler = Callable[[Call], Any]
Cost = int | Callable[[Params], int]


def its_symbol(params: Params) -> Collection[str]:
    return (params.raw().get("symbol", ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A row of a route table.

    `weight` is charged to the client's address; `orders` to the account, when it places any.
    `places` names the symbols that it trades in, which a halt of one of them refuses; `free_on_success` gives the weight back (spot orders).
    """

    method: str
    path: str
    market: Market
    handler: Handler
    security: Security = Security.NONE
    weight: Cost = 1
    orders: Cost = 0
    places: Callable[[Params], Collection[str]] | None = None
    free_on_success: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Tell whether it may change the core: listen keys, which need no signature, do not."""
        return self.method != "GET" and self.security is Security.SIGNED

    def weight_of(self, params: Params) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(params)

    def orders_of(self, params: Params) -> int:
        return self.orders if isinstance(self.orders, int) else self.orders(params)
