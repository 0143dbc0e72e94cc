from pathlib import Path

import pytest

from chimera.bus.server import PrivateRedis, find_redis_server
from chimera.errors import Unavailable


def test_find_redis_server_without_one_on_path_takes_the_packaged_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")

    assert find_redis_server().is_file()


def test_private_redis_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = PrivateRedis(tmp_path, settings={"maxmemory": "not a number"})

    with pytest.raises(Unavailable, match="redis-server ended"):
        server.start()


def test_private_redis_stopped_twice_is_harmless(tmp_path: Path) -> None:
    server = PrivateRedis(tmp_path)
    server.start()
    server.stop()
    server.stop()
