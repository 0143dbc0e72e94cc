"""What counts as protection of an open position."""

from decimal import Decimal

import msgspec
import pytest

from apps.health.selectors.protection import position_newest, protections
from chimera.events import encode
from chimera.events.orders import OrderState
from chimera.store import Write, open_store
from tests.support.builders import SYMBOL, Story


def recorded(story: Story):
    store = open_store("memory://")
    store.write(story.writes)
    return store


def open_story(*, with_stops: bool = True) -> Story:
    story = Story(with_stops=with_stops)
    while not story.position.qty:
        story.step()
    return story


def test_position_with_resting_stop_is_protected():
    story = open_story()
    [found] = protections(recorded(story))
    assert found.is_protected
    assert found.acknowledged_qty == story.position.qty
    assert found.trigger_px == story.stop.trigger_px


def test_position_without_stop_is_unprotected():
    [found] = protections(recorded(open_story(with_stops=False)))
    assert not found.is_protected
    assert found.acknowledged_qty == 0
    assert found.trigger_px is None


def test_position_left_to_its_stop_is_seen_however_much_others_write():
    story = open_story()
    store = recorded(story)
    for number in range(501):  # of the bundle that came after
        for collection in ("signals", "positions_snapshots", "orders"):
            body = {"ts": story.now + 1 + number, "symbol": "ETHUSDT-PERP"}
            store.insert(collection, f"newer:{number}", body)

    [found] = protections(store)

    assert found.position.symbol == SYMBOL
    assert found.is_protected


def test_position_with_stop_for_a_part_is_unprotected():
    story = open_story()
    store = recorded(story)
    smaller = msgspec.structs.replace(
        story.stop, revision=story.stop.revision + 1, qty=story.stop.qty / 2
    )
    key = smaller.client_order_id
    store.write([Write("orders", key, encode(smaller), SYMBOL, smaller.ts, smaller.revision)])
    [found] = protections(store)
    assert not found.is_protected
    assert found.acknowledged_qty == Decimal("0.002")


@pytest.mark.parametrize(
    "changes", [{"state": OrderState.UNKNOWN}, {"triggered_at": 1}], ids=["only sent", "fired"]
)
def test_position_whose_stop_does_not_rest_is_unprotected(changes):
    story = open_story()
    store = recorded(story)
    sent = msgspec.structs.replace(story.stop, revision=story.stop.revision + 1, **changes)
    store.write(
        [Write("orders", sent.client_order_id, encode(sent), SYMBOL, sent.ts, sent.revision)]
    )
    [found] = protections(store)
    assert not found.is_protected


def test_flat_account_has_nothing_to_protect():
    story = open_story()
    while story.position.qty:
        story.step()
    assert protections(recorded(story)) == []


def test_newest_position_among_fills_of_one_millisecond_is_the_last_in_sequence():
    store = open_store("memory://")
    story = open_story()
    template = next(event for event in story.events if event.id.startswith("pos:"))
    for sequence in (10, 9):
        body = msgspec.structs.replace(template, id=f"pos:{SYMBOL}:{sequence}", sequence=sequence)
        store.write([Write("positions_snapshots", body.id, encode(body), SYMBOL, body.ts_event)])
    assert position_newest(store, SYMBOL).sequence == 10
