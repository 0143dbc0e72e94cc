"""Two instances on one account, with a real Redis: the second is fenced out before its first order."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

import pytest
from redis import Redis

from chimera.bus import Outgoing, open_bus
from chimera.bus.server import PrivateRedis
from chimera.clock import Millis, WallClock
from chimera.events import QueryAccount, TimerFired, encode
from chimera.events.base import Command, Event
from chimera.locks import open_leases
from chimera.runtime.contract import Ask, Effect, Service
from chimera.runtime.live import LiveRuntime
from chimera.runtime.topology import ROUTER_LEASE, leases_of
from chimera.store.memory import MemoryStore

DEADLINE_S = 10.0
COMMANDS = "ord:cmd:{ACCOUNT}"


@pytest.fixture(autouse=True)
def _empty_redis(redis_server: PrivateRedis) -> None:
    with Redis(port=redis_server.port) as client:
        client.flushall()


def question(name: str, fencing: int = 0) -> QueryAccount:
    now = WallClock().now()
    return QueryAccount(id=name, ts_event=now, ts_init=now, symbol="ACCOUNT", fencing=fencing)


class Router:
    """Asks the exchange once when it starts."""

    name: ClassVar[str] = "orders"
    consumes: ClassVar[tuple[type[Event], ...]] = ()

    def __init__(self, instance: str) -> None:
        self._instance = instance

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        return [Ask(question(f"by {self._instance}"))] if isinstance(event, TimerFired) else []


class Port:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def run(self, sink: Callable[[Event], None]) -> None:
        await asyncio.Event().wait()

    async def execute(self, command: Command, sink: Callable[[Event], None]) -> None:
        self.asked.append(command.id)


class Instance:
    """A worker of `names` with its own connections to one Redis; an async context manager."""

    def __init__(self, url: str, name: str, names: Sequence[str], *, port: Port | None = None):
        self.lives = 0
        self._name = name
        self._names = names
        self._bus = open_bus(url, producer=name)
        self._leases = open_leases(url, holder=name)
        self._stopping = asyncio.Event()
        self._runtime = LiveRuntime(
            build=self._build,
            names=names,
            store=MemoryStore(),
            bus=self._bus,
            clock=WallClock(),
            leases=self._leases,
            exchange=port,
            streams=[COMMANDS] if names == ["exchange"] else [],
        )

    def _build(self) -> list[Service]:
        self.lives += 1
        return [Router(self._name)] if "orders" in self._names else []

    async def __aenter__(self) -> "Instance":
        self.task = asyncio.create_task(self._runtime.run(self._stopping))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stopping.set()
        await asyncio.wait_for(self.task, DEADLINE_S)
        await self._leases.close()
        await self._bus.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_r7_second_router_on_an_account_is_fenced_out_before_its_first_order(
    redis_url: str,
) -> None:
    port = Port()
    second = Instance(redis_url, "second", ["orders"])
    async with Instance(redis_url, "first", ["exchange", "orders"], port=port) as first:
        await until(lambda: port.asked == ["by first"])
        async with second:
            refused = open_leases(redis_url, holder="third")
            assert await refused.acquire_all(leases_of(["orders", "positions"])) is None
            free = await refused.acquire("service:positions")
            assert free is not None  # all or none: it was not kept
            await free.release()
            await refused.close()
            assert (first.lives, second.lives) == (1, 0)
    assert port.asked == ["by first"]


async def test_exchange_refuses_a_router_that_another_has_followed(redis_url: str) -> None:
    port = Port()
    bus = open_bus(redis_url, producer="test")
    leases = open_leases(redis_url, holder="old")
    old = await leases.acquire(ROUTER_LEASE)
    assert old is not None
    async with Instance(redis_url, "exchange", ["exchange"], port=port):
        await bus.publish([Outgoing(COMMANDS, encode(question("in time", old.token)))])
        await until(lambda: port.asked == ["in time"])
        await old.release()
        async with Instance(redis_url, "router", ["orders"]):
            await until(lambda: port.asked[-1] == "by router")
            late = [question("too late", old.token), question("sent by nobody")]
            await bus.publish([Outgoing(COMMANDS, encode(command)) for command in late])
            await until_handled(redis_url)
    assert port.asked == ["in time", "by router"]
    await leases.close()
    await bus.close()


async def test_exchange_that_starts_later_knows_which_router_is_the_newest(redis_url: str) -> None:
    port = Port()
    bus = open_bus(redis_url, producer="test")
    leases = open_leases(redis_url, holder="old")
    old = await leases.acquire(ROUTER_LEASE)
    assert old is not None
    await bus.publish([Outgoing(COMMANDS, encode(question("too late", old.token)))])
    await old.release()
    newer = await leases.acquire(ROUTER_LEASE)
    assert newer is not None
    await bus.publish([Outgoing(COMMANDS, encode(question("newer", newer.token)))])
    async with Instance(redis_url, "exchange", ["exchange"], port=port):
        await until(lambda: bool(port.asked))
        await until_handled(redis_url)
    assert port.asked == ["newer"]
    await leases.close()
    await bus.close()


async def until_handled(redis_url: str) -> None:
    """Wait until the exchange's worker has acknowledged every command."""
    with Redis.from_url(redis_url) as client:

        def is_handled() -> bool:
            newest = client.xinfo_stream(COMMANDS)["last-generated-id"]
            groups = {group["name"]: group for group in client.xinfo_groups(COMMANDS)}
            group = groups[b"exchange"]
            return group["last-delivered-id"] == newest and group["pending"] == 0

        await until(is_handled)
