"""Bus backends behind one door, for every test that must hold on all of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from chimera.bus import Bus, ConsumeOptions, Message, Outgoing, Subscription, Tail, open_bus
from chimera.errors import Unavailable

PATIENCE_S = 10.0
BTC, ETH, SOL = "mkt:{BTCUSDT-PERP}", "mkt:{ETHUSDT-PERP}", "mkt:{SOLUSDT-PERP}"


@dataclass
class Backend:
    """Opens buses over the same streams, and closes them with whatever was opened on them."""

    open: Callable[[str, int], Bus]
    flush: Callable[[], None]
    _buses: list[Bus] = field(default_factory=list)
    _readers: list[Subscription | Tail] = field(default_factory=list)

    def bus(self, producer: str = "tests", epoch: int = 1) -> Bus:
        bus = self.open(producer, epoch)
        self._buses.append(bus)
        return bus

    def consume(
        self, bus: Bus, *streams: str, group: str = "g", consumer: str = "c1", **options: object
    ) -> Subscription:
        on_dead_letter = options.pop("on_dead_letter", None)
        subscription = bus.consume(
            streams,
            group,
            consumer,
            options=ConsumeOptions(**{"block_ms": 50, **options}),
            on_dead_letter=on_dead_letter,
        )
        self._readers.append(subscription)
        return subscription

    def tail(self, bus: Bus, *streams: str, **arguments: object) -> Tail:
        tail = bus.tail(streams, **arguments)
        self._readers.append(tail)
        return tail

    async def close(self) -> None:
        for opened in [*self._readers, *self._buses]:
            await opened.close()


def redis_backend(url: str, flush: Callable[[], None]) -> Backend:
    return Backend(lambda producer, epoch: open_bus(url, producer=producer, epoch=epoch), flush)


def outgoing(stream: str, *payloads: str) -> list[Outgoing]:
    return [Outgoing(stream, payload.encode()) for payload in payloads]


def payloads(messages: object) -> list[str]:
    return [message.payload.decode() for message in messages]


async def take(reader: Subscription | Tail, count: int) -> list[Message]:
    """Fetch until `count` messages have come, through outages; fail when they do not come."""
    taken: list[Message] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(taken) < count:
            try:
                fetched = await reader.fetch()
            except Unavailable:
                continue
            taken += fetched if isinstance(fetched, list) else fetched.messages
    return taken


async def until(condition: Callable[[], bool], reader: Subscription) -> None:
    """Fetch until `condition` holds; fail when it does not come to hold."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await reader.fetch()
