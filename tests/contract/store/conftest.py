"""The stores that must keep the contract, and a plain word when one of them was not there."""

import os
from collections.abc import Iterator

import pytest

from chimera.store import Collection, Store, open_store
from chimera.store.aql import LINEAGE_EDGES
from chimera.store.arango import ArangoStore
from chimera.store.memory import MemoryStore
from tests.support.arango_server import ArangoServer

ARANGO_URL = os.environ.get("CHIMERA_TEST_ARANGO_URL", "")
BACKENDS = [
    "memory",
    pytest.param("embedded", marks=pytest.mark.django_db),
    "arango_imitated",
    *(["arango_server"] if ARANGO_URL else []),
]


@pytest.fixture
def arango_server() -> ArangoServer:
    return ArangoServer()


@pytest.fixture
def arango_store(arango_server: ArangoServer) -> Iterator[ArangoStore]:
    """An ArangoDB store over the imitated server, ready to use."""
    store = ArangoStore(
        address="http://arango.test:8529",
        database="chimera",
        username="chimera",
        password="secret",
        transport=arango_server,
    )
    store.ensure()
    arango_server.requests.clear()
    yield store
    store.close()


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store; with CHIMERA_TEST_ARANGO_URL also one in that database, which is emptied."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "embedded":
        yield open_store("embedded://")
    elif request.param == "arango_imitated":
        yield request.getfixturevalue("arango_store")
    else:
        opened = open_store(ARANGO_URL)
        assert isinstance(opened, ArangoStore)
        opened.ensure()
        for name in (*Collection, LINEAGE_EDGES):
            opened._collection(name).truncate()
        yield opened
        opened.close()
