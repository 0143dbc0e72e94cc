"""A real Redis Cluster of three primaries on this machine, from the same program as `PrivateRedis`."""

import socket
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from chimera.bus.server import PrivateRedis, free_port

_SLOTS = 16_384
_PRIMARIES = 3
_BUS_PORT_OFFSET = 10_000
_READY_TIMEOUT_S = 20.0


class PrivateCluster:
    """Started once per test session; its slots are split evenly over the primaries."""

    def __init__(self, directory: Path) -> None:
        self.nodes = [
            PrivateRedis(
                directory / str(index),
                _port_with_bus_port(),
                append_only=True,
                settings={"cluster-enabled": "yes", "cluster-node-timeout": "1000"},
            )
            for index in range(_PRIMARIES)
        ]

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        share = -(-_SLOTS // _PRIMARIES)
        for index, node in enumerate(self.nodes):
            with Redis(port=node.port) as client:
                slots = range(index * share, min((index + 1) * share, _SLOTS))
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
                client.execute_command("CLUSTER", "ADDSLOTS", *slots)
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        self.wait_ready()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not all(_sees_whole_cluster(node.port) for node in self.nodes):
            if time.monotonic() > deadline:
                raise TimeoutError("the Redis Cluster did not form in time")
            time.sleep(0.05)

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def flush(self) -> None:
        for node in self.nodes:
            with Redis(port=node.port) as client:
                client.flushall()


def _sees_whole_cluster(port: int) -> bool:
    with Redis(port=port) as client:
        try:
            info = client.execute_command("CLUSTER INFO")
        except RedisError:
            return False
    return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(_PRIMARIES)


def _port_with_bus_port() -> int:
    """Return a free port whose cluster bus port, 10,000 above, is free too."""
    for _ in range(100):
        port = free_port()
        if port + _BUS_PORT_OFFSET > 65_535:
            port -= 2 * _BUS_PORT_OFFSET
        with socket.socket() as client, socket.socket() as bus:
            try:
                client.bind(("127.0.0.1", port))
                bus.bind(("127.0.0.1", port + _BUS_PORT_OFFSET))
            except OSError:
                continue
            return port
    raise OSError("no pair of free ports for a Redis Cluster node")
