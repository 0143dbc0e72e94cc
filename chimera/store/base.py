"""What every backend derives from its batch write: writing one document or one edge."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from chimera.store.checks import body_write
from chimera.store.interface import Write


class SingleWrites(ABC):
    """`insert` and `put` of the `Store` protocol, by way of `write`; nothing is written at once."""

    @abstractmethod
    def write(self, batch: Sequence[Write]) -> int: ...

    def write_at_once(self, batch: Sequence[Write]) -> bool:
        return False

    def insert(
        self,
        collection: str,
        key: str,
        body: Mapping[str, Any],
        *,
        parents: tuple[str, ...] = (),
    ) -> bool:
        return self.put(collection, key, body, 1, parents=parents)

    def put(
        self,
        collection: str,
        key: str,
        body: Mapping[str, Any],
        revision: int,
        *,
        parents: tuple[str, ...] = (),
    ) -> bool:
        return self.write((body_write(collection, key, body, revision, parents),)) == 1
