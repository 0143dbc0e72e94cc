"""What only a real Redis can do to the bus: go away, come back, hold what others wrote."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis import Redis

from chimera.bus.server import PrivateRedis, free_port
from chimera.errors import Transient, Unavailable
from tests.support.buses import BTC, ETH, Backend, outgoing, payloads, redis_backend, take
from tests.support.redis_server import PrivateCluster


@pytest.fixture
def server(tmp_path: Path) -> PrivateRedis:
    """A server of its own for a test that kills it; it keeps its data over restarts."""
    return PrivateRedis(tmp_path, append_only=True)


@pytest_asyncio.fixture
async def backend(server: PrivateRedis) -> AsyncIterator[Backend]:
    with server:
        made = redis_backend(server.url, lambda: None)
        yield made
        await made.close()


async def test_everything_unacknowledged_survives_a_killed_redis(
    server: PrivateRedis, backend: Backend
) -> None:
    bus = backend.bus()
    subscription = backend.consume(bus, BTC, ETH)
    await bus.publish([*outgoing(BTC, "a", "b"), *outgoing(ETH, "c")])
    first, *_ = await take(subscription, 3)
    await subscription.ack([first])
    await bus.publish(outgoing(BTC, "d"))

    await asyncio.to_thread(server.kill)
    with pytest.raises(Unavailable):
        await subscription.fetch()
    await asyncio.to_thread(server.start)
    messages = await take(subscription, 3)

    assert sorted(payloads(messages)) == ["b", "c", "d"]
    await subscription.ack(messages)
    await bus.publish(outgoing(BTC, "e"))
    assert payloads(await take(subscription, 1)) == ["e"]


async def test_publish_waits_out_a_short_outage(server: PrivateRedis, backend: Backend) -> None:
    bus = backend.bus()
    await bus.publish(outgoing(BTC, "a"))
    await asyncio.to_thread(server.kill)

    publishing = asyncio.ensure_future(bus.publish(outgoing(BTC, "b")))
    await asyncio.to_thread(server.start)
    await publishing

    subscription = backend.consume(bus, BTC)
    assert payloads(await take(subscription, 2)) == ["a", "b"]


async def test_blocked_consumer_and_tail_heal_after_a_restart(
    server: PrivateRedis, backend: Backend
) -> None:
    bus = backend.bus()
    subscription = backend.consume(bus, BTC, block_ms=3_000)
    tail = backend.tail(bus, BTC, last_ids={BTC: "0"})
    consuming = asyncio.ensure_future(take(subscription, 1))
    watching = asyncio.ensure_future(take(tail, 1))
    with Redis(port=server.port) as client:
        while not client.exists(BTC):  # which joining its group makes
            await asyncio.sleep(0.005)

    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    await bus.publish(outgoing(BTC, "a"))

    assert payloads(await consuming) == payloads(await watching) == ["a"]


async def test_unavailable_is_raised_while_redis_is_gone(
    server: PrivateRedis, backend: Backend
) -> None:
    bus = backend.bus()
    await bus.ping()
    await asyncio.to_thread(server.kill)

    with pytest.raises(Unavailable):
        await bus.ping()
    with pytest.raises(Unavailable):
        await bus.latest(BTC)
    with pytest.raises(Unavailable):
        await backend.tail(bus, BTC).fetch()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(bus.publish(outgoing(BTC, "a")), timeout=5)


async def test_redis_that_was_never_there_is_unavailable() -> None:
    for scheme in ("redis", "redis+cluster"):
        backend = redis_backend(f"{scheme}://127.0.0.1:{free_port()}", lambda: None)
        bus = backend.bus()
        with pytest.raises(Unavailable):
            await bus.ping()
        with pytest.raises(Unavailable):
            await backend.consume(bus, BTC).fetch()
        await backend.close()


async def test_foreign_entry_reaches_its_consumer_without_payload_and_can_be_rejected(
    server: PrivateRedis, backend: Backend
) -> None:
    bus = backend.bus()
    with Redis(port=server.port) as client:
        client.xadd(BTC, {"hello": "there"})
        client.xadd(BTC, {"p": "no label", "s": "x", "d": "y"})
    await bus.publish(outgoing(BTC, "ours"))
    subscription = backend.consume(bus, BTC)

    *foreign, ours = await take(subscription, 3)
    for message in foreign:
        await subscription.reject(message, "not ours")

    assert ours.payload == b"ours"
    assert [(message.payload, message.producer) for message in foreign] == [(b"", ""), (b"", "")]
    assert len(await bus.dead_letters(BTC)) == 2


async def test_wrong_kind_of_key_is_an_error_and_not_a_hang(
    server: PrivateRedis, backend: Backend
) -> None:
    with Redis(port=server.port) as client:
        client.set(BTC, "not a stream")

    with pytest.raises(Transient, match="WRONGTYPE"):
        await backend.bus().publish(outgoing(BTC, "a"))
    with pytest.raises(Transient, match="WRONGTYPE"):
        await backend.consume(backend.bus(), BTC).fetch()


async def test_cluster_heals_after_one_primary_was_killed(redis_cluster: PrivateCluster) -> None:
    redis_cluster.flush()
    backend = redis_backend(redis_cluster.url, redis_cluster.flush)
    bus = backend.bus()
    streams = [f"mkt:{{S{number}}}" for number in range(12)]  # enough to lie on every primary
    subscription = backend.consume(bus, *streams)
    await bus.publish([message for stream in streams for message in outgoing(stream, "before")])
    await subscription.ack(await take(subscription, len(streams)))

    await asyncio.to_thread(redis_cluster.nodes[1].kill)
    try:
        with pytest.raises(Unavailable):
            await bus.ping()
    finally:
        await asyncio.to_thread(redis_cluster.nodes[1].start)
        await asyncio.to_thread(redis_cluster.wait_ready)
    await bus.publish([message for stream in streams for message in outgoing(stream, "after")])
    messages = await take(subscription, len(streams))

    assert sorted(message.stream for message in messages) == sorted(streams)
    assert set(payloads(messages)) == {"after"}
    await backend.close()
