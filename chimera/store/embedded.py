"""The document store on Django's own database, SQLite or PostgreSQL: the default backend.

Reads go through the ORM. Writes are SQL, so that encoded bodies reach the database as they are and
a whole batch takes one transaction. Django's connections belong to threads and refuse to work
inside a running event loop: call it from a worker thread there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    connection,
    transaction,
)
from django.db.models import Q, QuerySet, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast

from chimera.clock import Millis
from chimera.errors import ConfigInvalid, InvalidInput, Transient, Unavailable
from chimera.store import models
from chimera.store.at_once import AtOnce, write_row
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

# A row changes only if the write is the next revision of its document; the count of changed rows
# then tells whether all of a batch were.
WRITE = """
    INSERT INTO store_document (collection, key, revision, symbol, ts, body)
    SELECT %s, %s, %s, %s, %s, {json}
    WHERE %s = 1 OR EXISTS (SELECT 1 FROM store_document WHERE collection = %s AND key = %s)
    ON CONFLICT (collection, key) DO UPDATE
    SET revision = excluded.revision, symbol = excluded.symbol, ts = excluded.ts,
        body = excluded.body
    WHERE store_document.revision = excluded.revision - 1
"""
_COMMIT_MODES = {  # by database: a commit need not wait for the disk, and it must
    "sqlite": ("PRAGMA synchronous=NORMAL", "PRAGMA synchronous=FULL"),
    "postgresql": ("SET synchronous_commit TO OFF", "RESET synchronous_commit"),
}
LINK = "INSERT INTO store_edge (parent, child) VALUES (%s, %s) ON CONFLICT DO NOTHING"
TRACE = """
    WITH RECURSIVE
    up (node, depth) AS (
        SELECT %(start)s, 0
        UNION
        SELECT edge.parent, up.depth + 1 FROM up JOIN store_edge edge ON edge.child = up.node
        WHERE up.depth < %(up)s
    ),
    down (node, depth) AS (
        SELECT %(start)s, 0
        UNION
        SELECT edge.child, down.depth + 1 FROM down JOIN store_edge edge ON edge.parent = down.node
        WHERE down.depth < %(down)s
    ),
    reached (node) AS (SELECT node FROM up UNION SELECT node FROM down)
    SELECT edge.parent, edge.child
    FROM reached JOIN store_edge edge ON edge.child = reached.node
    WHERE edge.parent IN (SELECT node FROM reached)
    LIMIT %(limit)s
"""


class EmbeddedStore(SingleWrites):
    """Documents in two tables. Inside a caller's transaction a write is durable when that commits."""

    def __init__(self) -> None:
        self._at_once = _at_once()

    def ensure(self) -> None:
        with _mapped_errors():
            missing = {"store_document", "store_edge"} - set(connection.introspection.table_names())
        if missing:
            raise ConfigInvalid(
                "the document store has no tables: run `manage.py migrate`", tables=sorted(missing)
            )

    def ping(self) -> None:
        with _mapped_errors(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def close(self) -> None:
        connection.close()
        if self._at_once is not None:
            self._at_once.close()

    def write(self, batch: Sequence[Write]) -> int:
        check_batch(batch)
        if not batch:
            return 0
        with _mapped_errors(), _not_waiting_unless(any(write.durable for write in batch)):
            if not self._write_new(batch):
                return self._write_settled(batch)
        return len(batch)

    def write_at_once(self, batch: Sequence[Write]) -> bool:
        return self._at_once is not None and self._at_once.write(batch)

    def get(self, collection: str, key: str) -> Document | None:
        check_collection(collection)
        rows = models.Document.objects.filter(collection=collection, key=key)
        with _mapped_errors():
            found = rows.values_list("key", "revision", "body").first()
        return None if found is None else Document(*found)

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
        rows = _selected(query).values_list("ts", "key", "revision", "body")
        with _mapped_errors():
            found = list(rows[: limit + 1])
        documents = tuple(Document(key, revision, body) for _, key, revision, body in found[:limit])
        if len(found) <= limit:
            return Page(documents, None)
        last_ts, last_key, *_ = found[limit - 1]
        return Page(documents, cursor_after(order, last_ts, last_key))

    def link(self, parent: str, child: str) -> None:
        check_reference(parent)
        check_reference(child)
        with _mapped_errors(), connection.cursor() as cursor:
            cursor.execute(LINK, (parent, child))

    def trace(
        self, collection: str, key: str, direction: Direction = "both", max_depth: int = 16
    ) -> Lineage:
        start = check_trace(collection, key, direction, max_depth)
        bounds: dict[str, str | int] = {
            "start": start,
            "up": 0 if direction == "down" else max_depth,
            "down": 0 if direction == "up" else max_depth,
            "limit": TRACE_EDGES_MAX + 1,
        }
        with _mapped_errors(), connection.cursor() as cursor:
            cursor.execute(TRACE, bounds)
            edges = [Edge(parent, child) for parent, child in cursor.fetchall()]
        return lineage_of(start, edges)

    def _write_new(self, batch: Sequence[Write]) -> bool:
        """Write all, each being the next revision of its document, or change nothing."""
        with transaction.atomic():
            complete = _apply(batch)
            if complete:
                _link_parents(batch)
            else:
                transaction.set_rollback(True)
        return complete

    def _write_settled(self, batch: Sequence[Write]) -> int:
        with transaction.atomic():
            settlement = settle(batch, _stored(batch))
            if settlement.failures:
                raise WriteConflict(settlement.failures)
            if not _apply(settlement.pending):
                raise Transient("another writer changed the same documents meanwhile; write again")
            _link_parents(batch)
        return len(settlement.pending)


def _at_once() -> AtOnce | None:
    """Return the quick way into a SQLite file; other databases have none."""
    database: Any = connection  # each vendor's wrapper has methods of its own
    if database.vendor != "sqlite" or database.is_in_memory_db():
        return None
    return AtOnce(
        str(connection.settings_dict["NAME"]),
        write_sql=WRITE.format(json="?").replace("%s", "?"),
        link_sql=LINK.replace("%s", "?"),
    )


def _apply(batch: Sequence[Write]) -> bool:
    rows = [write_row(write) for write in batch]
    if not rows:
        return True
    json = "CAST(%s AS jsonb)" if connection.vendor == "postgresql" else "%s"
    with connection.cursor() as cursor:
        cursor.executemany(WRITE.format(json=json), rows)
        return bool(cursor.rowcount == len(rows))


def _link_parents(batch: Sequence[Write]) -> None:
    rows = [
        (parent, f"{write.collection}/{write.key}") for write in batch for parent in write.parents
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(LINK, rows)


def _stored(batch: Sequence[Write]) -> dict[tuple[str, str], Stored]:
    """Read what is stored under the batch's keys, locked until the transaction ends."""
    rows = (
        models.Document.objects.filter(
            collection__in={write.collection for write in batch},
            key__in={write.key for write in batch},
        )
        .order_by("id")
        .select_for_update()
        .annotate(text=Cast("body", TextField()))
    )
    return {
        (collection, key): Stored(revision, text.encode())
        for collection, key, revision, text in rows.values_list(
            "collection", "key", "revision", "text"
        )
    }


def _selected(query: Query) -> "QuerySet[models.Document]":
    """Return the rows of a query in its order, without its limit."""
    rows = models.Document.objects.filter(
        collection=query.collection, ts__gte=query.ts_low, ts__lt=query.ts_high
    )
    if query.symbol is not None:
        rows = rows.filter(symbol=query.symbol)
    if query.state is not None:
        rows = rows.filter(state=query.state)
    for place, (field, value) in enumerate(query.body_equal.items()):
        # By alias, because `body__<field>` would read a field named like a lookup as that lookup.
        rows = rows.alias(**{f"equal_{place}": KeyTransform(field, "body")})
        rows = rows.filter(**{f"equal_{place}": value})
    after = query.after
    if query.order == "asc":
        if after is not None:
            rows = rows.filter(Q(ts__gt=after.ts) | Q(ts=after.ts, key__gt=after.key))
        return rows.order_by("ts", "key")
    if after is not None:
        rows = rows.filter(Q(ts__lt=after.ts) | Q(ts=after.ts, key__lt=after.key))
    return rows.order_by("-ts", "-key")


@contextmanager
def _not_waiting_unless(durable: bool) -> Iterator[None]:
    """Let commits within return before the disk has them, unless they are to be durable.

    The log of either database is written in order, so the next durable commit makes them durable too.
    """
    if durable or connection.in_atomic_block:
        yield
        return
    relaxed, strict = _COMMIT_MODES[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(relaxed)
        try:
            yield
        finally:
            try:
                cursor.execute(strict)
            except DatabaseError:
                connection.close()  # the next one begins strict
                raise


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError) as e:
        raise InvalidInput(f"the database refused a document: {e}", field="body") from e
    except (DatabaseError, InterfaceError) as e:
        if "malformed JSON" in str(e):  # SQLite's word, under the same class as a locked file
            raise InvalidInput("a document's body is not JSON", field="body") from e
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        raise Unavailable(f"the document store's database does not answer: {e}") from e
