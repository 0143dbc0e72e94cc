"""One asyncio connection pool to a Redis node or cluster, speaking the project's errors.

The bus and the leases are written against `RedisLink` alone, so that where commands go in a cluster
and what a failure means is decided here once.
"""

import asyncio
import builtins
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from hiredis import pack_command
from redis.asyncio import Connection, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from chimera.bus.backoff import BackoffPolicy
from chimera.errors import ChimeraError, ConfigInvalid, Conflict, Transient, Unavailable

Command = tuple[str | bytes | int, ...]  # its name, then its key, as all stream commands have it
T = TypeVar("T")

GROUP_MISSING = "stream_group_missing"
TIMEOUT_S = 5.0  # for a whole trip, blocking reads included

_CLUSTER_SUFFIX = "+cluster"
_SCHEMES = ("redis", "rediss", "redis+cluster", "rediss+cluster")
_UNAVAILABLE = (
    ConnectionError,
    TimeoutError,
    ClusterDownError,
    MasterDownError,
    TryAgainError,
    ReadOnlyError,
    OutOfMemoryError,
    RedisClusterException,
)
# Their replies are taken as Redis sends them: building dicts of every entry halves the throughput.
_RAW_REPLIES = ("XREAD", "XREADGROUP", "XRANGE", "XREVRANGE", "XCLAIM", "XPENDING")


class _Connection(Connection):
    """Packs commands in C; redis-py has that for its synchronous client only."""

    def pack_command(self, *args: Any) -> list[bytes]:
        return [pack_command((*args[0].split(), *args[1:]))]


class RedisLink:
    """A node or a cluster behind one interface. Connects when first used.

    Nothing is retried beneath the caller: a repeated XADD appends twice and a repeated XREADGROUP
    skips what the first one delivered, so only the caller knows what a second attempt means.

    Parameters
    ----------
    url : ``redis://host:port/db``, ``rediss://``, ``redis+cluster://host:port``, ``rediss+cluster://``

    Raises
    ------
    ConfigInvalid
        The URL names no such scheme or cannot be read.
    """

    def __init__(self, url: str) -> None:
        scheme, separator, address = url.partition("://")
        if not separator or scheme not in _SCHEMES:
            raise ConfigInvalid(
                f"a Redis URL starts with one of {', '.join(_SCHEMES)}", field="url", scheme=scheme
            )
        self._is_cluster = scheme.endswith(_CLUSTER_SUFFIX)
        open_client: Callable[..., Any] = (
            RedisCluster.from_url if self._is_cluster else Redis.from_url
        )
        try:
            self._client = open_client(
                f"{scheme.removesuffix(_CLUSTER_SUFFIX)}://{address}",
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=None,  # one timer bounds a trip, it would be a task for each
                socket_connect_timeout=TIMEOUT_S,
                max_connections=1_000,
                connection_class=_Connection,
            )
        except ValueError as error:
            raise ConfigInvalid(f"cannot read the Redis URL: {error}", field="url") from error
        for command in _RAW_REPLIES:
            self._client.set_response_callback(command, _as_sent)

    async def execute(self, key: str, *command: str | bytes | int) -> Any:
        """Run one command on the node that holds `key`; other keys in it share its slot.

        Raises
        ------
        Unavailable, Transient, Conflict
            As `translate` says.
        """
        with self._translated():
            async with asyncio.timeout(TIMEOUT_S):
                if self._is_cluster:
                    # Naming the node saves asking the server which of the arguments are keys.
                    return await self._client.execute_command(
                        *command, target_nodes=await self._node(key)
                    )
                return await self._client.execute_command(*command)

    async def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands in one trip to each node concerned; within a slot their order is kept.

        All are tried; the first error among the replies is raised after them, as from `execute`.
        """
        try:
            with self._translated():
                async with asyncio.timeout(TIMEOUT_S):
                    replies = await self._pipelined(commands)
                for reply in replies:
                    if isinstance(reply, Exception):
                        raise reply
                return replies
        except Unavailable:
            if self._is_cluster:
                # Unlike single commands, pipelines do not make the client look at the slots anew.
                await self._client.aclose()
            raise

    async def ping(self) -> None:
        targets = {"target_nodes": RedisCluster.PRIMARIES} if self._is_cluster else {}
        with self._translated():
            async with asyncio.timeout(TIMEOUT_S):
                await self._client.execute_command("PING", **targets)

    async def by_node(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """Group keys by the node that holds them; a single node holds all."""
        if not self._is_cluster:
            return {"": list(keys)}
        groups: dict[str, list[str]] = {}
        for key in keys:
            groups.setdefault((await self._node(key)).name, []).append(key)
        return groups

    def by_slot(self, keys: Iterable[str]) -> list[tuple[str, ...]]:
        """Group keys that one command may name together."""
        if not self._is_cluster:
            return [tuple(keys)]
        groups: dict[int, list[str]] = {}
        for key in keys:
            groups.setdefault(self._client.keyslot(key), []).append(key)
        return [tuple(group) for group in groups.values()]

    async def close(self) -> None:
        await self._client.aclose()

    async def _pipelined(self, commands: Sequence[Command]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        if self._is_cluster:
            nodes = {key: await self._node(key) for key in {str(c[1]) for c in commands}}
            for command in commands:
                pipe.execute_command(*command, target_nodes=nodes[str(command[1])])
        else:
            for command in commands:
                pipe.execute_command(*command)
        replies: list[Any] = await pipe.execute(raise_on_error=False)
        return replies

    async def _node(self, key: str) -> Any:
        with self._translated():
            async with asyncio.timeout(TIMEOUT_S):
                await self._client.initialize()
            return self._client.get_node_from_key(key)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except builtins.TimeoutError as error:
            raise Unavailable("Redis cannot be reached: no answer in time") from error
        except (RedisError, RedisClusterException) as error:
            raise translate(error) from error
        except AttributeError as error:
            if not self._is_cluster:
                raise
            # When a node fails, redis-py's cluster client closes that node's free connections while
            # another task may have just taken one, which then has no socket to write to.
            raise Unavailable("the connection was closed while it was taken") from error


def translate(error: Exception) -> ChimeraError:
    """Map what redis-py raised to the project's taxonomy.

    `Unavailable`: nobody answers, or nobody who may write. `Conflict`: a group exists already.
    `Transient` with code `GROUP_MISSING`: the group or its stream is gone. `Transient`: the rest.
    """
    text = str(error)
    if isinstance(error, _UNAVAILABLE):
        return Unavailable(f"Redis cannot be reached: {text}")
    if isinstance(error, ResponseError):
        if text.startswith(("NOGROUP", "UNBLOCKED")):
            return Transient(text, code=GROUP_MISSING)
        if text.startswith("BUSYGROUP"):
            return Conflict(text)
    return Transient(f"Redis refused: {text}")


async def with_retries(attempt: Callable[[], Awaitable[T]], policy: BackoffPolicy) -> T:
    """Run `attempt` until it succeeds, as often as `policy` allows while Redis is unavailable."""
    for delay_s in policy.delays_s():
        try:
            return await attempt()
        except Unavailable:
            await asyncio.sleep(delay_s)
    return await attempt()


def _as_sent(reply: T, **_: Any) -> T:
    return reply
