"""Request weights and order counts: what a client has used, and when it is told to wait or banned."""

from dataclasses import dataclass, field

from apps.exchange.venue_shell.refusals import Refusal
from chimera.clock import DAY, MINUTE, SECOND, Millis
from chimera.instruments import Market

IGNORED_UNTIL_BAN = 10  # 429 answers a client may ignore inside one window before it is banned
BAN_FIRST_MS = 2 * MINUTE
BAN_LONGEST_MS = 3 * DAY


@dataclass(frozen=True, slots=True)
class OrderLimit:
    """At most `count` orders an account in each window of `window_ms`; `name` ends the header."""

    name: str
    window_ms: Millis
    count: int


@dataclass(frozen=True, slots=True)
class LimitRules:
    """One market's limits. `unlimited()` keeps the headers but refuses nothing: for benchmarks."""

    weight_per_minute: int
    orders: tuple[OrderLimit, ...]
    messages_per_second: int  # that a client may send on one websocket

    def unlimited(self) -> "LimitRules":
        orders = tuple(OrderLimit(o.name, o.window_ms, 10**12) for o in self.orders)
        return LimitRules(10**12, orders, 10**12)


BINANCE_RULES = {
    Market.USDM: LimitRules(
        2_400, (OrderLimit("10S", 10 * SECOND, 300), OrderLimit("1M", MINUTE, 1_200)), 10
    ),
    Market.SPOT: LimitRules(
        6_000, (OrderLimit("10S", 10 * SECOND, 100), OrderLimit("1D", DAY, 200_000)), 5
    ),
}


@dataclass(slots=True)
class _Window:
    start: Millis = -1
    used: int = 0

    def enter(self, now: Millis, length: Millis) -> None:
        start = now - now % length
        if start != self.start:
            self.start, self.used = start, 0


class MessageMeter:
    """Counts what a client sends on one websocket: who sends too much in a second is cut off."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._window = _Window()

    def floods(self, now: Millis) -> bool:
        """Count a message at `now` and tell whether it is one too many."""
        self._window.enter(now, SECOND)
        self._window.used += 1
        return self._window.used > self._per_second


@dataclass(slots=True)
class _Client:
    weight: _Window = field(default_factory=_Window)
    ignored: int = 0
    banned_until: Millis = 0
    ban_ms: Millis = BAN_FIRST_MS


class Limiter:
    """Counts one market's use: weight by IP address, orders by account."""

    def __init__(self, rules: LimitRules) -> None:
        self.rules = rules
        self._clients: dict[str, _Client] = {}
        self._orders: dict[tuple[str, str], _Window] = {}

    def charge_weight(self, ip: str, weight: int, now: Millis) -> int:
        """Add `weight` and return what `ip` used this minute, or raise 429 or, if banned, 418."""
        client = self._clients.setdefault(ip, _Client())
        if now < client.banned_until:
            raise self._banned(client, now)
        previous = client.weight.start
        client.weight.enter(now, MINUTE)
        if client.weight.start != previous:
            client.ignored = 0
        client.weight.used += weight
        if client.weight.used > self.rules.weight_per_minute:
            raise self._over_weight(client, ip, now)
        return client.weight.used

    def refund_weight(self, ip: str, weight: int) -> None:
        client = self._clients.get(ip)
        if client is not None:
            client.weight.used = max(0, client.weight.used - weight)

    def check_orders(self, account_id: str, count: int, now: Millis) -> None:
        """Raise 429 (-1015) if `count` more orders would break one of the order limits."""
        for limit in self.rules.orders:
            window = self._window(account_id, limit, now)
            if window.used + count > limit.count:
                raise Refusal(
                    429,
                    -1015,
                    f"Too many new orders; current limit is {limit.count} orders per {limit.name}.",
                    {"Retry-After": _seconds(window.start + limit.window_ms - now)},
                )

    def count_orders(self, account_id: str, count: int, now: Millis) -> dict[str, str]:
        """Count accepted orders and return the X-MBX-ORDER-COUNT headers."""
        headers = {}
        for limit in self.rules.orders:
            window = self._window(account_id, limit, now)
            window.used += count
            headers[f"X-MBX-ORDER-COUNT-{limit.name}"] = str(window.used)
        return headers

    def refund_order(self, account_id: str) -> None:
        """Give one order back: spot counts unfilled orders only."""
        for limit in self.rules.orders:
            window = self._orders.get((account_id, limit.name))
            if window is not None and window.used:
                window.used -= 1

    def orders_used(self, account_id: str, now: Millis) -> list[tuple[OrderLimit, int]]:
        return [(limit, self._window(account_id, limit, now).used) for limit in self.rules.orders]

    def ban(self, ip: str, until: Millis) -> None:
        self._clients.setdefault(ip, _Client()).banned_until = until

    def _window(self, account_id: str, limit: OrderLimit, now: Millis) -> _Window:
        window = self._orders.setdefault((account_id, limit.name), _Window())
        window.enter(now, limit.window_ms)
        return window

    def _over_weight(self, client: _Client, ip: str, now: Millis) -> Refusal:
        client.ignored += 1
        if client.ignored > IGNORED_UNTIL_BAN:
            client.banned_until = now + client.ban_ms
            client.ban_ms = min(2 * client.ban_ms, BAN_LONGEST_MS)
            return self._banned(client, now)
        return Refusal(
            429,
            -1003,
            f"Too many requests; current limit of IP({ip}) is "
            f"{self.rules.weight_per_minute} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API.",
            {"Retry-After": _seconds(client.weight.start + MINUTE - now)},
        )

    @staticmethod
    def _banned(client: _Client, now: Millis) -> Refusal:
        return Refusal(
            418,
            -1003,
            f"Way too much request weight used; IP banned until {client.banned_until}. "
            "Please use the websocket for live updates to avoid bans.",
            {"Retry-After": _seconds(client.banned_until - now)},
        )


def _seconds(ms: Millis) -> str:
    return str(max(1, -(-ms // SECOND)))
