"""Agreement with the venue after a start and after a lost stream, and what a restart takes up."""

from decimal import Decimal

import msgspec

from apps.orders.core.book import SymbolBook
from apps.orders.core.service import Router
from chimera.bundles import Execution
from chimera.events import (
    CancelOrder,
    OrderChanged,
    PositionAdopted,
    QueryAccount,
    QueryFailed,
    StreamDisconnected,
    TradingHalted,
    TradingResumed,
)
from chimera.events.orders import OrderRecord, OrderState, Purpose
from tests.support.desks import busy_bundle
from tests.support.routers import QTY, SYMBOL, RouterBench

D = Decimal
S = OrderState
HALT = "orders:reconcile"


def reborn(bench: RouterBench, *, book: SymbolBook | None = None) -> RouterBench:
    """Return a bench whose router took up the record of `bench`'s, and knows bundle and instrument."""
    router = Router()
    old = bench.book
    held = book or SymbolBook(SYMBOL, qty=old.qty, entry_px=old.entry_px, changed_at=old.changed_at)
    router.restore(orders=list(bench.router.lifecycle.orders.values()), positions=[held])
    again = RouterBench(bench.bundle, router)
    again.now = bench.now
    again.activate()
    again.list_instrument()
    again.prepare()
    return again


def stream(bench: RouterBench, *, connected: bool, name: str = "user") -> None:
    bench.tell(
        StreamDisconnected(
            id=f"s:{name}:{bench.now}:{connected}",
            stream=f"exchange:{name}",
            connected=connected,
            account=name == "user",
            ts_event=bench.now,
            ts_init=bench.now,
        )
    )


def test_start_stops_new_risk_until_the_venue_agrees() -> None:
    bench = RouterBench()
    bench.start()
    assert [h.source for h in bench.published(TradingHalted)] == [HALT]
    assert bench.count(QueryAccount) == 1

    bench.account()

    assert [r.source for r in bench.published(TradingResumed)] == [HALT]
    assert not bench.router.state.halted_by


def test_account_unanswered_is_asked_again() -> None:
    bench = RouterBench()
    bench.start()
    bench.wait(2_000)
    assert bench.count(QueryAccount) == 2

    failed = QueryFailed(
        id="f",
        symbol="ACCOUNT",
        client_order_id="",
        message="busy",
        ts_event=bench.now,
        ts_init=bench.now,
    )
    assert bench.question is not None
    bench.tell(msgspec.structs.replace(failed, cause=bench.question.id))
    bench.wait(1_999)
    assert bench.count(QueryAccount) == 2
    bench.wait(1)
    assert bench.count(QueryAccount) == 3


def test_account_reported_without_being_asked_changes_nothing() -> None:
    bench = RouterBench().ready()
    bench.hold()

    assert bench.account(D(0)) == []
    assert bench.book.qty == QTY


def test_answer_to_a_question_from_before_the_stream_was_lost_proves_nothing() -> None:
    bench = RouterBench().ready()
    stream(bench, connected=False)
    stream(bench, connected=True)
    before = bench.question
    bench.wait(300)
    stream(bench, connected=False)  # here something is bought by hand, and nobody is told
    bench.wait(300)
    stream(bench, connected=True)

    bench.account(D(0), asked=before)
    assert HALT in bench.router.state.halted_by
    bench.account(QTY)
    bench.wait(5_000)
    bench.account(QTY)

    assert bench.book.qty == QTY
    assert not bench.router.state.halted_by


def test_market_stream_lost_before_a_new_life_does_not_halt_it_once_it_is_up() -> None:
    bench = RouterBench().ready()
    stream(bench, connected=False, name="public-1")  # what a new life begins with
    assert bench.enter(name="refused").state is S.REFUSED

    stream(bench, connected=True, name="public-1")
    bench.account(D(0))
    bench.prepare()

    assert bench.enter(name="passes").state is S.SUBMITTED


def test_start_with_many_market_streams_begins_no_more_comparisons_than_with_the_users() -> None:
    bench = RouterBench().ready()
    begun = len(bench.published(TradingHalted))
    for number in range(1, 9):
        stream(bench, connected=True, name=f"public-{number}")
    assert len(bench.published(TradingHalted)) == begun

    stream(bench, connected=True)

    assert len(bench.published(TradingHalted)) == begun + 1


def test_answer_delivered_twice_is_not_a_second_look() -> None:
    bench = RouterBench()
    bench.activate()
    bench.start()

    bench.account(QTY)
    bench.account(QTY)

    assert bench.book.qty == 0
    assert HALT in bench.router.state.halted_by


def test_l1_account_that_never_agrees_is_asked_for_ever_more_rarely() -> None:
    """A question weighs about 125 of the 2,400 a minute."""
    bench = RouterBench().ready()
    bench.start()
    for step in range(1, 61):
        bench.account(D(step) / 1_000)
        bench.wait(1_000)

    assert 5 < bench.count(QueryAccount) <= 12


def test_l1_account_is_not_asked_for_while_an_order_is_in_doubt() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.unknown(entry)
    bench.start()
    for _ in range(60):
        bench.query_failed(entry)
        bench.wait(1_000)
    assert bench.count(QueryAccount) == 0

    bench.status(entry, S.CANCELED)

    assert bench.count(QueryAccount) == 1


def test_r3_exit_that_the_venue_has_nothing_for_is_not_sent_again_before_the_books_agree() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.canceled(stop)
    bench.reject(bench.newest(Purpose.STOP), "-2021")
    bench.reject(bench.newest(Purpose.EXIT), "-2022")
    for _ in range(10):
        if (stop := bench.newest(Purpose.STOP)).state is S.SUBMITTED:
            bench.reject(stop, "-2021")
        bench.wait(1_000)
    assert len(bench.submits(Purpose.EXIT)) == 1

    bench.account(D(0))
    bench.wait(8_000)
    bench.account(D(0))

    assert bench.book.qty == 0
    assert not bench.router.state.halted_by


def test_exit_is_tried_again_when_the_venue_agrees_that_something_is_held() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.canceled(stop)
    bench.reject(bench.newest(Purpose.STOP), "-2021")
    bench.reject(bench.newest(Purpose.EXIT), "-2022")
    for _ in range(2):
        bench.reject(bench.newest(Purpose.STOP), "-2021")
    bench.take()
    bench.wait(2_000)
    assert not bench.submits(Purpose.EXIT)

    bench.account(QTY)

    assert len(bench.submits(Purpose.EXIT)) == 1


def test_r1_position_we_never_heard_of_is_adopted_and_guarded() -> None:
    bench = RouterBench()
    bench.activate()
    bench.list_instrument()
    bench.start()
    bench.account(D("0.010"))
    assert bench.book.qty == 0
    assert HALT in bench.router.state.halted_by
    seen_at = bench.now
    bench.wait(1_000)

    bench.account(D("0.010"))

    assert bench.book.qty == D("0.010")
    (adopted,) = bench.published(PositionAdopted)
    assert (adopted.qty, adopted.ts_event) == (D("0.010"), seen_at)
    assert [r.key for r in bench.recorded("positions_snapshots")] == [adopted.id]
    (stop,) = bench.submits(Purpose.STOP)
    assert stop.qty == D("0.010")


def test_r3_venue_flat_where_we_hold_converges_with_the_missing_exit_told() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    again = reborn(bench)
    again.start()
    again.status(stop, S.OPEN)

    again.account(D(0))
    again.wait(1_000)
    again.account(D(0), again.resting(stop))

    assert again.book.qty == 0
    assert [a.qty for a in again.published(PositionAdopted)] == [D(0)]
    assert again.cancels() == [stop.client_order_id]
    assert not again.router.state.halted_by


def test_differences_that_change_are_looked_at_once_more() -> None:
    bench = RouterBench()
    bench.activate()
    bench.list_instrument()
    bench.start()
    for qty in ("0.010", "0.020", "0.030"):
        bench.account(D(qty))
        assert HALT in bench.router.state.halted_by
        bench.wait(8_000)

    bench.account(D("0.030"))

    assert bench.book.qty == D("0.030")


def test_comparison_waits_while_an_order_is_in_doubt() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.unknown(entry)
    bench.start()
    bench.take()
    bench.wait(3_000)
    assert bench.count(QueryAccount) == 0

    bench.fill(entry)
    bench.status(entry, S.FILLED, QTY)
    bench.accept(bench.newest(Purpose.STOP))
    bench.account(QTY)

    assert not bench.router.state.halted_by
    assert not bench.published(PositionAdopted)


def test_u7_fills_during_a_disconnect_are_asked_for_when_it_is_back() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    for connected in (False, True):
        stream(bench, connected=connected)

    assert bench.queries() == [stop.client_order_id]
    bench.fill(stop)
    bench.status(stop, S.FILLED, QTY)
    bench.account(D(0))
    assert bench.book.qty == 0
    assert not bench.router.state.halted_by


def test_fill_older_than_the_adoption_is_part_of_it() -> None:
    bench = RouterBench()
    bench.activate()
    bench.list_instrument()
    late = bench.filled(None, QTY)
    bench.wait(10)
    bench.start()
    bench.account(D("-0.006"))
    bench.wait(1_000)
    bench.account(D("-0.006"))

    bench.tell(late)

    assert bench.book.qty == D("-0.006")


def test_order_of_ours_believed_over_but_resting_is_cancelled() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.canceled(entry)
    bench.start()
    bench.take()

    bench.account(D(0), bench.resting(entry))

    (sweep,) = [ask for ask in bench.asks if isinstance(ask, CancelOrder)]
    assert sweep.client_order_id == entry.client_order_id


def test_s8_external_stop_without_trigger_fields_is_left_alone() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    foreign = bench.resting(stop)
    foreign = msgspec.structs.replace(foreign, client_order_id="web_stop", trigger_px=None)
    bench.start()
    bench.status(stop, S.OPEN)
    bench.take()

    bench.account(QTY, foreign)

    assert bench.cancels() == []
    assert not bench.router.state.halted_by


# --- restart ---------------------------------------------------------------------------------------------------


def test_r2_restart_with_a_guarded_position_keeps_both() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    again = reborn(bench)

    again.start()
    again.status(stop, S.OPEN)
    again.account(QTY)
    again.wait(60_000)

    assert again.book.qty == QTY
    assert not again.submits(Purpose.STOP)
    assert not again.submits(Purpose.EXIT)


def test_restart_asks_about_every_living_order_and_tells_of_it() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    again = reborn(bench)

    again.start()

    assert again.queries() == [entry.client_order_id]
    assert [c.order.client_order_id for c in again.published(OrderChanged)] == [
        entry.client_order_id
    ]
    assert not again.submits(Purpose.ENTRY)


def test_restart_stop_recorded_but_never_sent_ends_in_a_close() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    stop = bench.newest(Purpose.STOP)
    again = reborn(bench)

    again.start()
    again.not_found(stop)
    again.wait(5_000)

    assert len(again.submits(Purpose.EXIT)) == 1
    assert not again.submits(Purpose.STOP)


def test_restart_does_not_start_the_clock_of_protection_anew() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    bench.wait(4_000)
    again = reborn(bench)

    again.start()
    again.wait(1_999)
    assert not again.submits(Purpose.EXIT)  # an answer may still come
    again.wait(1)

    assert len(again.submits(Purpose.EXIT)) == 1


def test_restart_naked_position_is_guarded_at_once() -> None:
    bench = RouterBench().ready()
    bench.hold()
    again = reborn(RouterBench().ready(), book=SymbolBook(SYMBOL, qty=QTY, entry_px=D(60_000)))

    again.start()

    assert len(again.submits(Purpose.STOP)) == 1


def test_restart_takes_the_rest_of_a_limit_entrys_time() -> None:
    execution = Execution(entry="limit", entry_ttl_ms=30_000)
    bench = RouterBench(busy_bundle(execution=execution)).ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.wait(20_000)
    again = reborn(bench)
    again.start()
    again.status(entry, S.OPEN)

    again.wait(9_999)
    assert again.cancels() == []
    again.wait(1)
    assert again.cancels() == [entry.client_order_id]


def test_restart_intent_delivered_again_is_known() -> None:
    bench = RouterBench().ready()
    bench.enter()
    again = reborn(bench)
    again.start()

    again.tell(again.intent())
    assert not again.submits(Purpose.ENTRY)


def test_restart_counts_the_entries_of_the_last_minute() -> None:
    bench = RouterBench(busy_bundle(max_orders_per_minute=1)).ready()
    bench.reject(bench.enter())
    again = reborn(bench)
    again.start()
    again.account()
    again.equity()
    again.bar()

    assert "entries_per_minute" in again.enter(name="2").history[-1].note


def test_restart_fill_that_the_snapshot_counts_is_not_counted_again() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    fill = bench.filled(entry)
    counted = SymbolBook(SYMBOL, qty=QTY, entry_px=D(60_000))
    counted.counted.first_time(fill.id)
    again = reborn(bench, book=counted)  # positions had taken it in, the router had not

    again.tell(fill)

    assert again.book.qty == QTY
    order: OrderRecord = again.order(entry)
    assert order.state is S.FILLED


def test_restart_tells_again_how_orders_ended() -> None:
    bench = RouterBench().ready()
    bench.hold()
    again = reborn(bench)

    again.start()

    told = {(o.order.purpose, o.order.state) for o in again.published(OrderChanged)}
    assert (Purpose.ENTRY, S.FILLED) in told
