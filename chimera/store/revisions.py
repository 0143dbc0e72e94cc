"""The revision rule of documents, apart from any backend: what of a batch is still to be written.

Backends first try the common case, where every write is the next revision of its document. Only
when that failed do they read what is stored and ask here.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from chimera.store.interface import Write, WriteFailure

_exact = partial(json.loads, parse_int=Decimal, parse_float=Decimal)


class Stored(NamedTuple):
    """What a backend holds of a document: its revision and its body as JSON text."""

    revision: int
    body: bytes


class Settlement(NamedTuple):
    """The writes still to be applied, in order, and those that must be refused."""

    pending: list[Write]
    failures: list[WriteFailure]


def settle(batch: Sequence[Write], stored: Mapping[tuple[str, str], Stored]) -> Settlement:
    """Judge each write of a batch, in order, against what is stored under (collection, key).

    1. The next revision of its document is pending.
    2. The current revision with the same content was delivered before: passed over.
    3. An older revision is passed over if the batch brings the stored revision as well: the batch
       was delivered before, and rule 2 compares the later write.
    4. Anything else is refused, and with it what the batch brings for that document after it.
    """
    current = dict(stored)
    brought = {(write.collection, write.key, write.revision) for write in batch}
    refused: set[tuple[str, str]] = set()
    pending: list[Write] = []
    failures: list[WriteFailure] = []
    for write in batch:
        name = (write.collection, write.key)
        found = current.get(name)
        revision = found.revision if found else 0
        at_start = stored[name].revision if name in stored else 0
        if name not in refused:
            if write.revision == revision + 1:
                pending.append(write)
                current[name] = Stored(write.revision, write.body)
                continue
            if found and write.revision == revision and same_json(found.body, write.body):
                continue
            if write.revision < at_start and (*name, at_start) in brought:
                continue
        refused.add(name)
        failures.append(WriteFailure("/".join(name), write.revision, revision))
    return Settlement([w for w in pending if (w.collection, w.key) not in refused], failures)


def same_json(left: bytes, right: bytes) -> bool:
    """Say whether two JSON texts have the same value; key order and the spelling of numbers differ
    between backends (PostgreSQL turns ``1e22`` into 23 digits)."""
    return left == right or bool(_exact(left) == _exact(right))
