"""What every document store promises: the `Store` protocol and the values that cross it.

Cores never see it; the runtimes, services and selectors do. `chimera.store.open_store` gives one.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, Protocol

import msgspec

from chimera.clock import Millis
from chimera.errors import Conflict
from chimera.events import encode

QUERY_LIMIT_MAX = 1_000
WRITE_BATCH_MAX = 10_000
TRACE_DEPTH_MAX = 64
TRACE_EDGES_MAX = 10_000

Scalar = str | int | float | bool
Order = Literal["asc", "desc"]
Direction = Literal["both", "up", "down"]


class Collection(StrEnum):
    """Where documents live. Each is indexed by `symbol`, by `state` (if its body has one), by `ts`."""

    SIGNALS = "signals"
    FEATURES = "features"
    DECISIONS = "decisions"
    INTENTS = "intents"
    ORDERS = "orders"
    FILLS = "fills"
    POSITIONS_SNAPSHOTS = "positions_snapshots"
    FUNDING_RECORDS = "funding_records"
    STRATEGY_EVENTS = "strategy_events"
    CONFIG_BUNDLES = "config_bundles"
    LABELS = "labels"
    AUTOPSIES = "autopsies"
    EXPERIMENTS = "experiments"
    RECONCILIATIONS = "reconciliations"
    ALERTS = "alerts"


class Document(msgspec.Struct, frozen=True):
    """One stored JSON object and how often it has been written."""

    key: str
    revision: int
    body: dict[str, Any]


class Page(msgspec.Struct, frozen=True):
    """One answer to a query; `next_cursor` is None where nothing follows."""

    documents: tuple[Document, ...]
    next_cursor: str | None


class Write(msgspec.Struct, frozen=True, gc=False):
    """One revision of one document on its way into the store.

    `document` is a JSON object as its producer encoded it, or a struct, which is encoded when its
    `body` is asked for: a simulation in memory never pays for what nobody reads.
    `symbol` (empty if none) and `ts` (UTC ms) are what queries select by. Revision 1 inserts;
    revision n replaces n-1; repeating a write changes nothing. `parents` name the documents it
    follows from, each as ``collection/key``.

    `durable` False is for what may be lost with the machine because nothing done outside rests on
    it alone, such as the signal of a bar: no batch waits for the disk on its account.
    """

    collection: str
    key: str
    document: bytes | msgspec.Struct
    symbol: str
    ts: Millis
    revision: int = 1
    parents: tuple[str, ...] = ()
    durable: bool = True

    @property
    def body(self) -> bytes:
        """The document's JSON; a struct is encoded anew each time."""
        document = self.document
        return document if isinstance(document, bytes) else encode(document)


class Edge(msgspec.Struct, frozen=True, order=True):
    """`child` follows from `parent`; both are ``collection/key``."""

    parent: str
    child: str


class Lineage(msgspec.Struct, frozen=True):
    """The documents reached from one document, that one included, and every edge among them."""

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]


class WriteFailure(msgspec.Struct, frozen=True):
    """A write the store refused: it came with `revision`, but `stored_revision` (0: none) is there."""

    document: str
    revision: int
    stored_revision: int


class WriteConflict(Conflict):
    """Writes met other content than they were made from. None of `failures` was applied."""

    code = "store_conflict"

    def __init__(self, failures: Sequence[WriteFailure]) -> None:
        first = failures[0]
        found = (
            f"revision {first.stored_revision} is stored with its own content"
            if first.stored_revision
            else "nothing is stored yet"
        )
        more = f"; {len(failures) - 1} more refused" if len(failures) > 1 else ""
        super().__init__(
            f"revision {first.revision} of {first.document} cannot be written: {found}{more}",
            failures=[msgspec.to_builtins(failure) for failure in failures],
        )
        self.failures = tuple(failures)


class Store(Protocol):
    """A document store. Every method may raise `Unavailable`; each may be called again after it."""

    def ensure(self) -> None:
        """Make what the store needs, or raise `ConfigInvalid` where that is not ours to make."""
        ...

    def ping(self) -> None:
        """Return if the store answers, else raise `Unavailable`."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...

    def write(self, batch: Sequence[Write]) -> int:
        """Record documents and their lineage, in one round trip where all are new.

        It returns when the batch would survive the machine, or, where no write in it is `durable`,
        when it would survive this process. On the embedded store a durable batch makes all before
        it durable too, so that what a recorded order follows from is never missing.

        A write with revision 1 needs that its key is free, one with revision n that revision
        n - 1 is stored. A write that is stored already, with the same content, is passed over, so
        that a batch may be delivered again whole. Lineage is added, never removed.

        Returns
        -------
        int, how many documents changed; 0 for a batch delivered again.

        Raises
        ------
        WriteConflict
            Names every write that was refused. What is atomic is one document: backends with
            transactions leave the other writes of the batch out too, ArangoDB keeps them.
        InvalidInput
            If a key, a collection or a parent is malformed. Nothing was written.
        """
        ...

    def write_at_once(self, batch: Sequence[Write]) -> bool:
        """Write a batch in which nothing is `durable` if that needs no waiting at all.

        For the thread of an event loop. False means that nothing was written, and that `write` is
        the way.
        """
        ...

    def insert(
        self,
        collection: str,
        key: str,
        body: Mapping[str, Any],
        *,
        parents: tuple[str, ...] = (),
    ) -> bool:
        """Store a new document; its `ts` and, if it has one, `symbol` are taken from the body.

        Returns
        -------
        bool, False if it is there already with this content.

        Raises
        ------
        WriteConflict
            If it is there with another content.
        """
        ...

    def put(
        self,
        collection: str,
        key: str,
        body: Mapping[str, Any],
        revision: int,
        *,
        parents: tuple[str, ...] = (),
    ) -> bool:
        """Replace revision `revision` - 1 of a document (1 inserts it); otherwise like `insert`."""
        ...

    def get(self, collection: str, key: str) -> Document | None:
        """Return the latest revision of a document, None where there is none."""
        ...

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
        """Return documents sorted by time, then by key in an order that is the backend's own.

        Parameters
        ----------
        equal : top-level fields of the body and the value each must have; `symbol` and `state`
            (both str) and `ts` are answered by indexes, others by looking at what these leave
        ts_from, ts_to : UTC ms, [from, to)
        limit : 1 to `QUERY_LIMIT_MAX`
        cursor : `next_cursor` of the page before, asked with the same arguments; documents written
            meanwhile neither repeat nor hide the others
        """
        ...

    def link(self, parent: str, child: str) -> None:
        """Record that `child` follows from `parent` (``collection/key``); again changes nothing."""
        ...

    def trace(
        self, collection: str, key: str, direction: Direction = "both", max_depth: int = 16
    ) -> Lineage:
        """Return what a document came from (`up`), what came from it (`down`), or both.

        Raises
        ------
        InvalidInput
            If more than `TRACE_EDGES_MAX` edges were found: ask for one direction or less depth.
        """
        ...
