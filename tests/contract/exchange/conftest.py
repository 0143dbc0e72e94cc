"""The connectors, run against a paper venue in this process; `heard` is all they said."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from apps.exchange.adapters.connector import Connector
from apps.exchange.adapters.pointing import point
from apps.exchange.adapters.spot import SpotConnector
from apps.exchange.adapters.tapped import TappedSpot, TappedUsdm
from apps.exchange.adapters.usdm import UsdmConnector
from apps.exchange.venue_shell.faults import AnyFault
from apps.exchange.venue_shell.server import VenueServer
from chimera.clock import Clock
from chimera.events import (
    CancelOrder,
    DepthChanged,
    PrepareSymbol,
    QueryAccount,
    QueryOrder,
    StreamDisconnected,
    SubmitOrder,
)
from chimera.events.base import Event
from chimera.events.orders import OrderType, Purpose
from chimera.instruments import Side
from tests.contract.venue.conftest import PaperMarket, make_server, wait_until

PERP, COIN = "BTCUSDT-PERP", "BTCUSDT"
REQUEST_TIMEOUT_MS = 700
WAIT_S = 10.0

Kind = TypeVar("Kind", bound=Event)


class Heard(list[Event]):
    """Everything a sink was given, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.append(event)
        self._more.set()

    def of(self, kind: type[Kind], **fields: Any) -> list[Kind]:
        return [
            event
            for event in self
            if type(event) is kind
            and all(getattr(event, name) == value for name, value in fields.items())
        ]

    async def until(self, kind: type[Kind], *, at_least: int = 1, **fields: Any) -> Kind:
        """Return the newest event like this, once there are `at_least` so many."""
        try:
            async with asyncio.timeout(WAIT_S):
                while len(found := self.of(kind, **fields)) < at_least:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            said = [event for event in self if type(event) is kind]
            pytest.fail(f"no {kind.__name__} with {fields}; there were {said}")
        return found[-1]


class Wired:
    """A running connector on its venue."""

    def __init__(self, connector: Connector, market: PaperMarket, clock: Clock) -> None:
        self.connector = connector
        self.market = market
        self.clock = clock
        self.heard = Heard()
        self._numbers = count(1)

    async def up(self) -> None:
        """Return when every stream is up, and the market says something."""
        streams = 3 if isinstance(self.connector, UsdmConnector) else 2
        await self.heard.until(StreamDisconnected, connected=True, at_least=streams)
        await self.heard.until(DepthChanged)

    def misbehave(self, *faults: AnyFault) -> None:
        def arm(host: Any) -> None:
            for fault in faults:
                host.misbehave(fault)

        self.market.server.call(arm)

    async def submit(self, symbol: str, side: Side, qty: str, **more: Any) -> SubmitOrder:
        """Send an order under a new id of ours and return the command."""
        number = next(self._numbers)
        kind = OrderType.LIMIT if "px" in more else OrderType.MARKET
        command = SubmitOrder(
            id=f"submit:{number}",
            symbol=symbol,
            client_order_id=more.pop("client_order_id", f"c-test-{number}"),
            purpose=more.pop("purpose", Purpose.ENTRY),
            side=side,
            order_type=more.pop("order_type", kind),
            qty=Decimal(qty),
            **{name: _exact(value) for name, value in more.items()},
            **self._now(),
        )
        await self.connector.execute(command, self.heard)
        return command

    async def cancel(self, order: SubmitOrder) -> None:
        await self._about(CancelOrder, order)

    async def query(self, order: SubmitOrder) -> None:
        await self._about(QueryOrder, order)

    async def query_account(self) -> None:
        command = QueryAccount(id=f"q:{next(self._numbers)}", symbol="ACCOUNT", **self._now())
        await self.connector.execute(command, self.heard)

    async def prepare(self, symbol: str, leverage: int) -> None:
        command = PrepareSymbol(
            id=f"p:{next(self._numbers)}", symbol=symbol, leverage=leverage, **self._now()
        )
        await self.connector.execute(command, self.heard)

    async def _about(self, kind: Any, order: SubmitOrder) -> None:
        command = kind(
            id=f"{kind.__name__}:{next(self._numbers)}",
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            conditional=order.trigger_px is not None,
            **self._now(),
        )
        await self.connector.execute(command, self.heard)

    def _now(self) -> dict[str, int]:
        return {"ts_event": self.clock.now(), "ts_init": self.clock.now()}


def _exact(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) and value[:1].isdigit() else value


def make_connector(server: VenueServer, kind: Any = UsdmConnector, **more: Any) -> Any:
    client_type, symbol = (TappedUsdm, PERP) if kind is UsdmConnector else (TappedSpot, COIN)
    client = client_type(
        {
            "apiKey": server.credential.key,
            "secret": server.credential.secret,
            "timeout": REQUEST_TIMEOUT_MS,
            "enableRateLimit": False,
        }
    )
    point(client, server.rest_url, more.pop("ws_url", server.ws_url))
    options = {
        "symbols": [symbol],
        "interval": "1m",
        "history_bars": 50,
        "clock": server.host.clock,
    }
    return kind(client, **{**options, **more})


@asynccontextmanager
async def running(
    market: PaperMarket, kind: Any = UsdmConnector, **more: Any
) -> AsyncIterator[Wired]:
    """Run a connector until its streams are up, then hand it over."""
    connector = make_connector(market.server, kind, **more)
    wired = Wired(connector, market, market.host.clock)
    task = asyncio.create_task(connector.run(wired.heard))
    try:
        yield wired
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connector.close()


@pytest.fixture
def market() -> Iterator[PaperMarket]:
    server = make_server().start()
    wait_until(lambda: server.host.feed.next_at is None)
    yield PaperMarket(server)
    server.stop()


@pytest.fixture
def fast_market() -> Iterator[PaperMarket]:
    """A market that closes five bars a second."""
    server = make_server(speed=300.0).start()
    wait_until(lambda: server.host.feed.next_at is None)
    yield PaperMarket(server)
    server.stop()


@pytest_asyncio.fixture
async def usdm(market: PaperMarket) -> AsyncIterator[Wired]:
    async with running(market) as wired:
        await wired.up()
        yield wired


@pytest_asyncio.fixture
async def spot(market: PaperMarket) -> AsyncIterator[Wired]:
    async with running(market, SpotConnector) as wired:
        await wired.up()
        yield wired
