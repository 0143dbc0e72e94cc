"""The console's pages as HTML: what they show, what they say when empty, and what they refuse."""

import re
from html import unescape

import msgspec
import pytest
from django.conf import settings as project_settings
from django.test import Client

from chimera.events import encode
from chimera.events.decisions import Action
from chimera.store import Write
from tests.support.builders import START, SYMBOL, Story, alert

pytestmark = pytest.mark.django_db


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def key_of(story: Story, collection: str, matches=lambda body: True) -> str:
    return next(
        write.key
        for write in story.writes
        if write.collection == collection and matches(msgspec.json.decode(write.body))
    )


def test_overview_of_an_empty_platform_says_what_to_do(viewer, desk_store):
    text = page(viewer, "/")
    assert "Nothing is recorded yet" in text
    assert "manage.py run exchange features strategy orders positions" in text


def test_overview_offers_the_symbols_and_names_its_sources(viewer, story):
    text = page(viewer, f"/?symbol={SYMBOL}")
    assert f"<option selected>{SYMBOL}</option>" in text
    assert 'data-snapshot-url="/api/v1/overview"' in text


def test_overview_names_what_is_wrong_without_a_click(viewer, story):
    text = page(viewer, "/")
    troubles = re.search(r'id="health-troubles".*?</ul>', text, re.DOTALL)[0]
    assert "redis: " in troubles
    assert "database" not in troubles


def test_decision_page_says_outcomes_in_words(viewer, story):
    key = key_of(story, "decisions")
    text = page(viewer, f"/decisions/{key}")
    assert "ema_fast > ema_slow" in text
    assert "A wide spread costs more than the trade earns." in text
    assert re.search(r"outcome-unknown.*unknown", text)
    assert "no rule matched" in text
    assert "manage.py replay --from" in text


def test_decision_page_of_a_trade_links_to_what_came_of_it(viewer, story):
    key = key_of(story, "decisions", lambda body: body["action"] == Action.BUY)
    text = page(viewer, f"/decisions/{key}")
    assert "this one acted" in text
    assert 'href="/orders/c-entry-' in text
    assert 'href="/documents/fills/' in text
    assert "positions_snapshots" in text


def test_order_page_shows_gates_and_history(viewer, story):
    key = key_of(story, "orders", lambda body: body["purpose"] == "entry")
    text = page(viewer, f"/orders/{key}")
    assert "max_notional" in text
    assert "SUBMITTED" in text
    assert 'href="/decisions/dec:' in text


def test_positions_page_raises_the_alarm_for_a_bare_position(viewer, desk_store):
    told = Story(with_stops=False)
    while not told.position.qty:
        told.step()
    desk_store.write(told.writes)
    assert "UNPROTECTED" in page(viewer, "/positions")


def test_r6_lineage_of_a_position_says_that_the_venue_liquidated_it(viewer, desk_store):
    told = Story()
    while not told.position.qty:
        told.step()
    ours = next(write for write in told.writes if write.collection == "fills")
    body = {**msgspec.json.decode(ours.body), "id": "fill:forced", "origin": "liquidation"}
    forced = Write("fills", "fill:forced", msgspec.json.encode(body), SYMBOL, ours.ts)
    flat = Write(
        "positions_snapshots",
        "pos:forced",
        encode(told.position),
        SYMBOL,
        ours.ts,
        parents=("fills/fill:forced", f"fills/{ours.key}"),
    )
    desk_store.write([*told.writes, forced, flat])
    text = page(viewer, "/documents/positions_snapshots/pos:forced")
    lines = re.findall(r">((?:liquidation: )?(?:BUY|SELL) [\d.]+ @ [\d.]+)<", text)
    assert sorted(line.startswith("liquidation: ") for line in lines) == [False, True]


def test_alerts_page_says_what_happened_and_leads_to_the_document(viewer, desk_store):
    written = alert("what came was <b>not</b> understood", START)
    desk_store.write([written])
    text = page(viewer, "/alerts?severity=ERROR")
    assert "what came was <b>not</b> understood" in text
    assert f'href="/documents/alerts/{written.key}"' in text
    assert "As stored" in page(viewer, f"/documents/alerts/{written.key}")


def test_lists_page_on_and_keep_their_filters(viewer, story):
    first = page(viewer, "/decisions?action=HOLD&limit=20")
    following = re.search(r'rel="next" href="\?([^"]+)"', first).group(1)
    assert "action=HOLD" in following
    second = page(viewer, f"/decisions?{following}")
    rows = re.compile(r'href="/decisions/(dec:[^"]+)"')
    assert not set(rows.findall(first)) & set(rows.findall(second))


@pytest.mark.parametrize("path", ["/decisions", "/orders", "/positions", "/alerts"])
def test_empty_lists_say_why(viewer, desk_store, path):
    assert 'class="note"' in page(viewer, path)


def test_filter_without_match_offers_to_clear(viewer, story):
    assert "Clear the filters" in page(viewer, "/orders?state=EXPIRED")


def test_recorded_text_is_never_markup(viewer, story, desk_store):
    hostile = "<script>alert(1)</script>"
    order = msgspec.json.decode(
        next(write.body for write in reversed(story.writes) if write.collection == "orders")
    )
    order |= {"client_order_id": "c-entry-x", "revision": 1, "venue_order_id": hostile}
    desk_store.write(
        [Write("orders", "c-entry-x", msgspec.json.encode(order), SYMBOL, order["ts"])]
    )
    answer = viewer.get("/orders/c-entry-x")
    assert hostile not in answer.content.decode()
    assert hostile in unescape(answer.content.decode())


def test_bad_query_shows_a_page_that_names_the_field(viewer, desk_store):
    text = page(viewer, "/decisions?limit=x", 400)
    assert "limit" in text
    assert "Back to the overview" in text


def test_missing_document_shows_a_page(viewer, desk_store):
    assert "there is no document" in page(viewer, "/orders/none", 404)
    assert "There is no such page" in page(viewer, "/nowhere", 404)


def test_person_without_role_is_told_so(client_of, desk_store):
    assert "Your account has no role" in page(client_of("roleless"), "/", 403)


def test_person_whose_role_is_too_small_is_told_so(client_of, desk_store):
    text = page(client_of("approver"), "/admin/auth/user/", 403)
    assert "Your role does not include this" in text
    assert "has no role" not in text


@pytest.mark.parametrize("path", ["/", "/decisions", "/admin/login/"])
def test_console_pages_carry_no_inline_script_or_style(client_of, desk_store, path):
    client = client_of("viewer" if path != "/admin/login/" else "anonymous")
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    if path == "/admin/login/":
        return  # Unfold's own page; its policy allows its styles
    assert "unsafe" not in policy
    html = answer.content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", html)
    assert scripts == []


def test_pages_speak_traditional_chinese(viewer, desk_store):
    viewer.cookies[project_settings.LANGUAGE_COOKIE_NAME] = "zh-hant"
    text = page(viewer, "/decisions")
    assert "決策" in text
    assert '<html lang="zh-hant">' in text


def test_refused_order_names_the_gate(viewer, story, desk_store):
    order = next(event.order for event in story.events if event.id.startswith("ord:c-entry"))
    gates = (msgspec.structs.replace(order.gates[0], passed=False), *order.gates[1:])
    refused = msgspec.structs.replace(order, client_order_id="c-entry-refused", gates=gates)
    desk_store.write([Write("orders", "c-entry-refused", encode(refused), SYMBOL, refused.ts)])
    text = page(viewer, "/orders/c-entry-refused")
    assert re.search(r"trading_open.*?refused", text, re.S)
