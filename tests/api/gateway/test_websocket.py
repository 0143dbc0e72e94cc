"""The overview's websocket: who may listen, what it brings, and that nothing falls between."""

import asyncio
import json

import msgspec
import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.test import Client
from redis import Redis

from apps.gateway import consumers
from apps.gateway.consumers import (
    BAD_SYMBOL,
    BUS_LOST,
    NO_SUCH_PATH,
    NOT_ALLOWED,
    PAGES_PER_PERSON,
    TOO_MANY,
    OverviewConsumer,
)
from apps.gateway.routing import websocket_urlpatterns
from apps.gateway.selectors.overview import overview_snapshot
from chimera.asgi import application
from chimera.bus import Outgoing, open_bus
from chimera.bus.server import PrivateRedis
from chimera.events import DecisionMade, MarkPriceChanged, TradePrinted, encode, stream_of
from chimera.instruments import Side
from tests.support.builders import SYMBOL, Story

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis(settings, redis_url):
    settings.REDIS_URL = redis_url
    with Redis.from_url(redis_url) as client:
        client.flushall()


@pytest.fixture
def person(db) -> User:
    user = User.objects.create(username="watcher")
    user.user_permissions.add(Permission.objects.get(codename="view_desk"))
    return user


@sync_to_async
def session_of(user) -> SessionBase:
    client = Client()
    if user.pk:
        client.force_login(user)
    return client.session


async def connected(user, symbol: str = SYMBOL) -> ApplicationCommunicator:
    scope = {
        "type": "websocket",
        "path": "/ws/overview",
        "query_string": f"symbol={symbol}".encode(),
        "headers": [],
        "subprotocols": [],
        "user": user,
        "session": await session_of(user),
    }
    communicator = ApplicationCommunicator(OverviewConsumer.as_asgi(), scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(5))["type"] == "websocket.accept"
    return communicator


async def closed(communicator: ApplicationCommunicator) -> None:
    await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await communicator.wait(5)


async def received(communicator: ApplicationCommunicator) -> dict:
    output = await communicator.receive_output(timeout=5)
    return json.loads(output["text"]) if output["type"] == "websocket.send" else output


async def items_until(communicator: ApplicationCommunicator, enough) -> list[dict]:
    items: list[dict] = []
    async with asyncio.timeout(10):
        while not enough(items):
            items += (await received(communicator))["items"]
    return items


async def publish(settings, events) -> None:
    bus = open_bus(settings.REDIS_URL, producer="test")
    await bus.publish([Outgoing(stream_of(event), encode(event)) for event in events])
    await bus.close()


async def test_stranger_is_turned_away(redis):
    communicator = await connected(AnonymousUser())
    assert (await received(communicator))["code"] == NOT_ALLOWED


async def test_person_without_role_is_turned_away(redis, db):
    user = await sync_to_async(User.objects.create)(username="roleless")
    communicator = await connected(user)
    assert (await received(communicator))["code"] == NOT_ALLOWED


async def test_one_person_may_open_so_many_pages_and_a_closed_one_counts_no_more(redis, person):
    pages = [await connected(person) for _ in range(PAGES_PER_PERSON)]
    for page in pages:
        assert (await received(page))["type"] == "ready"
    assert (await received(await connected(person)))["code"] == TOO_MANY

    await closed(pages.pop())
    pages.append(await connected(person))
    assert (await received(pages[-1]))["type"] == "ready"
    for page in pages:
        await closed(page)


@pytest.mark.parametrize("symbol", ["x;y", "%3Cscript%3E", f"{SYMBOL}%0a"])
async def test_malformed_symbol_is_refused(redis, person, symbol):
    communicator = await connected(person, symbol=symbol)
    assert (await received(communicator))["code"] == BAD_SYMBOL


async def test_path_that_nothing_serves_is_closed_with_a_reason():
    scope = {"type": "websocket", "path": "/ws/nothing", "headers": [], "subprotocols": []}
    communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(5))["type"] == "websocket.accept"
    assert (await received(communicator))["code"] == NO_SUCH_PATH


async def test_right_that_is_taken_away_ends_the_watch(redis, person, monkeypatch):
    monkeypatch.setattr(consumers, "RIGHTS_CHECKED_EVERY_S", 0.0)
    communicator = await connected(person)
    assert (await received(communicator))["type"] == "ready"
    await sync_to_async(person.user_permissions.clear)()
    while (message := await received(communicator))["type"] == "items":
        pass
    assert message["code"] == NOT_ALLOWED


async def test_signing_out_ends_the_watch(redis, person, monkeypatch):
    monkeypatch.setattr(consumers, "RIGHTS_CHECKED_EVERY_S", 0.0)
    communicator = await connected(person)
    assert (await received(communicator))["type"] == "ready"
    await sync_to_async(Session.objects.all().delete)()
    while (message := await received(communicator))["type"] == "items":
        pass
    assert message["code"] == NOT_ALLOWED


async def test_event_that_makes_no_sense_is_left_out(redis, person, settings):
    decision = next(e for e in Story().run(60).events if isinstance(e, DecisionMade) and e.rules)
    rule = decision.rules[0]
    odd = msgspec.structs.replace(rule.explanation, decided_by=(99,))
    rules = (msgspec.structs.replace(rule, explanation=odd), *decision.rules[1:])
    communicator = await connected(person)
    assert (await received(communicator))["type"] == "ready"
    await publish(settings, [msgspec.structs.replace(decision, rules=rules), decision])
    items = await items_until(communicator, bool)
    assert [item["kind"] for item in items] == ["decision"]
    await closed(communicator)


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        ("http://localhost:8092", True),
        ("http://localhost:3000", False),
        ("http://localhost", False),
        ("http://localhost:8092.evil.test", False),
        ("http://evil.test", False),
        ("null", False),
        (None, False),
    ],
)
async def test_only_our_own_pages_are_let_in(origin, is_let_in):
    scope = {
        "type": "websocket",
        "path": "/ws/nothing",
        "headers": [
            (b"host", b"localhost:8092"),
            *([(b"origin", origin.encode())] if origin else ()),
        ],
        "subprotocols": [],
    }
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "websocket.connect"})
    answer = await communicator.receive_output(5)
    assert answer["type"] == ("websocket.accept" if is_let_in else "websocket.close")
    await communicator.wait(5)


async def test_without_redis_the_page_is_told_to_come_back(person):
    communicator = await connected(person)
    assert (await received(communicator))["code"] == BUS_LOST


async def test_redis_that_dies_ends_the_watch(person, settings, tmp_path):
    with PrivateRedis(tmp_path) as server:
        settings.REDIS_URL = server.url
        communicator = await connected(person)
        assert (await received(communicator))["type"] == "ready"
        server.kill()
        while (message := await received(communicator))["type"] == "items":
            pass
        assert message["code"] == BUS_LOST


async def test_snapshot_after_ready_and_what_follows_leave_nothing_out(
    redis, person, settings, desk_store
):
    """Replayed state equals refetched state: every item that came is in the next snapshot."""
    told = Story().run(60)
    desk_store.write(told.writes)
    communicator = await connected(person)
    assert await received(communicator) == {"type": "ready"}
    before = await sync_to_async(overview_snapshot)(SYMBOL)

    writes, events = len(told.writes), len(told.events)
    told.run(25)
    desk_store.write(told.writes[writes:])
    await publish(settings, told.events[events:])
    last = told.events[-1].id
    items = await items_until(communicator, lambda got: any(i.get("key") == last for i in got))
    after = await sync_to_async(overview_snapshot)(SYMBOL)

    assert _state([*before["items"], *items]) == _state(after["items"])
    await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await communicator.wait()


async def test_other_symbols_bring_their_positions_and_not_their_bars(
    redis, person, settings, desk_store
):
    told = Story()
    while not told.position.qty:
        told.step()
    communicator = await connected(person, symbol="ETHUSDT-PERP")
    await received(communicator)
    await publish(settings, told.events)
    items = await items_until(communicator, lambda got: any(i["kind"] == "equity" for i in got))
    assert {item["kind"] for item in items} <= {"order", "position", "equity"}


async def test_symbol_that_begins_to_trade_brings_its_mark_too(redis, person, settings, desk_store):
    told = Story()
    while not told.position.qty:
        told.step()
    communicator = await connected(person, symbol="ETHUSDT-PERP")
    await received(communicator)
    await publish(settings, told.events)
    await items_until(communicator, lambda got: any(i["kind"] == "position" for i in got))
    for sequence in range(20):  # until the wider watch has begun
        await publish(settings, [_mark(told.now + sequence)])
        if any(item["kind"] == "mark" for item in (await received(communicator))["items"]):
            return
    pytest.fail("the mark of a held symbol never came")


@pytest.mark.parametrize("kind", ["mark", "trade"])
async def test_busy_market_brings_only_its_newest_prices(redis, person, settings, story, kind):
    communicator = await connected(person)
    await received(communicator)
    price_at = {"mark": _mark, "trade": _trade}[kind]
    await publish(settings, [price_at(story.now + n) for n in range(300)])
    items = await items_until(
        communicator, lambda got: bool(got) and got[-1]["ts"] == story.now + 299
    )
    assert len(items) < 20
    snapshot = await sync_to_async(overview_snapshot)(SYMBOL)
    assert items[-1] in snapshot["items"]


def _trade(ts: int) -> TradePrinted:
    return TradePrinted(
        id=f"trade:{ts}",
        ts_event=ts,
        ts_init=ts,
        symbol=SYMBOL,
        trade_id=ts,
        px=94_001.0,
        qty=0.5,
        aggressor=Side.BUY,
    )


def _mark(ts: int) -> MarkPriceChanged:
    return MarkPriceChanged(
        id=f"mark:{ts}",
        ts_event=ts,
        ts_init=ts,
        symbol=SYMBOL,
        mark_px=94_000.0,
        index_px=94_000.0,
        funding_rate=0.0001,
        next_funding_time=ts + 1,
    )


def _state(items: list[dict]) -> dict:
    """Fold items as the page does: the newest of each thing, closed positions forgotten."""
    state: dict[tuple, dict] = {}
    for item in items:
        if item["kind"] in ("features", "mark"):
            identity = (item["kind"], item["symbol"])
        elif item["kind"] == "position":
            identity = ("position", item["symbol"])
        elif item["kind"] == "bar":
            identity = ("bar", item["open_time"])
        else:
            identity = (item["kind"], item["key"])
        known = state.get(identity)
        if known is None or item.get("revision", 0) >= known.get("revision", 0):
            state[identity] = item
    return {
        identity: item
        for identity, item in state.items()
        if item["kind"] != "position" or item["qty"] != "0"
    }
