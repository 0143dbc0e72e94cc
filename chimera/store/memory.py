"""The store of one simulated run: same contract, nothing durable, bodies decoded only when read."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from chimera.clock import Millis
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
)
from chimera.store.revisions import Stored, settle


class MemoryStore(SingleWrites):
    """Keeps the latest `Write` of every document. For one thread."""

    def __init__(self) -> None:
        self._documents: dict[str, dict[str, Write]] = {str(name): {} for name in Collection}
        self._by_time: dict[str, list[tuple[Millis, str]]] = {}  # dropped with the next write
        self._parents: defaultdict[str, set[str]] = defaultdict(set)
        self._children: defaultdict[str, set[str]] = defaultdict(set)
        self._unlinked: list[Write] = []

    def ensure(self) -> None:
        return None

    def ping(self) -> None:
        return None

    def close(self) -> None:
        return None

    def write(self, batch: Sequence[Write]) -> int:
        check_batch(batch)
        if not self._apply(batch):
            batch = self._settled(batch)
            self._apply(batch)
        return len(batch)

    def get(self, collection: str, key: str) -> Document | None:
        check_collection(collection)
        write = self._documents[collection].get(key)
        return None if write is None else _document(write)

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
        page: list[Document] = []
        last: Write | None = None
        for write in self._in_order(query):
            document = _matching(write, query)
            if document is None:
                continue
            if last is not None and len(page) == limit:
                return Page(tuple(page), cursor_after(order, last.ts, last.key))
            page.append(document)
            last = write
        return Page(tuple(page), None)

    def link(self, parent: str, child: str) -> None:
        check_reference(parent)
        check_reference(child)
        self._parents[child].add(parent)
        self._children[parent].add(child)

    def trace(
        self, collection: str, key: str, direction: Direction = "both", max_depth: int = 16
    ) -> Lineage:
        start = check_trace(collection, key, direction, max_depth)
        self._link_writes()
        nodes = {start}
        if direction != "down":
            nodes |= _reached(start, self._parents, max_depth)
        if direction != "up":
            nodes |= _reached(start, self._children, max_depth)
        edges = [
            Edge(parent, child)
            for child in nodes
            for parent in self._parents.get(child, ())
            if parent in nodes
        ]
        return lineage_of(start, edges)

    def _apply(self, batch: Sequence[Write]) -> bool:
        """Write all, each being the next revision of its document, or change nothing."""
        replaced: list[Write | None] = []
        for write in batch:
            documents = self._documents[write.collection]
            found = documents.get(write.key)
            if write.revision != (1 if found is None else found.revision + 1):
                self._undo(batch, replaced)
                return False
            documents[write.key] = write
            replaced.append(found)
        if self._by_time:
            self._by_time.clear()
        self._unlinked += batch
        return True

    def _undo(self, batch: Sequence[Write], replaced: list[Write | None]) -> None:
        for write, before in reversed(list(zip(batch, replaced, strict=False))):
            if before is None:
                del self._documents[write.collection][write.key]
            else:
                self._documents[write.collection][write.key] = before

    def _settled(self, batch: Sequence[Write]) -> list[Write]:
        stored = {}
        for write in batch:
            found = self._documents[write.collection].get(write.key)
            if found is not None:
                stored[write.collection, write.key] = Stored(found.revision, found.body)
        settlement = settle(batch, stored)
        if settlement.failures:
            raise WriteConflict(settlement.failures)
        self._unlinked += batch
        return settlement.pending

    def _link_writes(self) -> None:
        for write in self._unlinked:
            for parent in write.parents:
                self.link(parent, f"{write.collection}/{write.key}")
        self._unlinked.clear()

    def _in_order(self, query: Query) -> Iterator[Write]:
        documents = self._documents[query.collection]
        by_time = self._by_time.get(query.collection)
        if by_time is None:
            by_time = sorted((write.ts, write.key) for write in documents.values())
            self._by_time[query.collection] = by_time
        start = bisect_left(by_time, (query.ts_low, ""))
        stop = bisect_left(by_time, (query.ts_high, ""))
        places = range(start, stop)
        if query.after is not None:
            after = (query.after.ts, query.after.key)
            place = bisect_left(by_time, after)
            if query.order == "asc":
                passed = place < len(by_time) and by_time[place] == after
                places = range(max(start, place + passed), stop)
            else:
                places = range(start, min(stop, place))
        for place in places if query.order == "asc" else reversed(places):
            yield documents[by_time[place][1]]


def _document(write: Write) -> Document:
    return Document(write.key, write.revision, msgspec.json.decode(write.body))


def _matching(write: Write, query: Query) -> Document | None:
    if query.symbol is not None and write.symbol != query.symbol:
        return None
    document = _document(write)
    if query.state is not None and document.body.get("state") != query.state:
        return None
    for field, value in query.body_equal.items():
        found = document.body.get(field)
        if found != value or isinstance(found, bool) != isinstance(value, bool):
            return None
    return document


def _reached(start: str, neighbours: Mapping[str, set[str]], max_depth: int) -> set[str]:
    reached = edge_of_known = {start}
    for _ in range(max_depth):
        edge_of_known = {
            nearby for node in edge_of_known for nearby in neighbours.get(node, ())
        } - reached
        if not edge_of_known:
            break
        reached = reached | edge_of_known
    return reached
