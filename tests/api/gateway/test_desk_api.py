"""The console's REST: what it answers, and how it refuses."""

import json

import msgspec
import pytest

from apps.gateway.selectors.overview import BARS
from chimera.clock import MINUTE
from chimera.events import HistoryLoaded
from chimera.events.orders import OrderState
from chimera.store import Write
from tests.support.builders import START, SYMBOL, Story, alert, bar

pytestmark = pytest.mark.django_db


def get(client, path: str, status: int = 200, **query) -> dict:
    answer = client.get(f"/api/v1/{path}", query)
    assert answer.status_code == status, answer.json()
    return answer.json()


def kinds(snapshot: dict) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for item in snapshot["items"]:
        found.setdefault(item["kind"], []).append(item)
    return found


def test_overview_of_an_empty_platform_has_no_symbol(viewer, desk_store):
    snapshot = get(viewer, "overview")
    assert (snapshot["symbol"], snapshot["symbols"], snapshot["items"]) == (None, [], [])


def test_overview_shows_everything_of_the_symbol(viewer, story):
    snapshot = get(viewer, "overview", symbol=SYMBOL)
    found = kinds(snapshot)
    assert snapshot["symbol"] == SYMBOL
    assert len(found["bar"]) == len(found["decision"]) == 90
    assert found["features"][0]["values"]["depth_imbalance"] is None
    assert found["equity"][-1]["wallet"] == str(1_000 + story.realised - story.fees)
    assert {item["state"] for item in found["order"]} >= {"FILLED"}
    assert found["mark"]


def test_overview_keeps_to_its_limits_and_to_the_newest(viewer, desk_store):
    told = Story().run(BARS + 20)
    desk_store.write(told.writes)
    bars = kinds(get(viewer, "overview"))["bar"]
    assert len(bars) == BARS
    assert bars[-1]["ts"] // 60_000 == told.now // 60_000


def test_overview_draws_the_bars_of_the_warm_up_before_those_of_signals(viewer, story, desk_store):
    warmed = tuple(bar(1, 2, 1, 2, START - back * MINUTE) for back in range(300, 0, -1))
    history = HistoryLoaded(
        id="warm",
        ts_event=START,
        ts_init=START,
        symbol=SYMBOL,
        interval="1m",
        bars=(*warmed, bar(1, 2, 1, 2, START)),
    )
    desk_store.write([Write("features", "warm", history, SYMBOL, START)])
    bars = kinds(get(viewer, "overview"))["bar"]
    assert [found["open_time"] for found in bars] == [
        START + n * MINUTE for n in range(90 - BARS, 90)
    ]
    assert bars[-90]["volume"] == 12.5
    assert bars[-90]["high"] != 2


def test_overview_before_the_first_signal_draws_the_warm_up(viewer, desk_store, monkeypatch):
    monkeypatch.setattr("apps.gateway.selectors.overview.overview_symbols", lambda: [SYMBOL])
    history = HistoryLoaded(
        id="warm",
        ts_event=START,
        ts_init=START,
        symbol=SYMBOL,
        interval="1m",
        bars=(bar(1, 2, 1, 2, START),),
    )
    desk_store.write([Write("features", "warm", history, SYMBOL, START)])
    assert [found["high"] for found in kinds(get(viewer, "overview"))["bar"]] == [2]


def test_alerts_come_newest_first_and_filtered(viewer, desk_store):
    assert get(viewer, "alerts") == {"items": [], "next_cursor": None}
    desk_store.write([alert("one was given up", START), alert("another", START + 5, "strategy")])
    newest, oldest = get(viewer, "alerts")["items"]
    assert newest == {
        "key": f"given-up:{START + 5}",
        "ts": START + 5,
        "service": "strategy",
        "severity": "ERROR",
        "detail": "another",
    }
    assert oldest["detail"] == "one was given up"
    assert get(viewer, "alerts", severity="DEGRADED")["items"] == []
    assert len(get(viewer, "alerts", severity="ERROR", ts_to=START + 1)["items"]) == 1


def test_alerts_of_a_former_type_are_left_out(viewer, desk_store):
    told = alert("one was given up", START)
    former = {**json.loads(told.body), "type": "health.service.v1", "state": "ERROR"}
    del former["severity"]
    former_document = json.dumps(former).encode()
    older = msgspec.structs.replace(told, key="health:orders:1", document=former_document)
    desk_store.write([told, older])
    assert [item["key"] for item in get(viewer, "alerts")["items"]] == [told.key]


def test_overview_shows_the_open_position_with_its_stop(viewer, desk_store):
    told = Story()
    while not told.position.qty:
        told.step()
    desk_store.write(told.writes)
    found = kinds(get(viewer, "overview"))
    assert found["position"][0]["qty"] == "0.004"
    stops = [order for order in found["order"] if order["purpose"] == "stop"]
    assert stops[0]["trigger_px"] == str(told.stop.trigger_px)


def test_overview_of_an_unknown_symbol_is_not_found(viewer, story):
    error = get(viewer, "overview", 404, symbol="NOSUCH-PERP")["error"]
    assert error["code"] == "not_found"
    assert error["details"]["field"] == "symbol"


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("overview", {"symbol": "btc; drop"}, "symbol"),
        ("overview", {"sybmol": SYMBOL}, "sybmol"),
        ("decisions", {"limit": "0"}, "limit"),
        ("decisions", {"limit": "501"}, "limit"),
        ("decisions", {"limit": "many"}, "limit"),
        ("decisions", {"action": "PANIC"}, "action"),
        ("decisions", {"ts_from": "-1"}, "ts_from"),
        ("decisions", {"ts_from": "5", "ts_to": "5"}, "ts_to"),
        ("orders", {"state": "LOST"}, "state"),
        ("orders", {"side": "UP"}, "side"),
        ("positions", {"symbol": "x" * 400}, "symbol"),
        ("alerts", {"severity": "OK"}, "severity"),
    ],
)
def test_query_out_of_bounds_is_refused_naming_the_field(viewer, desk_store, path, query, field):
    error = get(viewer, path, 400, **query)["error"]
    assert error["code"] == "invalid_input"
    assert list(error["details"]["fields"]) == [field]


def test_cursor_of_another_hand_is_refused(viewer, story):
    error = get(viewer, "decisions", 400, cursor="bm9wZQ")["error"]
    assert error["details"]["field"] == "cursor"


def test_decisions_page_through_all_once_newest_first(viewer, story):
    seen, cursor = [], ""
    while cursor is not None:
        page = get(viewer, "decisions", limit=40, cursor=cursor)
        seen += [item["key"] for item in page["items"]]
        cursor = page["next_cursor"]
    recorded = [write.key for write in story.writes if write.collection == "decisions"]
    assert seen == recorded[::-1]


def test_decisions_are_filtered_by_action_and_time(viewer, story):
    bought = get(viewer, "decisions", action="BUY")["items"]
    assert bought
    assert {item["action"] for item in bought} == {"BUY"}
    at = bought[0]["ts"]
    [only] = get(viewer, "decisions", ts_from=at, ts_to=at + 1)["items"]
    assert only == bought[0]


def test_decision_tells_its_whole_story(viewer, story):
    key = get(viewer, "decisions", action="BUY")["items"][-1]["key"]
    trace = get(viewer, f"decisions/{key}")
    assert trace["decision"]["key"] == key
    assert trace["rules"][0]["explanation"]["outcomes"] == [True, True]
    assert trace["rules"][0]["explanation"]["decided_by"] == [0, 1]
    assert trace["guards"][0]["refused"] is False
    assert trace["guards"][0]["reason"] == "A wide spread costs more than the trade earns."
    assert trace["features"]["depth_imbalance"] is None
    assert [order["purpose"] for order in trace["orders"]] == ["entry", "stop"]
    assert trace["fills"][0]["order"] == trace["orders"][0]["key"]
    stages = [node["collection"] for node in trace["lineage"]["nodes"]]
    assert stages == [
        "signals",
        "decisions",
        "intents",
        "orders",
        "orders",
        "fills",
        "positions_snapshots",
    ]
    assert trace["lineage"]["nodes"][1]["parents"] == [f"signals/{trace['signal_id']}"]


def test_order_tells_its_gates_history_and_fills(viewer, story):
    key = get(viewer, "orders", purpose="entry")["items"][0]["key"]
    trace = get(viewer, f"orders/{key}")
    assert [step["state"] for step in trace["history"]] == ["SUBMITTED", "OPEN", "FILLED"]
    assert {check["gate"] for check in trace["gates"]} == {
        "trading_open",
        "max_notional",
        "daily_loss",
    }
    assert trace["decision_key"].startswith("dec:")
    assert [fill["order"] for fill in trace["fills"]] == [key]


def test_orders_are_filtered_by_state(viewer, story):
    items = get(viewer, "orders", state="CANCELED")["items"]
    assert items
    assert {item["state"] for item in items} == {OrderState.CANCELED.value}


def test_positions_show_what_is_open_and_how_it_is_protected(viewer, desk_store):
    told = Story(with_stops=False)
    while not told.position.qty:
        told.step()
    desk_store.write(told.writes)
    body = get(viewer, "positions")
    assert body["open"][0]["is_protected"] is False
    assert body["open"][0]["acknowledged_qty"] == "0"
    assert body["items"][0]["qty"] == "0.004"


def test_trace_returns_any_document_as_stored(viewer, story):
    key = next(write.key for write in story.writes if write.collection == "signals")
    trace = get(viewer, f"trace/signals/{key}")
    assert trace["body"]["type"] == "features.computed.v1"
    assert trace["revision"] == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("decisions/none", 404),
        ("orders/none", 404),
        ("trace/orders/none", 404),
        ("trace/nonsense/none", 400),
        ("decisions/a b", 404),
    ],
)
def test_document_that_does_not_exist_is_said_so(viewer, desk_store, path, status):
    assert get(viewer, path, status)["error"]["message"]


def test_schema_describes_every_answer_of_the_desk(viewer):
    answer = viewer.get("/api/v1/schema", {"format": "json"})
    assert answer.status_code == 200
    text = answer.content.decode()
    for name in ("Overview", "DecisionTrace", "OrderTrace", "PositionPage", "Health", "Ready"):
        assert name in text
