"""A single report that was lost while the stream lived: the router asks about what it long heard nothing of."""

import msgspec

from apps.orders.core.book import SymbolBook
from apps.orders.core.deadlines import Deadlines
from apps.orders.core.lifecycle import ASKED_AT_ONCE, Lifecycle
from chimera.bundles import Execution
from chimera.events import OrderTriggered
from chimera.events.orders import OrderRecord, OrderState, Purpose
from chimera.runtime.contract import Ask
from tests.support.desks import busy_bundle
from tests.support.routers import QTY, SYMBOL, RouterBench

S = OrderState
UNHEARD = Deadlines().unheard


def test_resting_entry_nobody_spoke_of_is_asked_about_and_its_fill_is_guarded() -> None:
    bench = RouterBench(busy_bundle(execution=Execution(entry="limit", entry_ttl_ms=300_000)))
    bench.ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.wait(2 * UNHEARD)
    assert set(bench.queries()) == {entry.client_order_id}

    bench.fill(entry)
    bench.status(entry, S.FILLED, QTY)

    assert len(bench.submits(Purpose.STOP)) == 1


def test_resting_stop_is_asked_about_once_in_a_while_and_not_recorded_anew() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    revision = bench.order(stop).revision
    for _ in range(4):
        bench.wait(UNHEARD)
        if bench.queries():
            bench.status(stop, S.OPEN)

    assert 2 <= len(bench.queries()) <= 4
    assert set(bench.queries()) == {stop.client_order_id}
    assert bench.order(stop).revision == revision


def test_order_just_heard_of_is_not_asked_about() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    for _ in range(10):
        bench.wait(UNHEARD // 2)
        bench.status(stop, S.OPEN)

    assert bench.queries() == []


def test_stop_that_fired_without_a_word_is_no_protection_once_found() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.wait(2 * UNHEARD)
    assert set(bench.queries()) == {stop.client_order_id}

    bench.tell(triggered(bench, stop))
    bench.status(stop, S.OPEN)
    bench.wait(Deadlines().close_unprotected)

    assert bench.book.unprotected_since is not None
    assert len(bench.submits(Purpose.EXIT)) == 1


def test_stop_that_fired_is_told_of_again_without_another_revision() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.tell(triggered(bench, stop))
    revision = bench.order(stop).revision

    assert bench.tell(triggered(bench, stop)) == []
    assert bench.order(stop).revision == revision


def test_unheard_orders_are_asked_about_a_few_at_a_time() -> None:
    books = {SYMBOL: SymbolBook(SYMBOL)}
    lifecycle = Lifecycle(deadlines=Deadlines(), books=books)
    bench = RouterBench().ready()
    stop = bench.hold()
    for number in range(ASKED_AT_ONCE + 5):
        named = msgspec.structs.replace(stop, client_order_id=f"c-{number:02}")
        lifecycle.orders[named.client_order_id] = books[SYMBOL].orders[f"c-{number:02}"] = named
    now = bench.now + UNHEARD

    first = [e.command for e in lifecycle.look_for_unheard(now, cause="t") if isinstance(e, Ask)]
    rest = [e.command for e in lifecycle.look_for_unheard(now, cause="t") if isinstance(e, Ask)]

    assert (len(first), len(rest)) == (ASKED_AT_ONCE, 5)
    assert len({command.client_order_id for command in (*first, *rest)}) == ASKED_AT_ONCE + 5


def triggered(bench: RouterBench, stop: OrderRecord) -> OrderTriggered:
    return OrderTriggered(
        id=f"t:{bench.now}",
        ts_event=bench.now,
        ts_init=bench.now,
        symbol=SYMBOL,
        client_order_id=stop.client_order_id,
        venue_order_id="child",
    )
