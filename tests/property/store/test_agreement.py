"""Whatever is written, in whatever order and how often: every backend ends with the same documents."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimera.store import Store, Write, WriteConflict
from chimera.store.arango import ArangoStore
from chimera.store.embedded import EmbeddedStore
from chimera.store.memory import MemoryStore
from chimera.store.models import Document, Edge
from tests.support.arango_server import ArangoServer
from tests.support.documents import write

COLLECTIONS = ("orders", "fills")
KEYS = ("a", "b", "c")

writes = st.builds(
    write,
    st.sampled_from(COLLECTIONS),
    st.sampled_from(KEYS),
    st.integers(1, 4),
    symbol=st.sampled_from(("BTCUSDT-PERP", "ETHUSDT-PERP")),
    ts=st.integers(0, 3),
    parents=st.lists(st.sampled_from(("intents/i", "orders/a")), max_size=2).map(tuple),
    n=st.integers(0, 1),
)
batches = st.lists(st.lists(writes, max_size=5), max_size=8)


def deliver(store: Store, batch: Sequence[Write]) -> object:
    try:
        return store.write(batch)
    except WriteConflict as conflict:
        return conflict.failures


def content(store: Store) -> object:
    return [
        [
            store.query(name, order="asc"),
            store.query(name, order="desc", limit=2),
            store.query(name, equal={"symbol": "ETHUSDT-PERP", "n": 1}, ts_from=1),
            [store.get(name, key) for key in KEYS],
            [store.trace(name, key) for key in KEYS],
        ]
        for name in COLLECTIONS
    ]


def arango() -> ArangoStore:
    store = ArangoStore(
        address="http://arango.test",
        database="chimera",
        username="u",
        password="p",
        transport=ArangoServer(),
    )
    store.ensure()
    return store


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches)
def test_memory_and_embedded_answer_the_same(sequence: list[list[Write]]) -> None:
    Document.objects.all().delete()
    Edge.objects.all().delete()
    memory, embedded = MemoryStore(), EmbeddedStore()
    for batch in sequence:
        assert deliver(memory, batch) == deliver(embedded, batch)
        assert deliver(memory, batch) == deliver(embedded, batch)  # at least once
    assert content(memory) == content(embedded)


@settings(max_examples=60)
@given(st.lists(writes, max_size=20))
def test_memory_and_arango_answer_the_same_to_single_writes(sequence: list[Write]) -> None:
    memory, remote = MemoryStore(), arango()
    for single in sequence:
        assert deliver(memory, [single]) == deliver(remote, [single])
    assert content(memory) == content(remote)


@settings(max_examples=60)
@given(batches)
def test_arango_applies_a_batch_without_conflicts_whole(sequence: list[list[Write]]) -> None:
    memory, remote = MemoryStore(), arango()
    for batch in sequence:
        outcome = deliver(memory, batch)
        if isinstance(outcome, int):  # a refused batch is left out in part there, in whole here
            assert deliver(remote, batch) == outcome
    assert content(memory) == content(remote)


@settings(max_examples=60)
@given(batches)
def test_redelivery_of_an_applied_batch_changes_nothing(sequence: list[list[Write]]) -> None:
    store = MemoryStore()
    for batch in sequence:
        if isinstance(deliver(store, batch), int):
            before = content(store)
            assert deliver(store, batch) == 0
            assert content(store) == before
