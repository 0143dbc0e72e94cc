"""What an order desk tells of an order it was asked about, whatever the market."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.exchange.adapters.desk import FoundOrder, OrderDesk
from chimera.clock import VirtualClock
from chimera.events import OrderStatus, OrderTriggered, OrderUnclear, QueryFailed, QueryOrder
from chimera.events.base import Event
from chimera.events.orders import OrderState

QUERY = QueryOrder(
    id="q",
    ts_event=1,
    ts_init=1,
    symbol="BTCUSDT-PERP",
    client_order_id="c-stop-1",
    conditional=True,
)
LIVING = FoundOrder(
    venue_order_id="77",
    status="NEW",
    state=OrderState.OPEN,
    raw={"status": "NEW"},
    filled_qty=Decimal(0),
    fills=(),
    fired=True,
)


def told(found: FoundOrder) -> list[Event]:
    class Stub(OrderDesk):
        async def find(self, command: QueryOrder) -> FoundOrder:
            return found

    Stub.__abstractmethods__ = frozenset()
    desk: Any = Stub(None, {}, VirtualClock(5))  # type: ignore[abstract, arg-type]
    events: list[Event] = []
    asyncio.run(desk.execute(QUERY, events.append))
    return events


def test_query_tells_that_a_stop_fired_whose_child_lives() -> None:
    fired, status = told(LIVING)

    assert isinstance(fired, OrderTriggered)
    assert (fired.client_order_id, fired.venue_order_id) == ("c-stop-1", "77")
    assert isinstance(status, OrderStatus)


def test_query_tells_that_a_stop_fired_though_its_status_is_a_new_word() -> None:
    renamed = replace(LIVING, status="DOZING", state=None, raw={"status": "DOZING", "orderId": 77})
    fired, unclear, failed = told(renamed)

    assert isinstance(fired, OrderTriggered)
    assert isinstance(unclear, OrderUnclear)
    assert unclear.raw == repr(renamed.raw)
    assert isinstance(failed, QueryFailed)  # the question stays open


@pytest.mark.parametrize(
    "found", [replace(LIVING, fired=False), replace(LIVING, state=OrderState.EXPIRED)]
)
def test_query_of_what_rests_or_is_over_tells_of_no_trigger(found: FoundOrder) -> None:
    assert [type(event) for event in told(found)] == [OrderStatus]
