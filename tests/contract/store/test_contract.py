"""What every document store promises, asked of each backend."""

import json
from typing import Any

import pytest

from chimera.errors import Conflict, InvalidInput
from chimera.store import Collection, Document, Edge, Store, Write, WriteConflict, WriteFailure
from tests.support.documents import write

T0 = 1_746_374_040_000
KEY = "dec:BTCUSDT-PERP:1m:1746374040000"


def keys(store: Store, collection: str = "decisions", **arguments: Any) -> list[str]:
    return [document.key for document in store.query(collection, **arguments).documents]


# --- writing -------------------------------------------------------------------------------------


def test_get_of_an_absent_key_is_none(store: Store) -> None:
    assert store.get("decisions", KEY) is None


def test_insert_then_get_returns_the_body(store: Store) -> None:
    body = {"ts": T0, "symbol": "BTCUSDT-PERP", "qty": "0.001", "score": 0.1, "why": [None, True]}
    assert store.insert("decisions", KEY, body) is True
    assert store.get("decisions", KEY) == Document(key=KEY, revision=1, body=body)


def test_insert_again_with_the_same_body_changes_nothing(store: Store) -> None:
    body = {"ts": T0, "a": 1, "b": {"c": [1, 2]}}
    store.insert("decisions", KEY, body)
    assert store.insert("decisions", KEY, {"b": {"c": [1, 2]}, "a": 1, "ts": T0}) is False


def test_insert_again_with_another_body_conflicts_and_keeps_the_first(store: Store) -> None:
    store.insert("decisions", KEY, {"ts": T0, "action": "enter"})
    with pytest.raises(Conflict):
        store.insert("decisions", KEY, {"ts": T0, "action": "skip"})
    assert store.get("decisions", KEY).body["action"] == "enter"


def test_same_key_in_two_collections_names_two_documents(store: Store) -> None:
    store.insert("decisions", "k", {"ts": T0, "a": 1})
    store.insert("intents", "k", {"ts": T0, "a": 2})
    assert store.get("decisions", "k").body["a"] == 1


def test_put_replaces_revision_by_revision(store: Store) -> None:
    for revision, state in enumerate(["created", "submitted", "filled"], start=1):
        assert store.put("orders", "o", {"ts": T0 + revision, "state": state}, revision) is True
    assert store.get("orders", "o") == Document("o", 3, {"ts": T0 + 3, "state": "filled"})


def test_put_delivered_again_changes_nothing(store: Store) -> None:
    store.put("orders", "o", {"ts": T0, "state": "created"}, 1)
    store.put("orders", "o", {"ts": T0, "state": "filled"}, 2)
    assert store.put("orders", "o", {"ts": T0, "state": "filled"}, 2) is False


@pytest.mark.parametrize(
    ("revision", "stored"), [(1, 2), (2, 2), (4, 2)], ids=["older", "same", "too new"]
)
def test_put_against_another_revision_conflicts_naming_both(
    store: Store, revision: int, stored: int
) -> None:
    store.put("orders", "o", {"ts": T0, "n": 1}, 1)
    store.put("orders", "o", {"ts": T0, "n": 2}, 2)
    with pytest.raises(WriteConflict) as raised:
        store.put("orders", "o", {"ts": T0, "n": 99}, revision)
    assert raised.value.failures == (WriteFailure("orders/o", revision, stored),)
    assert raised.value.details["failures"][0]["stored_revision"] == stored
    assert store.get("orders", "o").body["n"] == 2


def test_put_of_a_later_revision_of_an_absent_document_conflicts(store: Store) -> None:
    with pytest.raises(WriteConflict) as raised:
        store.put("orders", "o", {"ts": T0}, 2)
    assert raised.value.failures == (WriteFailure("orders/o", 2, 0),)
    assert store.get("orders", "o") is None


def test_write_takes_many_documents_of_many_collections(store: Store) -> None:
    batch = [write("orders", f"o-{n}", n=n) for n in range(30)]
    batch += [write("fills", f"f-{n}", n=n) for n in range(30)]
    assert store.write(batch) == 60
    assert store.get("fills", "f-29").body["n"] == 29


def test_write_of_nothing_is_nothing(store: Store) -> None:
    assert store.write([]) == 0


def test_write_takes_two_revisions_of_one_document_in_one_batch(store: Store) -> None:
    batch = [write(revision=1, n=1), write(revision=2, n=2), write(revision=3, n=3)]
    assert store.write(batch) == 3
    assert store.get("orders", "o-1").revision == 3
    assert store.write(batch) == 0  # delivered again, whole


def test_write_delivered_again_in_part_completes_it(store: Store) -> None:
    batch = [write("orders", "a"), write("orders", "b"), write("orders", "b", 2, n=2)]
    store.write(batch[:2])
    assert store.write(batch) == 1
    assert store.get("orders", "b").revision == 2


def test_write_with_one_conflict_names_it_and_never_applies_it(store: Store) -> None:
    store.write([write("orders", "a", n=1)])
    with pytest.raises(WriteConflict) as raised:
        store.write(
            [
                write("orders", "a", n=2),
                write("orders", "a", 2, n=3),  # stands on the refused one
                write("orders", "b", 7),
            ]
        )
    assert [failure.document for failure in raised.value.failures] == [
        "orders/a",
        "orders/a",
        "orders/b",
    ]
    assert store.get("orders", "a").body["n"] == 1
    assert store.get("orders", "b") is None


def test_write_keeps_numbers_and_text_as_they_were(store: Store) -> None:
    values = {
        "int": 9_007_199_254_740_991,
        "small": 1e-9,
        "float": 94_123.45,
        "tenth": 0.1,
        "price": "94123.4500",
        "text": 'ü "quoted" \\ \n 漢',
        "empty": {},
        "null": None,
        "state": None,
    }
    store.write([write("features", "x", **values)])
    body = store.get("features", "x").body
    assert {name: body[name] for name in values} == values
    assert store.write([write("features", "x", **values)]) == 0


# --- refusing bad input --------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "a b", "a/b", "ä", "x" * 201, "line\n"])
def test_malformed_keys_are_refused(store: Store, key: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        store.insert("orders", key, {"ts": T0})
    assert raised.value.details["field"] == "key"


def test_longest_key_with_every_permitted_sign_is_taken(store: Store) -> None:
    key = "aZ09_-:.@()+,=;$!*'%".ljust(200, "x")
    assert store.insert("orders", key, {"ts": T0})
    assert store.get("orders", key).key == key


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "ts"), ({"ts": "now"}, "ts"), ({"ts": True}, "ts"), ({"ts": 1, "symbol": 2}, "symbol")],
)
def test_bodies_without_time_or_with_a_wrong_symbol_are_refused(
    store: Store, body: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        store.insert("orders", "o", body)
    assert raised.value.details["field"] == field


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (write("nothing"), "collection"),
        (write(revision=0), "revision"),
        (write(ts=2**60), "ts"),
        (write(parents=("orders",)), "parents"),
        (write(parents=("nothing/x",)), "parents"),
        (Write("orders", "o", b"[1]", "", T0), "body"),
        (Write("orders", "o", b"", "", T0), "body"),
    ],
)
def test_malformed_writes_are_refused_whole(store: Store, bad: Write, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        store.write([write("orders", "good"), bad])
    assert raised.value.details["field"] == field
    assert store.get("orders", "good") is None


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"order": "random"}, "order"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "ä"}, "cursor"),
        ({"equal": {"body__x": None}}, "equal.body__x"),
        ({"equal": {"a.b": 1}}, "equal"),
        ({"equal": {"symbol": 5}}, "equal.symbol"),
        ({"equal": {"state": True}}, "equal.state"),
        ({"equal": {"ts": "1"}}, "equal.ts"),
    ],
)
def test_malformed_queries_are_refused(store: Store, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        store.query("orders", **arguments)
    assert raised.value.details["field"] == field


def test_unknown_collections_are_refused_everywhere(store: Store) -> None:
    for call in (
        lambda: store.get("nothing", "k"),
        lambda: store.query("nothing"),
        lambda: store.trace("nothing", "k"),
        lambda: store.insert("nothing", "k", {"ts": T0}),
    ):
        with pytest.raises(InvalidInput):
            call()


# --- querying ------------------------------------------------------------------------------------


@pytest.fixture
def filled(store: Store) -> Store:
    """Ten decisions a second apart, alternating in symbol, the first four in state `taken`."""
    store.write(
        [
            write(
                "decisions",
                f"d{n}",
                symbol=("BTCUSDT-PERP", "ETHUSDT-PERP")[n % 2],
                ts=T0 + n * 1_000,
                state="taken" if n < 4 else "skipped",
                score=n / 2,
                contains=n,
                open=n == 5,
            )
            for n in reversed(range(10))
        ]
    )
    return store


def test_query_of_an_empty_collection_is_an_empty_page(store: Store) -> None:
    page = store.query("labels")
    assert (page.documents, page.next_cursor) == ((), None)


def test_query_sorts_by_time(filled: Store) -> None:
    assert keys(filled) == [f"d{n}" for n in range(10)]
    assert keys(filled, order="desc") == [f"d{n}" for n in reversed(range(10))]


def test_query_range_is_half_open(filled: Store) -> None:
    assert keys(filled, ts_from=T0 + 2_000, ts_to=T0 + 5_000) == ["d2", "d3", "d4"]
    assert keys(filled, ts_from=T0 + 5_000, ts_to=T0 + 2_000) == []


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("equal", "expected"),
    [
        ({"symbol": "ETHUSDT-PERP"}, "13579"),
        ({"state": "taken"}, "0123"),
        ({"state": "taken", "symbol": "ETHUSDT-PERP"}, "13"),
        ({"ts": T0 + 3_000}, "3"),
        ({"score": 1.5}, "3"),
        ({"score": 2}, "4"),
        ({"open": True}, "5"),
        ({"contains": 7}, "7"),  # a field named like an operator of the database layer
        ({"absent": "x"}, ""),
        ({"open": 1}, ""),
        ({"symbol": "ETHUSDT-PERP", "score": 2.5, "state": "skipped"}, "5"),
    ],
)
def test_query_selects_by_equality(
    filled: Store, equal: dict[str, Any], expected: str, order: Any
) -> None:
    found = keys(filled, equal=equal, order=order)
    assert found == [f"d{n}" for n in (expected if order == "asc" else reversed(expected))]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("equal", [{}, {"symbol": "BTCUSDT-PERP"}, {"state": "skipped"}])
def test_query_pages_join_to_the_whole(filled: Store, equal: dict[str, Any], order: Any) -> None:
    whole = keys(filled, equal=equal, order=order)
    found: list[str] = []
    cursor = None
    while True:
        page = filled.query("decisions", equal=equal, order=order, limit=2, cursor=cursor)
        found += [document.key for document in page.documents]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == whole


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_query_pages_through_documents_of_one_moment(store: Store, order: Any) -> None:
    store.write([write("fills", f"f{n}", ts=T0) for n in range(7)])
    first = store.query("fills", order=order, limit=4)
    second = store.query("fills", order=order, limit=4, cursor=first.next_cursor)
    found = [document.key for page in (first, second) for document in page.documents]
    assert found == sorted(found, reverse=order == "desc")
    assert len(found) == 7
    assert second.next_cursor is None


def test_query_exact_page_has_no_next(filled: Store) -> None:
    assert filled.query("decisions", limit=10).next_cursor is None


def test_query_cursor_survives_documents_written_meanwhile(filled: Store) -> None:
    page = filled.query("decisions", limit=5)
    filled.write(
        [write("decisions", "early", ts=T0 - 1), write("decisions", "late", ts=T0 + 99_000)]
    )
    rest = keys(filled, limit=50, cursor=page.next_cursor)
    assert rest == ["d5", "d6", "d7", "d8", "d9", "late"]


def test_query_cursor_of_the_other_order_is_refused(filled: Store) -> None:
    cursor = filled.query("decisions", limit=2).next_cursor
    with pytest.raises(InvalidInput):
        filled.query("decisions", order="desc", cursor=cursor)


def test_query_follows_a_replaced_document(filled: Store) -> None:
    filled.write(
        [write("decisions", "d0", 2, symbol="SOLUSDT-PERP", ts=T0 + 50_000, state="skipped")]
    )
    assert keys(filled, equal={"symbol": "SOLUSDT-PERP"}) == ["d0"]
    assert keys(filled)[-1] == "d0"
    assert keys(filled, equal={"state": "taken"}) == ["d1", "d2", "d3"]


# --- lineage -------------------------------------------------------------------------------------


@pytest.fixture
def chain(store: Store) -> Store:
    """signal s → decisions d, e; d → intent i → orders o, p → fill f (of o and p: a diamond)."""
    store.write(
        [
            write("signals", "s"),
            write("decisions", "d", parents=("signals/s",)),
            write("decisions", "e", parents=("signals/s",)),
            write("intents", "i", parents=("decisions/d",)),
            write("orders", "o", parents=("intents/i",)),
            write("orders", "p", parents=("intents/i",)),
            write("fills", "f", parents=("orders/o", "orders/p")),
        ]
    )
    return store


def test_trace_up_returns_what_a_document_came_from(chain: Store) -> None:
    lineage = chain.trace("orders", "o", "up")
    assert lineage.nodes == ("decisions/d", "intents/i", "orders/o", "signals/s")
    assert lineage.edges == (
        Edge("decisions/d", "intents/i"),
        Edge("intents/i", "orders/o"),
        Edge("signals/s", "decisions/d"),
    )


def test_trace_down_returns_every_edge_of_a_diamond(chain: Store) -> None:
    lineage = chain.trace("intents", "i", "down")
    assert lineage.nodes == ("fills/f", "intents/i", "orders/o", "orders/p")
    assert len(lineage.edges) == 4


def test_trace_both_leaves_siblings_out(chain: Store) -> None:
    lineage = chain.trace("decisions", "d")
    assert "decisions/e" not in lineage.nodes
    assert {"signals/s", "fills/f"} <= set(lineage.nodes)


def test_trace_stops_at_its_depth(chain: Store) -> None:
    assert chain.trace("signals", "s", "down", max_depth=1).nodes == (
        "decisions/d",
        "decisions/e",
        "signals/s",
    )


def test_trace_of_a_lone_document_is_itself(chain: Store) -> None:
    assert chain.trace("orders", "alone").nodes == ("orders/alone",)


def test_link_adds_an_edge_once(chain: Store) -> None:
    for _ in range(2):
        chain.link("fills/f", "positions_snapshots/x")
    assert chain.trace("positions_snapshots", "x", "up", max_depth=1).edges == (
        Edge("fills/f", "positions_snapshots/x"),
    )


def test_trace_ends_in_a_circle(store: Store) -> None:
    store.link("orders/a", "orders/b")
    store.link("orders/b", "orders/a")
    assert store.trace("orders", "a").nodes == ("orders/a", "orders/b")


def test_lineage_of_a_redelivered_batch_is_kept_once(store: Store) -> None:
    batch = [write("orders", "o", parents=("intents/i",)), write("orders", "o", 2, n=2)]
    store.write(batch)
    store.write(batch)
    assert store.trace("orders", "o").edges == (Edge("intents/i", "orders/o"),)


@pytest.mark.parametrize(("depth", "direction"), [(0, "up"), (65, "up"), (3, "sideways")])
def test_trace_out_of_bounds_is_refused(store: Store, depth: int, direction: Any) -> None:
    with pytest.raises(InvalidInput):
        store.trace("orders", "o", direction, depth)


# --- living --------------------------------------------------------------------------------------


def test_ensure_twice_and_ping_are_quiet(store: Store) -> None:
    store.ensure()
    store.ensure()
    store.ping()


def test_every_collection_takes_documents(store: Store) -> None:
    for collection in Collection:
        assert store.insert(collection, "k", {"ts": T0})
        assert store.get(collection, "k") is not None


def test_bodies_come_back_as_json_values(store: Store) -> None:
    store.write([write("alerts", "a", nested={"b": [1, 2.5, {"c": None}]})])
    assert json.loads(json.dumps(store.get("alerts", "a").body))["nested"] == {
        "b": [1, 2.5, {"c": None}]
    }
