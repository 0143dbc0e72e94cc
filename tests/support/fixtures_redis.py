"""Redis for tests: one private server and, for those who ask, one private cluster per session."""

from collections.abc import Iterator

import pytest

from chimera.bus.server import PrivateRedis
from tests.support.redis_server import PrivateCluster


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """A running private Redis server. Tests that stop or kill one start their own."""
    with PrivateRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: PrivateRedis) -> str:
    return redis_server.url


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateCluster]:
    """A running cluster of three primaries."""
    try:
        cluster = PrivateCluster(tmp_path_factory.mktemp("redis-cluster"))
    except OSError as error:
        pytest.skip(f"no Redis Cluster: {error}")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
