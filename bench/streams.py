"""Redis Streams through the bus: one producer and one consumer group in one process, one node."""

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from bench.figures import Figure, Outcome, at_least
from bench.measure import collections, latencies
from chimera.bus import Bus, Outgoing, open_bus
from chimera.bus.server import PrivateRedis

TARGET = at_least(20_000)
PAYLOAD = b"x" * 170
STREAM = "mkt:{BENCH}"
BATCH = 200
ROUNDS = 3


def run(quick: bool) -> Outcome:
    with (
        tempfile.TemporaryDirectory() as directory,
        PrivateRedis(Path(directory)) as redis,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        collections() as seen,
    ):
        rates, hops = runner.run(_measure(redis.url, 10_000 if quick else 60_000))
    return Outcome(
        figures=(
            Figure(
                name=f"through, batches of {BATCH}",
                value=sorted(rates)[len(rates) // 2],
                unit="events/s",
                target=TARGET,
            ),
            *latencies("one event, publish to fetch", hops, unit="ms"),
        ),
        notes=(f"payloads of {len(PAYLOAD)} bytes, acknowledged", seen.note()),
    )


async def _measure(url: str, count: int) -> tuple[list[float], list[int]]:
    bus = open_bus(url, producer="bench")
    subscription = bus.consume([STREAM], "bench", "bench")

    async def take(wanted: int) -> None:
        while wanted > 0:
            batch = await subscription.fetch()
            await subscription.ack(batch.messages)
            wanted -= len(batch.messages)

    async def through() -> float:
        began = time.perf_counter()
        await asyncio.gather(_publish(bus, count), take(count))
        return count / (time.perf_counter() - began)

    async def hop() -> int:
        taking = asyncio.ensure_future(take(1))
        await asyncio.sleep(0.001)  # the consumer waits before the event is made, as in trading
        began = time.perf_counter_ns()
        await bus.publish([Outgoing(STREAM, PAYLOAD)])
        await taking
        return time.perf_counter_ns() - began

    try:
        await asyncio.gather(_publish(bus, BATCH), take(BATCH))
        rates = [await through() for _ in range(ROUNDS)]
        return rates, [await hop() for _ in range(count // 50)]
    finally:
        await subscription.close()
        await bus.close()


async def _publish(bus: Bus, count: int) -> None:
    for _ in range(count // BATCH):
        await bus.publish([Outgoing(STREAM, PAYLOAD)] * BATCH)
