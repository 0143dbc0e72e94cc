"""The document store on ArangoDB, by python-arango: the backend of a cluster.

A document is ``{_key, revision, symbol, ts, body}`` in the collection of its name; lineage is a
named graph over one edge collection. All AQL is in `chimera.store.aql`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
from arango.client import ArangoClient
from arango.collection import StandardCollection
from arango.cursor import Cursor
from arango.exceptions import ArangoServerError
from arango.http import HTTPClient

from chimera.clock import Millis
from chimera.errors import Conflict, Transient
from chimera.store import aql
from chimera.store.arango_http import (
    DUPLICATE_GRAPH,
    DUPLICATE_NAME,
    QUERY_RUNTIME_S,
    UNIQUE_VIOLATED,
    WRITE_CONFLICT,
    CheckedTransport,
    decode,
    default_transport,
    encode,
    mapped,
    mapped_errors,
)
from chimera.store.base import SingleWrites
from chimera.store.checks import (
    Query,
    check_batch,
    check_collection,
    check_reference,
    check_trace,
    checked_query,
    cursor_after,
    lineage_of,
)
from chimera.store.interface import (
    TRACE_EDGES_MAX,
    Collection,
    Direction,
    Document,
    Edge,
    Lineage,
    Order,
    Page,
    Scalar,
    Write,
    WriteConflict,
    WriteFailure,
)
from chimera.store.revisions import Stored, settle

INDEXES: tuple[dict[str, Any], ...] = (
    {"type": "persistent", "name": "by_ts", "fields": ["ts"]},
    {"type": "persistent", "name": "by_symbol", "fields": ["symbol", "ts"]},
    {"type": "persistent", "name": "by_state", "fields": ["body.state", "ts"], "sparse": True},
)
CONTENTION_ROUNDS = 3  # how often a write that lost against another writer is tried again


class ArangoStore(SingleWrites):
    """Documents in ArangoDB. What is to be durable is synced to disk before a write returns."""

    def __init__(
        self,
        *,
        address: str,
        database: str,
        username: str,
        password: str,
        transport: HTTPClient | None = None,
    ) -> None:
        self._client = ArangoClient(
            hosts=address,
            http_client=CheckedTransport(transport or default_transport()),
            serializer=encode,
            deserializer=decode,
        )
        self._database = self._client.db(database, username=username, password=password)

    def ensure(self) -> None:
        """Make collections, indexes and the graph; the database itself must exist."""
        with mapped_errors():
            existing = {
                found["name"] for found in cast(list[dict[str, Any]], self._database.collections())
            }
        for collection in Collection:
            if collection not in existing:
                with mapped_errors(DUPLICATE_NAME):
                    self._database.create_collection(str(collection))
            for index in INDEXES:
                with mapped_errors():
                    self._collection(collection).add_index(dict(index))
        if aql.LINEAGE_EDGES not in existing:
            with mapped_errors(DUPLICATE_NAME):
                self._database.create_collection(aql.LINEAGE_EDGES, edge=True)
        self._ensure_graph()

    def ping(self) -> None:
        with mapped_errors():
            self._database.version()

    def close(self) -> None:
        self._client.close()

    def write(self, batch: Sequence[Write]) -> int:
        check_batch(batch)
        changed = 0
        failures: list[WriteFailure] = []
        for collection in dict.fromkeys(write.collection for write in batch):
            writes = [write for write in batch if write.collection == collection]
            changed += self._write_collection(collection, writes, failures)
        refused = {failure.document for failure in failures}
        edges = (
            Edge(parent, child)
            for write in batch
            if write.parents and (child := f"{write.collection}/{write.key}") not in refused
            for parent in write.parents
        )
        self._link(edges, sync=any(write.durable for write in batch))
        if failures:
            raise WriteConflict(failures)
        return changed

    def get(self, collection: str, key: str) -> Document | None:
        check_collection(collection)
        found = self._execute(aql.STORED, {"@collection": str(collection), "keys": [key]})
        return _document(found[0]) if found else None

    def query(
        self,
        collection: str,
        *,
        equal: Mapping[str, Scalar] | None = None,
        ts_from: Millis | None = None,
        ts_to: Millis | None = None,
        order: Order = "asc",
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        query = checked_query(collection, equal, ts_from, ts_to, order, limit, cursor)
        shape = aql.Shape(query.symbol is not None, query.state is not None, order)
        found = self._execute(aql.QUERIES[shape], _query_variables(query), batch_size=limit + 1)
        documents = tuple(_document(row) for row in found[:limit])
        if len(found) <= limit:
            return Page(documents, None)
        last = found[limit - 1]
        return Page(documents, cursor_after(order, last["ts"], last["key"]))

    def link(self, parent: str, child: str) -> None:
        check_reference(parent)
        check_reference(child)
        self._link([Edge(parent, child)], sync=True)

    def trace(
        self, collection: str, key: str, direction: Direction = "both", max_depth: int = 16
    ) -> Lineage:
        start = check_trace(collection, key, direction, max_depth)
        bounds = {"start": start, "max_depth": max_depth, "limit": TRACE_EDGES_MAX + 1}
        nodes = {start}
        if direction != "down":
            nodes.update(self._execute(aql.ANCESTORS, bounds))
        if direction != "up":
            nodes.update(self._execute(aql.DESCENDANTS, bounds))
        among = {"nodes": sorted(nodes), "limit": TRACE_EDGES_MAX + 1}
        found = self._execute(aql.EDGES_AMONG, among)
        return lineage_of(start, [Edge(row["parent"], row["child"]) for row in found])

    def _ensure_graph(self) -> None:
        names = [str(collection) for collection in Collection]
        definition = {
            "edge_collection": aql.LINEAGE_EDGES,
            "from_vertex_collections": names,
            "to_vertex_collections": names,
        }
        with mapped_errors(DUPLICATE_GRAPH):
            if not self._database.has_graph(aql.LINEAGE_GRAPH):
                self._database.create_graph(aql.LINEAGE_GRAPH, [definition])
                return
            graph = self._database.graph(aql.LINEAGE_GRAPH)
            (found,) = cast(list[dict[str, Any]], graph.edge_definitions())
            if set(found["from_vertex_collections"]) != set(names):
                graph.replace_edge_definition(aql.LINEAGE_EDGES, names, names)

    def _write_collection(
        self, collection: str, writes: Sequence[Write], failures: list[WriteFailure]
    ) -> int:
        """Write one collection's part of a batch and return how many documents changed.

        1. Send the first pending write of each key: new ones as documents, others by AQL.
        2. Where all arrived, go on with what is left (keys that the batch writes twice).
        3. Where some did not, read what is stored under the pending keys and settle; go on.
        """
        changed = 0
        pending = list(writes)
        for _ in range(len(writes) + CONTENTION_ROUNDS):
            if not pending:
                return changed
            first: dict[str, Write] = {}
            for write in pending:
                first.setdefault(write.key, write)
            arrived = self._insert(collection, [w for w in first.values() if w.revision == 1])
            arrived |= self._replace(collection, [w for w in first.values() if w.revision > 1])
            changed += len(arrived)
            pending = [w for w in pending if w.key not in arrived or w is not first[w.key]]
            if len(arrived) < len(first):
                settlement = settle(pending, self._stored(collection, first))
                pending = settlement.pending
                failures += settlement.failures
        raise Transient(f"other writers keep changing the same {collection}; write again")

    def _insert(self, collection: str, writes: Sequence[Write]) -> set[str]:
        """Insert documents and return the keys that were free."""
        if not writes:
            return set()
        with mapped_errors():
            answers = cast(
                list[dict[str, Any] | ArangoServerError],
                self._collection(collection).insert_many(
                    [_row(w) for w in writes], sync=any(w.durable for w in writes)
                ),
            )
        if len(answers) != len(writes):
            raise Transient(f"ArangoDB answered {len(answers)} of {len(writes)} writes")
        arrived = set()
        for write, answer in zip(writes, answers, strict=True):
            if not isinstance(answer, ArangoServerError):
                arrived.add(write.key)
            elif answer.error_code not in (UNIQUE_VIOLATED, WRITE_CONFLICT):
                raise mapped(answer) from answer
        return arrived

    def _replace(self, collection: str, writes: Sequence[Write]) -> set[str]:
        """Replace documents whose revision is the one before and return their keys."""
        if not writes:
            return set()
        variables = {"@collection": collection, "writes": [_row(write) for write in writes]}
        try:
            return set(self._execute(aql.REPLACE, variables, batch_size=len(writes)))
        except Conflict:
            return set()  # another writer was faster; what is stored now decides

    def _stored(self, collection: str, keys: Iterable[str]) -> dict[tuple[str, str], Stored]:
        found = self._execute(aql.STORED, {"@collection": collection, "keys": list(keys)})
        return {
            (collection, row["key"]): Stored(row["revision"], msgspec.json.encode(row["body"]))
            for row in found
        }

    def _link(self, edges: Iterable[Edge], *, sync: bool) -> None:
        rows = [
            {"_key": _edge_key(edge), "_from": edge.parent, "_to": edge.child} for edge in edges
        ]
        if not rows:
            return
        with mapped_errors():
            answers = cast(
                list[dict[str, Any] | ArangoServerError],
                self._collection(aql.LINEAGE_EDGES).insert_many(
                    rows, sync=sync, overwrite_mode="ignore"
                ),
            )
        for answer in answers:
            if isinstance(answer, ArangoServerError):
                raise Transient(f"an edge of lineage was not written: {answer}") from answer

    def _collection(self, name: str) -> StandardCollection:
        return self._database.collection(str(name))

    def _execute(
        self, text: str, variables: Mapping[str, Any], *, batch_size: int = TRACE_EDGES_MAX + 1
    ) -> list[Any]:
        with mapped_errors():
            cursor = self._database.aql.execute(
                text,
                bind_vars=dict(variables),
                batch_size=batch_size,
                max_runtime=QUERY_RUNTIME_S,  # type: ignore[arg-type]  # declared as numbers.Number
            )
            return list(cast(Cursor, cursor))


def _row(write: Write) -> dict[str, Any]:
    return {
        "_key": write.key,
        "revision": write.revision,
        "symbol": write.symbol,
        "ts": write.ts,
        "body": msgspec.Raw(write.body),
    }


def _document(row: Mapping[str, Any]) -> Document:
    return Document(row["key"], row["revision"], row["body"])


def _query_variables(query: Query) -> dict[str, Any]:
    """Return the bind variables of a query; the first page goes on from just outside its range."""
    variables: dict[str, Any] = {
        "@collection": str(query.collection),
        "ts_low": query.ts_low,
        "ts_high": query.ts_high,
        "equal": query.body_equal,
        "limit": query.limit + 1,
    }
    if query.order == "asc":
        variables["after_ts"], variables["after_key"] = query.ts_low - 1, ""
        if query.after is not None:
            variables["ts_low"] = max(query.ts_low, query.after.ts)
    else:
        variables["after_ts"], variables["after_key"] = query.ts_high, ""
        if query.after is not None:
            variables["ts_high"] = min(query.ts_high, query.after.ts + 1)
    if query.after is not None:
        variables["after_ts"], variables["after_key"] = query.after.ts, query.after.key
    if query.symbol is not None:
        variables["symbol"] = query.symbol
    if query.state is not None:
        variables["state"] = query.state
    return variables


def _edge_key(edge: Edge) -> str:
    """Return one key for one edge, so that linking again finds it there."""
    return hashlib.sha256(f"{edge.parent}\n{edge.child}".encode()).hexdigest()[:40]
