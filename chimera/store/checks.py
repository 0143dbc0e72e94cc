"""What may enter a store, the same for every backend: names, batches, queries and cursors."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chimera.clock import Millis
from chimera.errors import InvalidInput
from chimera.store.interface import (
    QUERY_LIMIT_MAX,
    TRACE_DEPTH_MAX,
    TRACE_EDGES_MAX,
    WRITE_BATCH_MAX,
    Collection,
    Direction,
    Edge,
    Lineage,
    Order,
    Scalar,
    Write,
)

KEY = r"[A-Za-z0-9_\-:.@()+,=;$!*'%]{1,200}"  # what ArangoDB takes as a _key
TS_MIN, TS_MAX = -(2**53), 2**53  # whole numbers up to here are the same in every JSON reader

_COLLECTIONS = frozenset(str(collection) for collection in Collection)
_key_matches = re.compile(KEY).fullmatch
_reference_matches = re.compile(f"(?:{'|'.join(Collection)})/{KEY}").fullmatch
_field_matches = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}").fullmatch


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the cursor's content."""

    order: Order
    ts: Millis
    key: str


class Query(msgspec.Struct, frozen=True):
    """A checked query, its bounds and its place to go on from."""

    collection: str
    symbol: str | None
    state: str | None
    body_equal: dict[str, Scalar]
    ts_low: Millis
    ts_high: Millis
    order: Order
    limit: int
    after: Position | None


def check_collection(collection: str) -> None:
    if collection not in _COLLECTIONS:
        raise InvalidInput(
            f"there is no collection {collection!r}",
            field="collection",
            rule=f"one of {', '.join(Collection)}",
        )


def check_key(key: str) -> None:
    if not _key_matches(key):
        raise InvalidInput(
            f"{key[:220]!r} cannot be a key", field="key", rule=f"must match ^{KEY}$"
        )


def check_reference(reference: str) -> None:
    if not _reference_matches(reference):
        raise InvalidInput(
            f"{reference[:260]!r} does not name a document",
            field="parents",
            rule=f"collection/key, the key matching ^{KEY}$",
        )


def check_batch(batch: Sequence[Write]) -> None:
    """Raise `InvalidInput` unless every write is well formed (bodies are taken on trust)."""
    if len(batch) > WRITE_BATCH_MAX:
        raise InvalidInput(
            f"a batch of {len(batch)} writes", field="batch", rule=f"at most {WRITE_BATCH_MAX}"
        )
    for write in batch:
        if (
            write.collection not in _COLLECTIONS
            or not _key_matches(write.key)
            or write.revision < 1
            or not TS_MIN <= write.ts < TS_MAX
            or (type(write.document) is bytes and write.document[:1] != b"{")
        ):
            _refuse(write)
        for parent in write.parents:
            if not _reference_matches(parent):
                check_reference(parent)


def body_write(
    collection: str, key: str, body: Mapping[str, Any], revision: int, parents: tuple[str, ...]
) -> Write:
    """Encode a body into a write, its `ts` and `symbol` taken from it."""
    ts, symbol = body.get("ts"), body.get("symbol", "")
    if type(ts) is not int:
        raise InvalidInput(f"{collection}/{key} has no time", field="ts", rule="integer UTC ms")
    if not isinstance(symbol, str):
        raise InvalidInput(f"{symbol!r} is no symbol", field="symbol", rule="a string")
    return Write(collection, key, msgspec.json.encode(body), symbol, ts, revision, parents)


def checked_query(
    collection: str,
    equal: Mapping[str, Scalar] | None,
    ts_from: Millis | None,
    ts_to: Millis | None,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Query:
    """Return the arguments of `Store.query` in the form backends work with, or refuse them."""
    check_collection(collection)
    if order not in ("asc", "desc"):
        raise InvalidInput(f"order {order!r}", field="order", rule="asc or desc")
    if not 1 <= limit <= QUERY_LIMIT_MAX:
        raise InvalidInput(f"limit {limit}", field="limit", rule=f"1 to {QUERY_LIMIT_MAX}")
    body_equal = dict(equal or {})
    for field, value in body_equal.items():
        _check_equal(field, value)
    low = TS_MIN if ts_from is None else max(ts_from, TS_MIN)
    high = TS_MAX if ts_to is None else min(ts_to, TS_MAX)
    at = body_equal.pop("ts", None)
    if isinstance(at, int):
        low, high = max(low, at), min(high, at + 1)
    symbol, state = body_equal.pop("symbol", None), body_equal.pop("state", None)
    return Query(
        collection=collection,
        symbol=symbol if isinstance(symbol, str) else None,
        state=state if isinstance(state, str) else None,
        body_equal=body_equal,
        ts_low=low,
        ts_high=high,
        order=order,
        limit=limit,
        after=None if cursor is None else _position(cursor, order),
    )


def cursor_after(order: Order, ts: Millis, key: str) -> str:
    """Return the cursor of a page that ended with the document `key` at `ts`."""
    content = msgspec.json.encode(Position(order, ts, key))
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def check_trace(collection: str, key: str, direction: Direction, max_depth: int) -> str:
    """Return the reference of the document to trace from, or refuse the arguments."""
    check_collection(collection)
    check_key(key)
    if direction not in ("both", "up", "down"):
        raise InvalidInput(f"direction {direction!r}", field="direction", rule="both, up or down")
    if not 1 <= max_depth <= TRACE_DEPTH_MAX:
        raise InvalidInput(f"depth {max_depth}", field="max_depth", rule=f"1 to {TRACE_DEPTH_MAX}")
    return f"{collection}/{key}"


def lineage_of(start: str, edges: Sequence[Edge]) -> Lineage:
    """Return a lineage in its one order, or refuse it for its size."""
    if len(edges) > TRACE_EDGES_MAX:
        raise InvalidInput(
            f"the lineage of {start} has more than {TRACE_EDGES_MAX} edges",
            field="max_depth",
            rule="ask for one direction or fewer steps",
        )
    nodes = {start} | {edge.parent for edge in edges} | {edge.child for edge in edges}
    return Lineage(nodes=tuple(sorted(nodes)), edges=tuple(sorted(edges)))


def _refuse(write: Write) -> None:
    check_collection(write.collection)
    check_key(write.key)
    document = f"{write.collection}/{write.key}"
    if write.revision < 1:
        raise InvalidInput(
            f"revision {write.revision} of {document}", field="revision", rule="1 or above"
        )
    if not TS_MIN <= write.ts < TS_MAX:
        raise InvalidInput(f"time {write.ts} of {document}", field="ts", rule="UTC milliseconds")
    raise InvalidInput(f"the body of {document}", field="body", rule="a JSON object")


def _check_equal(field: str, value: Scalar) -> None:
    if not _field_matches(field):
        raise InvalidInput(f"field {field[:80]!r}", field="equal", rule="a plain name")
    expected: tuple[type, ...] = (str, int, float, bool)
    if field in ("symbol", "state"):
        expected = (str,)
    elif field == "ts":
        expected = (int,)
    if type(value) not in expected:
        names = " or ".join(kind.__name__ for kind in expected)
        raise InvalidInput(f"{field} = {value!r}", field=f"equal.{field}", rule=f"a {names}")


def _position(cursor: str, order: Order) -> Position:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = msgspec.json.decode(
            base64.b64decode(padded, b"-_", validate=True), type=Position
        )
    except (binascii.Error, UnicodeError, ValueError, msgspec.DecodeError) as e:
        raise InvalidInput("the cursor is not one of ours", field="cursor", rule="opaque") from e
    if position.order != order:
        raise InvalidInput(
            f"the cursor belongs to order {position.order}", field="cursor", rule="same arguments"
        )
    return position
