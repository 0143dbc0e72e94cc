"""Reads several shards of streams at once and hands over what comes first.

A blocking read covers the streams of one slot, so in a cluster a consumer has several under way; on
a single node there is one. Used by the Redis subscription and tail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from chimera.bus.interface import Message

Shard = TypeVar("Shard")


class ShardedReads(Generic[Shard]):
    """Keeps at most one read under way per shard; reads outlive a cancelled `next`.

    `read` returns an empty list when nothing came in its time, and raises when Redis fails.
    """

    def __init__(
        self, shards: Sequence[Shard], read: Callable[[Shard], Awaitable[list[Message]]]
    ) -> None:
        self._shards = shards
        self._read = read
        self._tasks: dict[int, asyncio.Task[list[Message]]] = {}
        self._failure: Exception | None = None

    async def next(self, timeout_s: float) -> list[Message]:
        """Return what any shard brought, or nothing after about `timeout_s`; raise if one failed.

        What other shards brought meanwhile comes first; the failure is raised by the next call.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            self._start()
            self._raise_failure()
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            messages = self._take_results()
            if messages:
                return messages
            if self._failure is None and asyncio.get_running_loop().time() >= deadline:
                return []

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self) -> None:
        for index, shard in enumerate(self._shards):
            if index not in self._tasks:
                self._tasks[index] = asyncio.ensure_future(self._read(shard))

    def _take_results(self) -> list[Message]:
        messages: list[Message] = []
        for index in [index for index, task in self._tasks.items() if task.done()]:
            try:
                messages += self._tasks.pop(index).result()
            except Exception as error:
                self._failure = error  # raised once the others' messages are handed over
        return messages

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
