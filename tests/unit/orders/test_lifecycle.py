"""Orders in doubt: lost answers, late answers, answers that contradict, and fills that come late."""

from decimal import Decimal

import pytest

from chimera.events import CancelRejected, OrderTriggered
from chimera.events.decisions import Action
from chimera.events.orders import OrderState, Purpose
from tests.support.routers import QTY, SYMBOL, RouterBench

D = Decimal
S = OrderState


def test_u1_submit_unknown_then_found_is_never_sent_again() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.unknown(entry)
    assert bench.order(entry).state is S.UNKNOWN
    assert bench.queries() == [entry.client_order_id]

    bench.fill(entry)
    bench.wait(30_000)

    assert bench.order(entry).state is S.FILLED
    assert len(bench.submits(Purpose.ENTRY)) == 1


def test_u2_not_found_twice_after_the_settle_time_was_not_placed() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.unknown(entry)
    for _ in range(12):
        bench.not_found(entry)
        assert bench.order(entry).state is S.UNKNOWN
        bench.wait(1_000)

    bench.not_found(entry)

    assert bench.order(entry).state is S.REJECTED
    assert "did not know" in bench.order(entry).history[-1].note
    assert len(bench.submits(Purpose.ENTRY)) == 1


def test_u3_silence_alone_never_ends_an_order() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()

    bench.wait(600_000)

    assert bench.order(entry).state is S.UNKNOWN
    assert len(bench.queries()) > 20


def test_u3_not_found_once_late_proves_nothing() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.wait(60_000)

    bench.not_found(entry)

    assert bench.order(entry).state is S.UNKNOWN


def test_questions_become_rare_when_the_venue_stays_silent() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    for _ in range(200):
        bench.wait(1_000)
        bench.query_failed(entry)

    assert 20 <= len(bench.queries()) <= 40


def test_u5_fill_not_seen_on_the_stream_is_found_by_query() -> None:
    bench = RouterBench().ready()
    bench.hold()
    bench.tell(bench.intent(Action.CLOSE, name="close"))
    leaving = bench.newest(Purpose.EXIT)
    bench.accept(leaving)
    bench.take()

    bench.wait(2_000)

    assert bench.queries() == [leaving.client_order_id]
    bench.fill(leaving)
    bench.status(leaving, S.FILLED, QTY)
    assert bench.order(leaving).state is S.FILLED
    assert bench.book.qty == 0
    assert not bench.submits(Purpose.EXIT)


def test_u8_same_report_twice_changes_once() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    fill = bench.filled(entry, D("0.002"))
    bench.tell(fill)

    assert bench.tell(fill) == []
    assert bench.accept(entry) == []
    assert bench.book.qty == D("0.002")


def test_u8_fill_after_cancel_is_counted_and_guarded() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.canceled(entry)
    bench.take()

    bench.fill(entry, D("0.002"))

    assert bench.order(entry).state is S.CANCELED
    assert bench.book.qty == D("0.002")
    assert len(bench.submits(Purpose.STOP)) == 1


def test_ending_with_fills_unseen_stays_open_until_they_are_counted() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.take()

    bench.canceled(entry, D("0.002"))
    assert bench.order(entry).state is S.OPEN
    assert bench.queries() == [entry.client_order_id]

    bench.status(entry, S.CANCELED, D("0.002"))  # the answer outran its fills
    assert bench.order(entry).state is S.OPEN
    bench.fill(entry, D("0.002"))
    bench.wait(1_000)
    bench.status(entry, S.CANCELED, D("0.002"))
    assert bench.order(entry).state is S.CANCELED
    assert bench.book.qty == D("0.002")


def test_query_failed_while_fills_are_missing_asks_again() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.expired(entry, QTY)
    bench.take()

    bench.query_failed(entry)
    bench.wait(1_000)

    assert bench.queries() == [entry.client_order_id]


def test_rejected_then_accepted_is_in_doubt_not_trusted() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    stop = bench.newest(Purpose.STOP)
    bench.reject(stop, "REJECTED_AT_TRIGGER")
    bench.take()

    bench.accept(stop)  # the two reports changed places

    assert bench.order(stop).state is S.UNKNOWN
    assert stop.client_order_id in bench.queries()
    bench.status(stop, S.REJECTED)
    assert bench.order(stop).state is S.REJECTED


def test_given_up_order_that_is_there_after_all_is_taken_up_again() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.unknown(entry)
    for _ in range(14):
        bench.not_found(entry)
        bench.wait(1_000)
    assert bench.order(entry).state is S.REJECTED

    bench.fill(entry, D("0.002"))

    assert bench.order(entry).state is S.UNKNOWN
    assert bench.book.qty == D("0.002")
    assert entry.client_order_id in bench.queries()


def test_cancel_rejected_asks_what_became_of_the_order() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.tell(bench.filled(None))
    bench.take()

    times = {"ts_event": bench.now, "ts_init": bench.now}
    bench.tell(
        CancelRejected(
            id="cr",
            symbol=SYMBOL,
            client_order_id=stop.client_order_id,
            code="-2011",
            message="unknown",
            **times,
        )
    )

    assert bench.queries() == [stop.client_order_id]
    bench.status(stop, S.CANCELED)
    assert bench.order(stop).state is S.CANCELED


def test_cancel_unanswered_is_asked_about_then_sent_again_while_flat() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.tell(bench.filled(None))
    bench.take()

    bench.wait(2_000)
    assert bench.queries() == [stop.client_order_id]
    bench.status(stop, S.OPEN)  # asked before the cancel arrived?
    assert bench.cancels() == []
    bench.wait(1_000)
    bench.status(stop, S.OPEN)

    assert bench.cancels() == [stop.client_order_id]


def test_s5_stop_triggered_whose_fill_is_lost_is_asked_about() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    times = {"ts_event": bench.now, "ts_init": bench.now}
    bench.tell(
        OrderTriggered(
            id="t",
            symbol=SYMBOL,
            client_order_id=stop.client_order_id,
            venue_order_id="child",
            **times,
        )
    )

    bench.wait(2_000)

    assert bench.queries() == [stop.client_order_id]


def test_s5_stop_triggered_and_expired_unfilled_is_replaced() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()

    bench.expired(stop)

    assert len(bench.submits(Purpose.STOP)) == 1


def test_partially_filled_market_order_that_went_quiet_is_asked_about() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry, D("0.002"))
    bench.take()

    bench.wait(2_000)

    assert entry.client_order_id in bench.queries()


@pytest.mark.parametrize("state", [S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED])
def test_late_answers_about_an_order_that_is_over_change_nothing(state: OrderState) -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.status(entry, state) if state is not S.FILLED else bench.fill(entry)
    before = bench.order(entry)
    bench.take()

    bench.unknown(entry)
    bench.not_found(entry)
    bench.query_failed(entry)
    bench.canceled(entry)

    assert bench.order(entry) == before
    bench.wait(1_000)
    assert not bench.submits(Purpose.ENTRY)
