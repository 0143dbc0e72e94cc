"""Another worker's commands: which are carried out once they come, and that all are acknowledged."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from chimera.clock import Millis, VirtualClock
from chimera.events import CancelOrder, PrepareSymbol, QueryAccount, QueryOrder, SubmitOrder
from chimera.events.base import Command, Event
from chimera.events.orders import OrderType, Purpose
from chimera.instruments import Side
from chimera.locks import Tenure
from chimera.runtime.asks import STALE_MS, Asks
from chimera.runtime.outbox import Batch

NOW = 1_000_000
ORDER: dict[str, Any] = {"symbol": "BTCUSDT-PERP", "client_order_id": "c-1"}
QUERIED: dict[str, Any] = {**ORDER, "conditional": False}


class Port:
    def __init__(self) -> None:
        self.asked: list[Command] = []

    async def run(self, sink: Callable[[Event], None]) -> None:
        raise AssertionError("nobody listens here")

    async def execute(self, command: Command, sink: Callable[[Event], None]) -> None:
        self.asked.append(command)


class FastClock(VirtualClock):
    speed = 10.0


async def carried_out(
    clock: VirtualClock, commands: Sequence[Command], *, repeated: bool = False
) -> tuple[list[Command], int]:
    """Return what reached the exchange, and how many were acknowledged."""
    port, batches = Port(), list[Batch]()
    asks = Asks(Tenure([]), clock, port, put=batches.append, bring=print)
    for command in commands:
        asks.carry_out(command, repeated, lambda: None)
    await asks.answered()
    return port.asked, sum(batch.done is not None for batch in batches)


def questions(at: Millis) -> list[Command]:
    times = {"ts_event": at, "ts_init": at}
    return [
        QueryOrder(id="query", **QUERIED, **times),
        QueryAccount(id="account", symbol="ACCOUNT", **times),
        PrepareSymbol(id="prepare", symbol="BTCUSDT-PERP", leverage=5, **times),
    ]


def submit(at: Millis) -> SubmitOrder:
    return SubmitOrder(
        id="submit",
        purpose=Purpose.ENTRY,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        qty=Decimal(1),
        ts_event=at,
        ts_init=at,
        **ORDER,
    )


@pytest.mark.parametrize("clock", [VirtualClock(NOW), FastClock(NOW)])
async def test_questions_that_waited_long_are_left_to_their_repetition(clock: VirtualClock) -> None:
    bound = int(STALE_MS * clock.speed)
    assert await carried_out(clock, questions(NOW - bound - 1)) == ([], 3)
    fresh = questions(NOW - bound)
    assert await carried_out(clock, fresh) == (fresh, 3)
    assert await carried_out(clock, fresh, repeated=True) == (fresh, 3)


async def test_cancel_is_carried_out_however_long_it_waited() -> None:
    cancel = CancelOrder(id="cancel", ts_event=1, ts_init=1, **QUERIED)
    assert await carried_out(VirtualClock(NOW), [cancel]) == ([cancel], 1)


@pytest.mark.parametrize(("age", "repeated"), [(STALE_MS + 1, False), (0, True)])
async def test_submit_that_waited_long_or_may_have_left_is_asked_about(
    age: Millis, repeated: bool
) -> None:
    (asked,), acknowledged = await carried_out(
        VirtualClock(NOW), [submit(NOW - age)], repeated=repeated
    )
    assert isinstance(asked, QueryOrder)
    assert (asked.cause, asked.client_order_id, acknowledged) == ("submit", "c-1", 1)
