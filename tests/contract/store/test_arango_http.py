"""What the ArangoDB store sends and how it reads answers, at the level of HTTP."""

from typing import Any

import msgspec
import pytest
import requests

from chimera.errors import (
    ChimeraError,
    ConfigInvalid,
    InvalidInput,
    Transient,
    Unavailable,
)
from chimera.store import Collection, Edge, Write, WriteConflict, aql, open_store
from chimera.store.arango import ArangoStore
from tests.support.arango_server import ArangoServer
from tests.support.documents import write

T0 = 1_746_374_040_000
HTML = "<html><body>Bad gateway</body></html>"


def error(status: int, number: int, message: str = "no") -> tuple[int, str]:
    return (
        status,
        f'{{"error":true,"code":{status},"errorNum":{number},"errorMessage":"{message}"}}',
    )


# --- requests ------------------------------------------------------------------------------------


def test_ensure_makes_collections_indexes_and_graph(arango_server: ArangoServer) -> None:
    store = ArangoStore(
        address="http://arango.test:8529",
        database="chimera",
        username="u",
        password="p",
        transport=arango_server,
    )
    store.ensure()
    assert arango_server.kinds == {
        **{str(collection): 2 for collection in Collection},
        "lineage": 3,
    }
    created = arango_server.sent("/_api/collection")[1]
    assert created.auth == ("u", "p")
    assert created.body["name"] == "signals"
    assert created.body["waitForSync"] is False  # else no single write could go without
    assert arango_server.indexes["orders"] == [
        {"type": "persistent", "name": "by_ts", "fields": ["ts"]},
        {"type": "persistent", "name": "by_symbol", "fields": ["symbol", "ts"]},
        {"type": "persistent", "name": "by_state", "fields": ["body.state", "ts"], "sparse": True},
    ]
    graph = arango_server.graphs["lineage_graph"]
    assert graph["edgeDefinitions"] == [
        {"collection": "lineage", "from": list(Collection), "to": list(Collection)}
    ]


def test_ensure_again_creates_nothing(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_store.ensure()
    made = [r.path for r in arango_server.requests if r.method != "get"]
    assert set(made) == {"/_api/index"}  # which the server answers with the index it has


def test_ensure_is_not_stopped_by_another_process_making_the_same(
    arango_server: ArangoServer,
) -> None:
    store = ArangoStore(
        address="http://a.test",
        database="chimera",
        username="u",
        password="",
        transport=arango_server,
    )
    arango_server.fail_next((200, '{"result":[]}'), error(409, 1207, "duplicate name"))
    store.ensure()
    assert "lineage" in arango_server.collections


def test_ensure_adds_new_collections_to_an_existing_graph(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    definition = arango_server.graphs["lineage_graph"]["edgeDefinitions"][0]
    definition["from"] = definition["to"] = ["signals"]
    arango_store.ensure()
    (put,) = [r for r in arango_server.requests if r.method == "put"]
    assert put.path == "/_api/gharial/lineage_graph/edge/lineage"
    assert put.body["from"] == list(Collection)


def test_write_of_new_documents_is_one_synced_request_per_collection(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_store.write(
        [
            write("orders", "o-1", ts=T0, symbol="BTCUSDT-PERP", state="created"),
            write("orders", "o-2", ts=T0),
            write("intents", "i-1", ts=T0),
        ]
    )
    orders, intents = arango_server.requests
    assert (orders.method, orders.path) == ("post", "/_api/document/orders")
    assert orders.params["waitForSync"] in (1, True, "1", "true")
    assert "overwriteMode" not in orders.params
    assert orders.body[0] == {
        "_key": "o-1",
        "revision": 1,
        "symbol": "BTCUSDT-PERP",
        "ts": T0,
        "body": {"symbol": "BTCUSDT-PERP", "ts": T0, "state": "created"},
    }
    assert [row["_key"] for row in orders.body] == ["o-1", "o-2"]
    assert intents.path == "/_api/document/intents"


def test_write_that_need_not_be_durable_is_not_synced(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    signal = write("signals", "s-1", ts=T0, parents=("features/f-1",))
    arango_store.write([msgspec.structs.replace(signal, durable=False)])
    document, edge = arango_server.requests
    assert document.params["waitForSync"] in (0, False, "0", "false")
    assert edge.params["waitForSync"] in (0, False, "0", "false")


def test_write_of_a_next_revision_is_one_query_with_bind_variables(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_store.write([write("orders", "o-1")])
    arango_server.requests.clear()
    arango_store.write([write("orders", "o-1", 2, ts=T0, n=2)])
    (request,) = arango_server.requests
    assert (request.method, request.path) == ("post", "/_api/cursor")
    assert request.body["query"] == aql.REPLACE
    assert request.body["bindVars"]["@collection"] == "orders"
    assert request.body["bindVars"]["writes"][0]["revision"] == 2
    assert request.body["options"]["maxRuntime"] == 4
    assert "waitForSync: true" in aql.REPLACE
    assert "ignoreRevs: false" in aql.REPLACE


def test_write_sends_lineage_after_documents_and_ignores_known_edges(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_store.write([write("orders", "o-1", parents=("intents/i-1",))])
    documents, edges = arango_server.requests
    assert documents.path == "/_api/document/orders"
    assert edges.path == "/_api/document/lineage"
    assert edges.params["overwriteMode"] == "ignore"
    (edge,) = edges.body
    assert (edge["_from"], edge["_to"]) == ("intents/i-1", "orders/o-1")
    arango_store.link("intents/i-1", "orders/o-1")
    assert len(arango_server.collections["lineage"]) == 1


def test_bodies_are_sent_as_they_were_encoded(arango_store: ArangoStore) -> None:
    sent: list[str] = []
    inner = arango_store._client._http.send_request

    def spy(*arguments: Any, **named: Any) -> Any:
        sent.append(named["data"])
        return inner(*arguments, **named)

    arango_store._client._http.send_request = spy  # type: ignore[method-assign]
    arango_store.write([Write("orders", "o", b'{"px":1.50,"ts":1}', "", 1)])
    assert '{"px":1.50,"ts":1}' in sent[0]


def test_query_sends_the_text_of_its_shape_and_only_bind_variables(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_store.query(
        "decisions",
        equal={"symbol": "BTCUSDT-PERP", "state": "taken", "score": 1.5},
        ts_from=T0,
        ts_to=T0 + 60_000,
        order="desc",
        limit=20,
    )
    (request,) = arango_server.requests
    assert (request.method, request.path) == ("post", "/_api/cursor")
    assert request.body["query"] == aql.QUERIES[aql.Shape(True, True, "desc")]
    assert request.body["batchSize"] == 21
    assert request.body["bindVars"] == {
        "@collection": "decisions",
        "symbol": "BTCUSDT-PERP",
        "state": "taken",
        "equal": {"score": 1.5},
        "ts_low": T0,
        "ts_high": T0 + 60_000,
        "after_ts": T0 + 60_000,
        "after_key": "",
        "limit": 21,
    }


def test_query_text_for_the_plain_shape_is_pinned() -> None:
    lines = [line.strip() for line in aql.QUERIES[aql.Shape(False, False, "asc")].splitlines()]
    assert [line for line in lines if line] == [
        "FOR document IN @@collection",
        "FILTER document.ts >= @ts_low AND document.ts < @ts_high",
        "FILTER document.ts > @after_ts OR document._key > @after_key",
        "FILTER LENGTH(@equal) == 0 OR MATCHES(document.body, @equal)",
        "SORT document.ts ASC, document._key ASC",
        "LIMIT @limit",
        "RETURN {",
        "key: document._key, revision: document.revision, ts: document.ts, body: document.body",
        "}",
    ]


def test_query_texts_filter_by_exactly_what_their_shape_says() -> None:
    for shape, text in aql.QUERIES.items():
        assert ("document.symbol == @symbol" in text) is shape.symbol
        assert ("document.body.state == @state" in text) is shape.state
        assert (f"document.ts {shape.order.upper()}" in text) is True


@pytest.mark.parametrize(
    ("direction", "texts"),
    [
        ("up", [aql.ANCESTORS, aql.EDGES_AMONG]),
        ("down", [aql.DESCENDANTS, aql.EDGES_AMONG]),
        ("both", [aql.ANCESTORS, aql.DESCENDANTS, aql.EDGES_AMONG]),
    ],
)
def test_trace_traverses_the_named_graph(
    arango_store: ArangoStore, arango_server: ArangoServer, direction: Any, texts: list[str]
) -> None:
    arango_store.link("intents/i", "orders/o")
    arango_server.requests.clear()
    arango_store.trace("orders", "o", direction, max_depth=5)
    assert [request.body["query"] for request in arango_server.requests] == texts
    first = arango_server.requests[0].body["bindVars"]
    assert first == {"start": "orders/o", "max_depth": 5, "limit": 10_001}
    assert "INBOUND @start GRAPH 'lineage_graph'" in aql.ANCESTORS
    assert "OUTBOUND @start GRAPH 'lineage_graph'" in aql.DESCENDANTS


def test_no_text_holds_a_value_of_its_own() -> None:
    texts = [aql.REPLACE, aql.STORED, aql.ANCESTORS, aql.DESCENDANTS, aql.EDGES_AMONG]
    for text in [*texts, *aql.QUERIES.values()]:
        assert text.replace(f"'{aql.LINEAGE_GRAPH}'", "").count("'") == 4 * ("order:" in text)


# --- conflicts -----------------------------------------------------------------------------------


def test_conflict_of_one_document_leaves_the_others_written(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_store.write([write("orders", "a", n=1)])
    with pytest.raises(WriteConflict) as raised:
        arango_store.write(
            [
                write("orders", "a", n=2, parents=("intents/i",)),
                write("orders", "b", parents=("intents/i",)),
                write("fills", "f"),
            ]
        )
    assert [failure.document for failure in raised.value.failures] == ["orders/a"]
    assert set(arango_server.collections["orders"]) == {"a", "b"}
    assert set(arango_server.collections["fills"]) == {"f"}
    assert arango_store.trace("intents", "i", "down").edges == (Edge("intents/i", "orders/b"),)


def test_lost_race_against_another_writer_is_settled_by_what_is_stored(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_store.write([write("orders", "a", n=1)])
    arango_server.fail_next(error(409, 1200, "write-write conflict"))
    assert arango_store.write([write("orders", "a", 2, n=2)]) == 1


def test_endless_contention_gives_up(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_store.write([write("orders", "a", n=1)])
    stored = '{"result":[{"key":"a","revision":1,"body":{}}],"hasMore":false,"error":false}'
    arango_server.fail_next(*[error(409, 1200), (201, stored)] * 10)
    with pytest.raises(Transient, match="keep changing"):
        arango_store.write([write("orders", "a", 2, n=2)])


def test_write_whose_answer_was_lost_may_be_sent_again(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    """The server applies the write, the answer never arrives, the caller repeats."""
    batch = [write("orders", "a"), write("orders", "a", 2, n=2)]
    arango_store.write(batch)
    arango_server.fail_next(requests.ReadTimeout("lost"))
    with pytest.raises(Unavailable):
        arango_store.write(batch)
    assert arango_store.write(batch) == 0


# --- failures ------------------------------------------------------------------------------------

CALLS = {
    "ensure": lambda store: store.ensure(),
    "ping": lambda store: store.ping(),
    "get": lambda store: store.get("orders", "o"),
    "query": lambda store: store.query("orders"),
    "insert": lambda store: store.insert("orders", "o", {"ts": 1}),
    "put": lambda store: store.put("orders", "o", {"ts": 1}, 2),
    "link": lambda store: store.link("orders/o", "fills/f"),
    "trace": lambda store: store.trace("orders", "o"),
}
ANSWERS: dict[str, tuple[Exception | tuple[int, str], type[ChimeraError]]] = {
    "read timeout": (requests.ReadTimeout("slow"), Unavailable),
    "connect timeout": (requests.ConnectTimeout("slow"), Unavailable),
    "refused": (requests.ConnectionError("refused"), Unavailable),
    "broken off": (requests.exceptions.ChunkedEncodingError("cut"), Unavailable),
    "503 from the server": (error(503, 503, "service unavailable"), Unavailable),
    "503 in HTML": ((503, HTML), Unavailable),
    "502 in HTML": ((502, HTML), Unavailable),
    "500 from the server": (error(500, 4, "internal error"), Unavailable),
    "200 in HTML": ((200, HTML), Transient),
    "cut JSON": ((200, '{"result":[{"key"'), Transient),
    "empty answer": ((200, ""), Transient),
    "JSON of another shape": ((200, "[1]"), Transient),
    "null": ((200, "null"), Transient),
    "wrong password": (error(401, 11, "not authorized"), ConfigInvalid),
    "no such database": (error(404, 1228, "database not found"), ConfigInvalid),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", CALLS)
def test_failures_are_mapped_to_the_taxonomy(
    arango_store: ArangoStore, arango_server: ArangoServer, call: str, answer: str
) -> None:
    scripted, expected = ANSWERS[answer]
    arango_server.fail_next(scripted)
    with pytest.raises(expected):
        CALLS[call](arango_store)
    assert len(arango_server.requests) == 1  # and nothing was sent again behind the caller's back


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ('{"error":true,"errorNum":1221,"errorMessage":"illegal document key"}', InvalidInput),
        ('{"error":true,"errorNum":1004,"errorMessage":"read only"}', Transient),
        ('"nonsense"', Transient),
    ],
)
def test_failed_items_of_a_batch_are_mapped(
    arango_store: ArangoStore, arango_server: ArangoServer, item: str, expected: type[ChimeraError]
) -> None:
    arango_server.fail_next((201, f"[{item}]"))
    with pytest.raises(expected):
        arango_store.write([write()])


def test_answer_for_fewer_documents_than_sent_is_not_success(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_server.fail_next((201, '[{"_id":"orders/a","_key":"a","_rev":"1"}]'))
    with pytest.raises(Transient):
        arango_store.write([write("orders", "a"), write("orders", "b")])


def test_every_failed_edge_is_reported(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    arango_server.fail_next((201, '[{"error":true,"errorNum":1200,"errorMessage":"conflict"}]'))
    with pytest.raises(Transient):
        arango_store.link("intents/i", "orders/o")


def test_missing_collection_says_that_the_store_was_not_made(
    arango_store: ArangoStore, arango_server: ArangoServer
) -> None:
    del arango_server.collections["orders"]
    with pytest.raises(ConfigInvalid):
        arango_store.write([write()])


def test_requests_have_a_timeout_and_are_never_repeated_by_the_client() -> None:
    store = open_store("arangodb://user:p%40ss@db.test:9999/chimera")
    assert isinstance(store, ArangoStore)
    inner = store._client._http._inner
    assert inner.request_timeout == 5.0
    assert inner._retry_attempts == 0
    assert store._client.hosts == ["http://db.test:9999"]
    assert store._database.conn._auth == ("user", "p@ss")
