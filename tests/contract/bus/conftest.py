"""The three backends that must keep the bus's contract."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis import Redis

from chimera.bus import MemoryBroker, MemoryBus
from chimera.bus.server import PrivateRedis
from tests.support.buses import Backend, redis_backend
from tests.support.redis_server import PrivateCluster


@pytest_asyncio.fixture(params=["memory", "redis", "cluster"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """Empty streams in memory, on a Redis node or on a Redis Cluster."""
    made = _backend(request)
    made.flush()
    yield made
    await made.close()


def _backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "memory":
        broker = MemoryBroker()
        return Backend(
            lambda producer, epoch: MemoryBus(broker, producer=producer, epoch=epoch), broker.clear
        )
    if request.param == "cluster":
        cluster: PrivateCluster = request.getfixturevalue("redis_cluster")
        return redis_backend(cluster.url, cluster.flush)
    server: PrivateRedis = request.getfixturevalue("redis_server")
    return redis_backend(server.url, lambda: _flush(server.port))


def _flush(port: int) -> None:
    with Redis(port=port) as client:
        client.flushall()
