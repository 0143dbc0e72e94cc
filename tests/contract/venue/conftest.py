"""A paper venue in this process, and unmodified ccxt clients pointed at it by URL alone."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import ccxt
import ccxt.pro
import pytest
import pytest_asyncio

from apps.exchange.adapters.pointing import point
from apps.exchange.core.venue.actions import Action, SetMark, StepPrice
from apps.exchange.core.venue.candles import Candle
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.feeds.merge import Lookahead
from apps.exchange.venue_shell.driver import Driver
from apps.exchange.venue_shell.host import FeedPosition, Host
from apps.exchange.venue_shell.limits import BINANCE_RULES
from apps.exchange.venue_shell.server import VenueServer
from apps.exchange.venue_shell.signing import Credential, KeyRing
from chimera.clock import MINUTE, ScaledClock, WallClock
from chimera.instruments import Market

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
SYMBOLS = ("BTCUSDT", "ETHUSDT")
START_PX = {"BTCUSDT": Decimal("60000.0"), "ETHUSDT": Decimal("3000.00")}
HISTORY_BARS = 120


class PaperMarket:
    """The venue under test, with a hand on its prices."""

    def __init__(self, server: VenueServer) -> None:
        self.server = server

    @property
    def host(self) -> Host:
        return self.server.host

    def act(self, *actions: Action) -> None:
        def run(host: Host) -> None:
            for action in actions:
                host.venue.apply(action, host.now())

        self.server.call(run)

    def step(self, price: str, *, market: Market = Market.USDM, symbol: str = "BTCUSDT") -> None:
        """Let the last price (and on futures the mark) become `price`."""
        px = Decimal(price)
        actions: list[Action] = [StepPrice(market, symbol, px, Decimal(1), Decimal(50))]
        if market is Market.USDM:
            actions.insert(0, SetMark(market, symbol, px, px))
        self.act(*actions)

    def tick(self, *, market: Market = Market.USDM, symbol: str = "BTCUSDT") -> None:
        """Move the price by a tick or so: something happens on every stream."""
        last = self.host.venue.listing(market, symbol).last
        assert last is not None
        moved = last + next(self._wobble) % 3
        self.step(str(moved), market=market, symbol=symbol)

    _wobble = count()


def make_server(
    feed: list[tuple[int, Action]] | None = None,
    *,
    faults: bool = True,
    symbols: tuple[str, ...] = SYMBOLS,
    speed: float = 1.0,
    origin: int | None = None,
    unlimited: bool = True,
    history: bool = True,
) -> VenueServer:
    now = WallClock().now() if origin is None else origin
    venue = Venue(
        instruments={market: list_symbols(market, symbols) for market in Market},
        publish_market=True,
    )
    credential = Credential.derive("demo", 7)
    venue.open_account(
        "demo",
        futures_usdt=Decimal(10_000),
        spot={"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20)},
        now=now,
    )
    if history:
        for market in Market:
            for symbol in symbols:
                venue.load_history(market, symbol, past_minutes(symbol, now))
    rules = {m: r.unlimited() if unlimited else r for m, r in BINANCE_RULES.items()}
    host = Host(
        venue=venue,
        clock=ScaledClock(origin=now, speed=speed),
        keys=KeyRing(credential),
        rules=rules,
        faults_allowed=faults,
    )
    actions = opening(now, symbols) if feed is None else feed
    end = actions[-1][0] if actions else now
    coming = Lookahead(actions)
    driver = Driver(host, coming, FeedPosition.opening(now, end, coming))
    return VenueServer(host, driver, credential=credential)


def opening(now: int, symbols: tuple[str, ...]) -> list[tuple[int, Action]]:
    actions: list[tuple[int, Action]] = []
    for symbol in symbols:
        px = START_PX[symbol]
        actions.append((now, SetMark(Market.USDM, symbol, px, px)))
        actions += [(now, StepPrice(m, symbol, px, Decimal(1), Decimal(50))) for m in Market]
    return actions


def past_minutes(symbol: str, now: int) -> list[Candle]:
    first = now - now % MINUTE - HISTORY_BARS * MINUTE
    px = float(START_PX[symbol])
    return [
        Candle(
            open_time=first + i * MINUTE,
            open=px,
            high=px + 5,
            low=px - 5,
            close=px,
            volume=12.5,
            quote_volume=px * 12.5,
            trades=100,
            taker_base=6.0,
            taker_quote=px * 6,
        )
        for i in range(HISTORY_BARS)
    ]


def client_options(server: VenueServer) -> dict[str, Any]:
    return {
        "apiKey": server.credential.key,
        "secret": server.credential.secret,
        "enableRateLimit": False,
        "timeout": 5_000,
    }


def spot_options(server: VenueServer) -> dict[str, Any]:
    return {**client_options(server), "options": {"fetchMarkets": {"types": ["spot"]}}}


@pytest.fixture
def market() -> Iterator[PaperMarket]:
    server = make_server().start()
    wait_until(lambda: server.host.feed.next_at is None)
    yield PaperMarket(server)
    # Nobody waits for a clean stop three hundred times; the command's test does once.
    threading.Thread(target=server.stop).start()


@pytest.fixture
def usdm(market: PaperMarket) -> ccxt.binanceusdm:
    server = market.server
    client = point(ccxt.binanceusdm(client_options(server)), server.rest_url, server.ws_url)
    client.load_markets()
    return client


@pytest.fixture
def spot(market: PaperMarket) -> ccxt.binance:
    server = market.server
    client = point(ccxt.binance(spot_options(server)), server.rest_url, server.ws_url)
    client.load_markets()
    return client


@pytest_asyncio.fixture
async def usdm_pro(market: PaperMarket) -> AsyncIterator[Any]:
    server = market.server
    client = point(ccxt.pro.binanceusdm(client_options(server)), server.rest_url, server.ws_url)
    await client.load_markets()
    yield client
    await client.close()


@pytest_asyncio.fixture
async def spot_pro(market: PaperMarket) -> AsyncIterator[Any]:
    server = market.server
    client = point(ccxt.pro.binance(spot_options(server)), server.rest_url, server.ws_url)
    await client.load_markets()
    yield client
    await client.close()


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Return when `condition` holds; fail after `timeout_s`."""

    async def poll() -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.005)

    asyncio.run(poll())


async def eventually(awaitable: Any, provoke: Callable[[], None], every_s: float = 0.05) -> Any:
    """Await a watch call while something keeps happening in the market."""
    task = asyncio.ensure_future(awaitable)
    async with asyncio.timeout(10):
        while not task.done():
            await asyncio.to_thread(provoke)
            await asyncio.wait([task], timeout=every_s)
    return task.result()
