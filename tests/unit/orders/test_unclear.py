"""What the venue says of an order and nobody knows (L6): the order is unknown, and asked about."""

from decimal import Decimal

import pytest

from chimera.bundles import Execution
from chimera.events import QueryAccount, TradingHalted
from chimera.events.decisions import Action
from chimera.events.orders import OrderRecord, OrderState, Purpose
from tests.support.desks import busy_bundle
from tests.support.routers import RouterBench

D = Decimal
S = OrderState
LIMITS = Execution(entry="limit", limit_offset_bps=1.0, entry_ttl_ms=3_600_000)


def limit_bench() -> RouterBench:
    return RouterBench(busy_bundle(execution=LIMITS)).ready()


def accepted_entry(bench: RouterBench) -> OrderRecord:
    entry = bench.enter()
    bench.accept(entry)
    return entry


@pytest.mark.parametrize("state", [S.SUBMITTED, S.OPEN, S.PARTIALLY_FILLED, S.PENDING_CANCEL])
def test_l6_order_of_unknown_status_is_unknown_and_asked_about(state: OrderState) -> None:
    bench = limit_bench()
    entry = bench.enter()
    if state is not S.SUBMITTED:
        bench.accept(entry)
    if state is S.PARTIALLY_FILLED:
        bench.fill(entry, D("0.002"))
    if state is S.PENDING_CANCEL:
        at = {"ts_event": bench.now, "ts_init": bench.now}
        bench.tell(TradingHalted(id="h", source="kill-switch", reason="people", **at))
    assert bench.order(entry).state is state
    bench.take()

    bench.unclear(entry)

    assert bench.order(entry).state is S.UNKNOWN
    assert "DOZING" in bench.order(entry).history[-1].note
    assert entry.client_order_id in bench.queries()


def test_l6_answer_that_is_known_ends_the_doubt() -> None:
    bench = limit_bench()
    entry = accepted_entry(bench)
    bench.unclear(entry)
    bench.status(entry, S.OPEN)
    assert bench.order(entry).state is S.OPEN
    bench.take()

    bench.wait(20_000)

    assert not bench.queries()


def test_l6_answer_that_is_unknown_too_is_asked_for_ever_more_rarely() -> None:
    bench = limit_bench()
    entry = accepted_entry(bench)
    questions = 0
    for _ in range(600):
        bench.unclear(entry)  # the stream goes on saying it, and so does every answer
        bench.wait(1_000)
        asked = bench.queries()
        bench.take()
        questions += len(asked)
        if asked:
            bench.query_failed(entry)

    assert bench.order(entry).state is S.UNKNOWN
    assert 30 < questions < 60


def test_l6_no_new_risk_in_a_symbol_with_an_order_of_unknown_status() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.unclear(stop)
    bench.tell(bench.intent(Action.CLOSE, name="close"))
    bench.fill(bench.newest(Purpose.EXIT))
    assert bench.book.qty == 0
    assert bench.order(stop).state is S.UNKNOWN

    entry = bench.enter(name="2")

    assert entry.state is S.REFUSED
    assert "orders_in_doubt" in {check.gate for check in entry.gates if not check.passed}


def test_l6_stop_of_unknown_status_is_no_protection() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.unclear(stop)
    assert not bench.submits(Purpose.STOP)  # never a second one while the first is unknown

    bench.wait(5_000)

    assert len(bench.submits(Purpose.EXIT)) == 1


def test_l6_order_that_was_accepted_and_is_not_found_was_canceled() -> None:
    bench = limit_bench()
    entry = accepted_entry(bench)
    bench.unclear(entry)
    bench.not_found(entry)
    bench.wait(12_000)
    bench.not_found(entry)

    assert bench.order(entry).state is S.CANCELED


def test_l6_unknown_word_about_an_order_that_is_over_changes_nothing() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    bench.take()

    assert bench.unclear(entry) == []
    assert bench.order(entry).state is S.FILLED


def test_l6_comparison_with_the_venue_does_not_wait_for_words_that_nobody_knows() -> None:
    bench = limit_bench()
    entry = accepted_entry(bench)
    bench.unclear(entry)
    bench.take()

    bench.start()
    assert bench.count(QueryAccount) == 0  # the venue is asked about its orders first
    bench.unclear(entry)
    bench.query_failed(entry)
    assert bench.count(QueryAccount) == 1
    bench.account()

    assert bench.order(entry).state is S.UNKNOWN
    assert not bench.router.state.halted_by
