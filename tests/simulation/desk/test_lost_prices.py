"""One symbol's mark or quotes stop while its bars go on: no new risk on it, and what is held still gets out."""

from collections.abc import Callable, Iterable

import pytest
from msgspec.structs import replace

from apps.exchange.core.venue.actions import Action
from chimera.clock import MINUTE, Millis
from chimera.events import BarClosed, MarkPriceChanged, QuoteChanged
from chimera.events.base import Event
from chimera.events.orders import OrderRecord, OrderState, Purpose
from chimera.runtime.contract import Effect, Publish
from tests.support.desks import START, Run, assert_books_agree, busy_bundle, open_desk, random_walk

LOST, WHOLE = "BTCUSDT-PERP", "ETHUSDT-PERP"
BARS = 60  # before the outage, during it, and after
HOLDS = 2 * MINUTE  # how old a price may be in a simulation of minute bars

Telling = Callable[[Action, Millis], Iterable[Iterable[Effect]]]


def without_mark(bar: BarClosed) -> list[Event]:
    return [
        QuoteChanged(
            id=f"quote:{bar.id}",
            ts_event=bar.ts_event,
            ts_init=bar.ts_init,
            symbol=bar.symbol,
            bid_px=bar.close,
            bid_qty=1.0,
            ask_px=bar.close,
            ask_qty=1.0,
        ),
        replace(bar, mark_px=None),
    ]


def without_quotes(bar: BarClosed) -> list[Event]:
    assert bar.mark_px is not None
    return [
        MarkPriceChanged(
            id=f"mark:{bar.id}",
            ts_event=bar.ts_event,
            ts_init=bar.ts_init,
            symbol=bar.symbol,
            mark_px=bar.mark_px,
            index_px=bar.mark_px,
            funding_rate=0.0,
            next_funding_time=0,
        ),
        replace(bar, mark_px=None),
    ]


def losing(told: Telling, lost: Callable[[BarClosed], list[Event]]) -> Telling:
    """Return what the exchange tells, with the bars of one symbol replaced by what `lost` leaves."""

    def left(effect: Effect) -> Iterable[Effect]:
        event = effect.event if isinstance(effect, Publish) else None
        if isinstance(event, BarClosed) and event.symbol == LOST:
            return map(Publish, lost(event))
        return (effect,)

    def tell(action: Action, now: Millis) -> Iterable[list[Effect]]:
        for stage in told(action, now):
            yield [kept for effect in stage for kept in left(effect)]

    return tell


def entries(run: Run, symbol: str, first: Millis, last: Millis) -> list[OrderRecord]:
    return [
        order
        for order in run.orders()
        if order.purpose is Purpose.ENTRY and order.symbol == symbol and first < order.ts <= last
    ]


@pytest.mark.parametrize(
    ("lost", "gate"), [(without_mark, "mark_age_ms"), (without_quotes, "quote_age_ms")]
)
def test_symbol_whose_prices_stopped_is_not_entered_and_is_still_left(
    lost: Callable[[BarClosed], list[Event]], gate: str
) -> None:
    run = open_desk(busy_bundle(("BTCUSDT", "ETHUSDT")), unprotected_max=0)
    runtime, exchange = run.desk.runtime, run.desk.exchange
    inputs = list(random_walk(3 * BARS, seed=1, symbols=("BTCUSDT", "ETHUSDT")))
    began, ended = START + BARS * MINUTE, START + 2 * BARS * MINUTE
    whole = exchange.market

    runtime.run([item for item in inputs if item[0] <= began])
    runtime.settle(began + 1)
    assert run.router.books[LOST].qty  # taken along into the outage
    exchange.market = losing(whole, lost)  # type: ignore[method-assign]
    runtime.run([item for item in inputs if began < item[0] <= ended])
    exchange.market = whole  # type: ignore[method-assign]
    assert run.router.books[LOST].qty == 0
    runtime.run([item for item in inputs if item[0] > ended])

    refused = entries(run, LOST, began + HOLDS, ended)
    assert len(refused) > 10
    assert {order.state for order in refused} == {OrderState.REFUSED}
    assert all(gate in order.history[-1].note.split(", ") for order in refused)
    exits = [o for o in run.orders() if o.purpose is Purpose.EXIT and o.symbol == LOST]
    assert [o for o in exits if o.state is OrderState.REFUSED] == []

    for symbol, first in ((WHOLE, began), (LOST, ended)):
        states = {order.state for order in entries(run, symbol, first, first + BARS * MINUTE)}
        assert OrderState.FILLED in states
    assert_books_agree(run)
