"""Everything one running venue holds together: the core, its two clocks, keys, limits, hubs, faults."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.feeds.merge import Lookahead
from apps.exchange.core.venue.outbound import OrderUpdated, PrivateEvent
from apps.exchange.venue_shell import wire_spot
from apps.exchange.venue_shell.faults import (
    AnyFault,
    BanIp,
    CloseSockets,
    ExpireListenKey,
    FaultPlan,
    ServerShutdown,
    TerminateStreams,
)
from apps.exchange.venue_shell.journal import Input, Journal
from apps.exchange.venue_shell.limits import BINANCE_RULES, Limiter, LimitRules
from apps.exchange.venue_shell.market_hub import MarketHub
from apps.exchange.venue_shell.signing import KeyRing
from apps.exchange.venue_shell.sockets import Socket
from apps.exchange.venue_shell.user_hub import UserHub
from apps.exchange.venue_shell.wire import dumps
from chimera.clock import DAY, Clock, Millis, ScaledClock, WallClock
from chimera.instruments import Market

SOCKET_LIFE = DAY


@dataclass(slots=True)
class FeedPosition:
    """How far the market's feed has come. `next_at` is the time of the next action, None at the end."""

    start: Millis
    end: Millis | None
    at: Millis
    next_at: Millis | None
    actions: int = 0

    @classmethod
    def opening(cls, start: Millis, end: Millis | None, feed: Lookahead) -> "FeedPosition":
        """Return where a feed stands that nothing was taken from."""
        first = feed.upcoming[0] if feed.upcoming else None
        return cls(start, end, min(start, first or start), first)


@dataclass(slots=True)
class Counts:
    """What GET /venue/status reports."""

    requests: int = 0
    refusals: int = 0
    orders: int = 0
    fills: int = 0
    events: int = 0


class Host:
    """One venue at work. Single-threaded: everything here runs in one event loop.

    `intervals` names the width of the recorded bars that a listing is played from.
    """

    def __init__(
        self,
        *,
        venue: Venue,
        clock: ScaledClock,
        keys: KeyRing,
        rules: Mapping[Market, LimitRules] = BINANCE_RULES,
        faults_allowed: bool = False,
        wall: Clock | None = None,
        journal: Journal | None = None,
        intervals: Mapping[tuple[Market, str], str] = MappingProxyType({}),
    ) -> None:
        self.venue = venue
        self.intervals = intervals
        self.clock = clock
        self.wall = wall or WallClock()
        self.keys = keys
        self.limiters = {market: Limiter(rules[market]) for market in Market}
        self.faults_allowed = faults_allowed
        self.faults = FaultPlan()
        self.market_hub = MarketHub(self)
        self.user_hub = UserHub(self.faults)
        self.sockets: set[Socket] = set()
        self.counts = Counts()
        self.feed = FeedPosition(clock.origin, None, clock.origin, None)
        self.journal = journal
        self._symbols = {
            market: [symbol for of, symbol in venue.floor.listings if of is market]
            for market in Market
        }
        self._clients: set[str] = set()

    def now(self) -> Millis:
        """Return the market's time: the scaled clock, held back while the feed lags behind it."""
        now = self.clock.now()
        if self.feed.next_at is not None:
            now = min(now, self.feed.next_at)
        return max(now, self.feed.at)

    def wall_now(self) -> Millis:
        """Return the time that requests are signed in and ``/time`` answers."""
        return self.wall.now() + self.faults.clock_shift_ms

    def loses_depth(self, market: Market, symbol: str) -> bool:
        return self.faults.loses_depth(market, symbol)

    def symbols(self, market: Market) -> list[str]:
        return self._symbols[market]

    def limiter(self, market: Market, ip: str) -> Limiter:
        self._clients.add(ip)
        return self.limiters[market]

    def note(self, entry: Input) -> None:
        """Write down what the core is asked, so that it can be asked again after a kill."""
        if self.journal is not None:
            self.journal.append(entry)

    def publish(self) -> None:
        """Send everything the venue's core has told since the last time."""
        for event in self.venue.drain():
            self.counts.events += 1
            if isinstance(event, PrivateEvent):
                self._count(event)
                self.user_hub.publish(event)
            else:
                self.market_hub.publish(event)

    def misbehave(self, fault: AnyFault) -> None:
        """Carry out a fault now, or arm it for its occasion."""
        match fault:
            case ExpireListenKey():
                self.user_hub.expire(self.wall_now(), everything=True)
            case TerminateStreams():
                self.user_hub.terminate_spot(self.wall_now())
            case ServerShutdown():
                self._shut_down(fault.ms)
            case CloseSockets():
                for socket in list(self.sockets):
                    if fault.sockets in ("all", socket.kind):
                        socket.close()
            case BanIp():
                until = self.wall_now() + fault.seconds * 1_000
                for ip in self._clients:
                    for limiter in self.limiters.values():
                        limiter.ban(ip, until)
            case _:
                self.faults.arm(fault)

    def cut_old_sockets(self, wall: Millis) -> None:
        """Close the websockets that have lived for as long as Binance lets them."""
        for socket in list(self.sockets):
            if wall - socket.opened >= SOCKET_LIFE:
                socket.close()

    def _shut_down(self, ms: Millis) -> None:
        notice = dumps(wire_spot.server_shutdown(self.wall_now()))
        for socket in list(self.sockets):
            if socket.market is Market.SPOT:
                socket.offer(f'{{"event":{notice}}}' if socket.kind == "api" else notice)
            asyncio.get_running_loop().call_later(ms / 1_000, socket.close)

    def _count(self, event: PrivateEvent) -> None:
        if isinstance(event, OrderUpdated) and event.fill is not None:
            self.counts.fills += 1
            # Spot counts unfilled orders: the first fill of one gives its slot back, later ones nothing.
            if event.order.market is Market.SPOT and len(event.order.fills) == 1:
                self.limiters[Market.SPOT].refund_order(event.account_id)
