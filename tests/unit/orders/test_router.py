"""The router told one thing at a time: intents, gates, protection, and an order's end."""

from decimal import Decimal

import msgspec
import pytest

from apps.exchange.core.origin import origin_of
from apps.orders.core.guardian import MAX_STOP_REFUSALS
from chimera.bundles import Execution
from chimera.events import (
    DepthChanged,
    OrderChanged,
    OrderTriggered,
    PrepareSymbol,
    StopChanged,
    StreamDisconnected,
    SubmitOrder,
    TradingHalted,
    TradingResumed,
)
from chimera.events.decisions import Action
from chimera.events.orders import OrderRecord, OrderState, OrderType, Purpose
from chimera.instruments import Side
from chimera.runtime.contract import Ask, Publish, Record
from tests.support.desks import busy_bundle
from tests.support.routers import QTY, SYMBOL, RouterBench

D = Decimal
S = OrderState


def test_intent_approved_is_recorded_before_it_is_asked() -> None:
    bench = RouterBench().ready()

    effects = bench.tell(bench.intent())

    kinds = [type(effect) for effect in effects]
    assert kinds.index(Record) < kinds.index(Ask)
    (submit,) = bench.submits(Purpose.ENTRY)
    assert (submit.side, submit.qty, submit.reduce_only) == (Side.BUY, QTY, False)


@pytest.mark.parametrize("action", [Action.BUY, Action.CLOSE])
def test_intent_delivered_again_only_tells_what_became_of_its_order(action: Action) -> None:
    bench = RouterBench().ready()
    bench.hold()
    bench.tell(bench.intent(action, name="2"))
    asked = len(bench.asks)

    (told,) = bench.tell(bench.intent(action, name="2"))

    assert isinstance(told, Publish)
    assert isinstance(told.event, OrderChanged)
    assert told.event.order.intent_id == "int:2"
    assert len(bench.asks) == asked


def test_intent_before_anything_is_known_is_refused_on_the_record() -> None:
    bench = RouterBench()

    bench.tell(bench.intent())

    order = bench.newest(Purpose.ENTRY)
    assert order.state is S.REFUSED
    assert not bench.submits(Purpose.ENTRY)
    assert [c.order.state for c in bench.published(OrderChanged)] == [S.REFUSED]


def test_intent_while_reconciling_is_refused() -> None:
    bench = RouterBench().ready()
    bench.start()
    bench.prepare()

    assert bench.enter().history[-1].note == "halted"


def test_intent_of_another_generation_is_refused() -> None:
    bench = RouterBench().ready()

    bench.tell(bench.intent(generation=2))

    assert bench.newest(Purpose.ENTRY).history[-1].note == "generation"


def test_intent_from_a_venue_clock_ahead_of_ours_is_not_stale() -> None:
    bench = RouterBench().ready()
    intent = msgspec.structs.replace(bench.intent(), ts_event=bench.now + 80)

    bench.tell(intent)

    assert bench.newest(Purpose.ENTRY).state is S.SUBMITTED


def test_intent_too_old_is_refused() -> None:
    bench = RouterBench().ready()
    intent = bench.intent()
    bench.wait(2_001)

    bench.tell(intent)

    assert bench.newest(Purpose.ENTRY).history[-1].note == "signal_age_ms"


def test_intent_after_midnight_needs_the_new_days_result() -> None:
    bench = RouterBench().ready()
    bench.wait(86_400_000)
    bench.bar()
    assert "day_pnl_usdt" in bench.enter(name="1").history[-1].note

    bench.equity()
    assert bench.enter(name="2").state is S.SUBMITTED


def test_second_intent_while_an_entry_works_is_refused() -> None:
    bench = RouterBench().ready()
    bench.enter(name="1")

    assert "one_position" in bench.enter(name="2").history[-1].note


def test_bad_prices_are_never_believed() -> None:
    bench = RouterBench().ready()
    for close in (float("nan"), float("inf"), 0.0, -1.0):
        bench.bar(close)

    assert (bench.book.mark_px, bench.book.bid_px, bench.book.ask_px) == (60_000.0,) * 3


@pytest.mark.parametrize(
    ("still_told", "gate"), [("quote", "mark_age_ms"), ("mark", "quote_age_ms")]
)
def test_entry_on_a_mark_or_quote_that_stopped_is_refused_though_bars_close(
    still_told: str, gate: str
) -> None:
    bench = RouterBench().ready()
    bench.wait(3_001)
    bench.bar(alone=False)
    getattr(bench, still_told)()

    assert bench.enter(name="1").history[-1].note == gate

    bench.mark()
    bench.quote()
    assert bench.enter(name="2").state is S.SUBMITTED


def test_entry_far_from_the_mark_is_refused_though_a_bar_closed_at_its_price() -> None:
    bench = RouterBench().ready()
    bench.quote(60_310.0, 60_310.0)
    bench.bar(60_310.0, alone=False)
    bench.mark(60_000.0)

    assert bench.enter().history[-1].note == "price_collar"


def test_stop_is_placed_and_an_exit_leaves_on_prices_that_stopped() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.wait(600_000)
    bench.fill(entry)
    (stop,) = bench.submits(Purpose.STOP)
    assert (stop.qty, stop.reduce_only) == (QTY, True)

    bench.tell(bench.intent(Action.CLOSE, name="close"))
    assert len(bench.submits(Purpose.EXIT)) == 1


def test_prices_from_before_the_markets_clock_was_set_back_are_not_believed() -> None:
    bench = RouterBench().ready()
    bench.now -= 3_600_000

    note = bench.enter().history[-1].note
    assert {"mark_age_ms", "quote_age_ms"} <= set(note.split(", "))


def test_halt_from_another_source_lasts_until_the_same_source_resumes() -> None:
    bench = RouterBench().ready()
    times = {"ts_event": bench.now, "ts_init": bench.now}
    bench.tell(TradingHalted(id="h", source="runtime:store", reason="down", **times))
    assert bench.enter(name="1").state is S.REFUSED

    bench.tell(TradingResumed(id="r1", source="somebody", **times))
    assert bench.enter(name="2").state is S.REFUSED

    bench.tell(TradingResumed(id="r2", source="runtime:store", **times))
    assert bench.enter(name="3").state is S.SUBMITTED


def test_own_resumption_coming_back_on_a_stream_does_not_end_a_reconciliation() -> None:
    bench = RouterBench().ready()
    bench.start()
    echo = TradingResumed(
        id="old", ts_event=bench.now, ts_init=bench.now, source="orders:reconcile"
    )

    bench.tell(echo)

    assert bench.enter().state is S.REFUSED


# --- exits -------------------------------------------------------------------------------------------------


def test_close_flat_is_refused_on_the_record() -> None:
    bench = RouterBench().ready()

    bench.tell(bench.intent(Action.CLOSE))

    assert bench.newest(Purpose.EXIT).state is S.REFUSED


def test_close_passes_every_gate_against_new_risk() -> None:
    bench = RouterBench().ready()
    bench.hold()
    bench.start()  # halted
    bench.wait(60_000)  # no price, no fresh equity
    bench.take()

    bench.tell(bench.intent(Action.CLOSE, name="close", generation=99))

    (submit,) = bench.submits(Purpose.EXIT)
    assert (submit.side, submit.qty, submit.reduce_only) == (Side.SELL, QTY, True)


def test_close_twice_sends_one_exit() -> None:
    bench = RouterBench().ready()
    bench.hold()

    bench.tell(bench.intent(Action.CLOSE, name="a"))
    bench.tell(bench.intent(Action.CLOSE, name="a"))
    bench.tell(bench.intent(Action.CLOSE, name="b"))

    assert len(bench.submits(Purpose.EXIT)) == 1


def test_s3_position_closed_sweeps_its_stop_and_places_none() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    bench.tell(bench.intent(Action.CLOSE, name="close"))
    leaving = bench.newest(Purpose.EXIT)
    bench.accept(leaving)
    bench.take()

    bench.fill(leaving)

    assert bench.cancels() == [stop.client_order_id]
    assert not bench.submits(Purpose.STOP)


def test_exit_refused_by_the_venue_compares_the_books() -> None:
    bench = RouterBench().ready()
    bench.hold()
    bench.tell(bench.intent(Action.CLOSE, name="close"))

    bench.reject(bench.newest(Purpose.EXIT), "-2022")

    assert "orders:reconcile" in bench.router.state.halted_by
    for order in list(bench.book.orders.values()):
        bench.status(order, S.OPEN)
    bench.account(D(0))
    bench.wait(2_000)
    bench.account(D(0))
    assert bench.book.qty == 0


def test_exit_whose_end_is_never_told_is_asked_about_until_it_is() -> None:
    bench = RouterBench().ready()
    bench.hold()
    bench.tell(bench.intent(Action.CLOSE, name="2"))
    out = bench.newest(Purpose.EXIT)
    bench.accept(out)
    bench.wait(2_000)
    bench.status(out, S.OPEN)  # the venue had not matched it yet
    bench.take()

    bench.wait(600_000)

    assert 20 < bench.queries().count(out.client_order_id) < 400
    bench.fill(out)
    bench.take()
    bench.wait(60_000)
    assert out.client_order_id not in bench.queries()


def test_exit_that_is_not_over_long_after_it_was_sent_keeps_no_other_back() -> None:
    bench = RouterBench().ready()
    bench.hold()
    bench.tell(bench.intent(Action.CLOSE, name="2"))
    bench.accept(bench.newest(Purpose.EXIT))
    bench.wait(14_999)
    bench.tell(bench.intent(Action.CLOSE, name="3"))
    assert bench.newest(Purpose.EXIT).state is S.REFUSED
    bench.wait(1)

    bench.tell(bench.intent(Action.CLOSE, name="4"))

    out = bench.newest(Purpose.EXIT)
    assert (out.state, out.reduce_only) == (S.SUBMITTED, True)


def test_exit_clipped_by_the_venue_is_over_when_the_venue_says_so() -> None:
    bench = RouterBench().ready()
    bench.hold()
    bench.tell(bench.intent(Action.CLOSE, name="close"))
    leaving = bench.newest(Purpose.EXIT)
    bench.accept(leaving)
    bench.fill(leaving, D("0.002"))
    bench.take()

    bench.wait(2_000)
    assert leaving.client_order_id in bench.queries()
    bench.status(leaving, S.FILLED, D("0.002"))

    assert bench.order(leaving).state is S.EXPIRED


# --- protection --------------------------------------------------------------------------------------------


def test_first_fill_places_the_stop_in_the_same_breath() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.take()

    bench.fill(entry)

    (stop,) = bench.submits(Purpose.STOP)
    assert (stop.side, stop.qty, stop.reduce_only) == (Side.SELL, QTY, True)
    assert stop.trigger_px == D("59880.0")  # 0.2 % below the fill


def test_fill_before_the_acknowledgement_is_taken_and_guarded() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()

    bench.fill(entry)
    bench.accept(entry)

    assert bench.order(entry).state is S.FILLED
    assert len(bench.submits(Purpose.STOP)) == 1


def test_s7_partial_fills_grow_the_stop_without_ever_running_out_of_attempts() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    for part in range(1, 7):
        bench.take()
        bench.fill(entry, D("0.001"))
        (stop,) = bench.submits(Purpose.STOP)
        assert stop.qty == D("0.001") * part
        before = [o for o in bench.book.working(Purpose.STOP) if o.state is S.OPEN]
        bench.accept(bench.newest(Purpose.STOP))
        assert bench.cancels() == [old.client_order_id for old in before]
        for old in before:
            bench.canceled(old)

    assert not bench.submits(Purpose.EXIT)
    assert len(bench.book.working(Purpose.STOP)) == 1


def test_s2_stop_unanswered_is_asked_about_and_never_doubled() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    stop = bench.newest(Purpose.STOP)
    bench.take()

    bench.unknown(stop)
    bench.wait(4_900)

    assert stop.client_order_id in bench.queries()
    assert not bench.submits(Purpose.STOP)
    bench.status(stop, S.OPEN)
    bench.wait(20_000)
    assert not bench.submits(Purpose.STOP)
    assert not bench.submits(Purpose.EXIT)


def test_unprotected_too_long_closes_at_market_once() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    bench.take()

    bench.wait(4_999)
    assert not bench.submits(Purpose.EXIT)
    bench.wait(1)
    assert len(bench.submits(Purpose.EXIT)) == 1
    bench.wait(5_000)
    assert len(bench.submits(Purpose.EXIT)) == 1


def test_s6_stop_that_would_trigger_at_once_is_the_exit_it_is() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    bench.take()

    bench.reject(bench.newest(Purpose.STOP), "-2021")

    (leaving,) = bench.submits(Purpose.EXIT)
    assert leaving.reduce_only
    assert not bench.submits(Purpose.STOP)
    assert "would trigger" in bench.newest(Purpose.EXIT).intent_id


def test_stop_refused_again_and_again_closes_at_market() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    for _ in range(MAX_STOP_REFUSALS):
        assert not bench.submits(Purpose.EXIT)
        bench.reject(bench.newest(Purpose.STOP))

    assert len(bench.submits(Purpose.STOP)) == MAX_STOP_REFUSALS
    assert len(bench.submits(Purpose.EXIT)) == 1


@pytest.mark.parametrize("refused_late", [False, True])
def test_refusals_of_a_position_that_is_over_do_not_close_the_next_one(refused_late: bool) -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    for _ in range(MAX_STOP_REFUSALS - refused_late):
        bench.reject(bench.newest(Purpose.STOP), code="-1111")
    if refused_late:  # closed by hand while the last stop is on its way
        bench.tell(bench.filled(None, QTY, side=Side.SELL))
        bench.reject(bench.newest(Purpose.STOP), code="-2022")
    else:
        out = bench.newest(Purpose.EXIT)
        bench.accept(out)
        bench.fill(out)
    assert bench.book.qty == 0
    bench.wait(60_000)
    bench.equity()
    bench.bar()
    bench.take()

    entry = bench.enter(name="2")
    bench.accept(entry)
    bench.fill(entry)
    if refused_late:
        for _ in range(MAX_STOP_REFUSALS - 1):
            bench.reject(bench.newest(Purpose.STOP), code="-1111")

    assert bench.submits(Purpose.STOP)
    assert not bench.submits(Purpose.EXIT)


def test_s5_stop_that_fired_and_does_not_fill_is_closed_at_market_within_the_bound() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    times = {"ts_event": bench.now, "ts_init": bench.now}
    bench.tell(
        OrderTriggered(
            id="triggered",
            client_order_id=stop.client_order_id,
            symbol=SYMBOL,
            venue_order_id="child",
            **times,
        )
    )

    for _ in range(2):
        bench.wait(2_000)
        assert stop.client_order_id in bench.queries()
        bench.status(stop, S.OPEN)  # the child rests, unfilled
    assert not bench.submits(Purpose.EXIT)
    assert not bench.submits(Purpose.STOP)
    bench.wait(1_000)

    (out,) = bench.submits(Purpose.EXIT)
    assert out.reduce_only
    assert not bench.cancels()


def test_closing_that_the_venue_refuses_is_paced() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry)
    for _ in range(MAX_STOP_REFUSALS):
        bench.reject(bench.newest(Purpose.STOP))

    bench.reject(bench.newest(Purpose.EXIT))
    assert len(bench.submits(Purpose.EXIT)) == 1
    bench.wait(1_000)
    assert len(bench.submits(Purpose.EXIT)) == 2


def test_stop_cancelled_by_hand_is_placed_anew() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()

    bench.canceled(stop)

    assert len(bench.submits(Purpose.STOP)) == 1


def test_stop_changed_tells_when_protection_changes() -> None:
    bench = RouterBench().ready()
    bench.hold()

    told = [(s.position_qty, s.acknowledged_qty) for s in bench.published(StopChanged)]

    assert told == [(QTY, D(0)), (QTY, QTY)]


def test_r4_fill_by_hand_changes_the_position_and_its_protection() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    foreign = bench.filled(None, QTY, side=Side.SELL)

    bench.tell(foreign)
    assert bench.tell(foreign) == []

    assert bench.book.qty == 0
    assert bench.cancels() == [stop.client_order_id]
    assert [r.key for r in bench.recorded("fills")][-1] == foreign.id


@pytest.mark.parametrize(
    ("client_id", "said"),
    [
        ("autoclose-1", "liquidates"),
        ("adl_autoclose", "auto-deleveraging"),
        ("settlement_autoclose-1", "no longer lists"),
        ("web_1", None),
    ],
)
def test_r6_close_by_the_venue_is_told_once_and_flattens_without_a_fight(
    client_id: str, said: str | None
) -> None:
    bench = RouterBench().ready()
    bench.hold()
    half = msgspec.structs.replace(
        bench.filled(None, QTY / 2, side=Side.SELL),
        client_order_id=client_id,
        origin=origin_of(client_id),
    )

    bench.tell(half)
    bench.tell(msgspec.structs.replace(half, id="fill:rest", trade_id="rest"))

    assert bench.book.qty == 0
    assert not bench.submits(Purpose.STOP)
    told = [record.document.detail for record in bench.recorded("alerts")]
    assert [said in detail and client_id in detail for detail in told] == [True] * bool(said)


def test_instrument_listed_late_lets_a_waiting_stop_go() -> None:
    bench = RouterBench()
    bench.activate()
    bench.tell(bench.filled(None, QTY, side=Side.BUY))
    assert not bench.submits(Purpose.STOP)

    bench.list_instrument()

    assert len(bench.submits(Purpose.STOP)) == 1


def test_closing_without_an_instrument_goes_out_all_the_same() -> None:
    bench = RouterBench()
    bench.activate()
    bench.tell(bench.filled(None, QTY, side=Side.BUY))

    bench.wait(5_000)

    assert len(bench.submits(Purpose.EXIT)) == 1


# --- limit entries ---------------------------------------------------------------------------------------------


def limit_bench() -> RouterBench:
    execution = Execution(entry="limit", limit_offset_bps=1.0, entry_ttl_ms=30_000)
    return RouterBench(busy_bundle(execution=execution)).ready()


def test_limit_entry_unfilled_in_its_time_is_cancelled() -> None:
    bench = limit_bench()
    entry = bench.enter()
    assert entry.order_type is OrderType.LIMIT
    bench.accept(entry)

    bench.wait(29_999)
    assert bench.cancels() == []
    bench.wait(1)
    assert bench.cancels() == [entry.client_order_id]


def test_limit_entry_whose_cancel_was_lost_is_cancelled_again() -> None:
    bench = limit_bench()
    entry = bench.enter()
    bench.accept(entry)
    bench.wait(30_000)
    bench.take()

    for _ in range(2):
        bench.wait(2_000)
        bench.status(entry, S.OPEN)

    assert entry.client_order_id in bench.cancels()


def test_limit_entry_found_after_its_time_is_cancelled() -> None:
    bench = limit_bench()
    entry = bench.enter()
    bench.unknown(entry)
    bench.wait(31_000)

    bench.status(entry, S.OPEN)

    assert bench.cancels() == [entry.client_order_id]


def test_r8_stream_lost_cancels_resting_entries_and_stops_new_ones() -> None:
    bench = limit_bench()
    entry = bench.enter()
    bench.accept(entry)
    times = {"ts_event": bench.now, "ts_init": bench.now}

    bench.tell(StreamDisconnected(id="s", stream="exchange:user", connected=False, **times))

    assert bench.cancels() == [entry.client_order_id]
    bench.canceled(entry)
    bench.bar()
    assert bench.enter(name="2").state is S.REFUSED


def partly_filled(bench: RouterBench) -> OrderRecord:
    """Return a limit entry of which a part is filled and guarded."""
    entry = bench.enter()
    bench.accept(entry)
    bench.fill(entry, D("0.002"))
    return entry


def test_exit_at_market_takes_the_rest_of_its_entry_along() -> None:
    bench = limit_bench()
    entry = partly_filled(bench)

    bench.reject(bench.newest(Purpose.STOP), code="-2021")

    assert bench.submits(Purpose.EXIT)
    assert bench.cancels() == [entry.client_order_id]


def test_exit_by_rule_takes_the_rest_of_its_entry_along() -> None:
    bench = limit_bench()
    entry = partly_filled(bench)
    bench.accept(bench.newest(Purpose.STOP))

    bench.tell(bench.intent(Action.CLOSE, name="2"))

    assert bench.submits(Purpose.EXIT)
    assert bench.cancels() == [entry.client_order_id]


def test_s3_stop_filled_takes_the_rest_of_its_entry_along() -> None:
    bench = limit_bench()
    entry = partly_filled(bench)
    stop = bench.newest(Purpose.STOP)
    bench.accept(stop)

    bench.fill(stop, D("0.002"))

    assert bench.cancels() == [entry.client_order_id]


def test_entry_found_after_its_exit_was_sent_is_cancelled() -> None:
    bench = limit_bench()
    entry = bench.enter()
    bench.fill(entry, D("0.002"))
    bench.unknown(entry)
    bench.tell(bench.intent(Action.CLOSE, name="2"))

    bench.status(entry, S.PARTIALLY_FILLED, D("0.002"))

    assert bench.cancels() == [entry.client_order_id]


@pytest.mark.parametrize("accepted_first", [True, False])
def test_halt_takes_back_the_entries_that_rest(accepted_first: bool) -> None:
    bench = limit_bench()
    entry = bench.enter()
    halt = TradingHalted(
        id="h", source="kill-switch", reason="people", ts_event=bench.now, ts_init=bench.now
    )
    if accepted_first:
        bench.accept(entry)
    bench.tell(halt)
    if not accepted_first:
        assert bench.cancels() == []
        bench.accept(entry)

    assert bench.cancels() == [entry.client_order_id]


# --- configuration ---------------------------------------------------------------------------------------------


def test_margin_settings_unanswered_are_asked_for_again() -> None:
    bench = RouterBench()
    bench.activate()
    bench.list_instrument()
    assert bench.count(PrepareSymbol) == 1
    bench.take()

    bench.wait(30_000)
    assert bench.count(PrepareSymbol) == 1
    bench.prepare(problem="busy")
    bench.wait(30_000)
    assert bench.count(PrepareSymbol) == 2
    bench.prepare()
    bench.wait(120_000)
    assert bench.count(PrepareSymbol) == 2


def test_bundle_with_another_leverage_waits_for_the_venue_to_follow() -> None:
    bench = RouterBench().ready()
    bench.activate(2, busy_bundle(leverage=10))
    assert bench.count(PrepareSymbol) == 1
    bench.tell(bench.intent(generation=2))
    assert "margin_settings" in bench.newest(Purpose.ENTRY).history[-1].note

    bench.prepare(leverage=20)  # an answer to an older question
    assert bench.book.margin_problem is not None
    bench.prepare(leverage=10)
    assert bench.book.margin_problem is None


def test_bundle_of_an_older_generation_changes_nothing() -> None:
    bench = RouterBench().ready()
    bench.activate(2)

    bench.activate(1)

    assert bench.router.state.generation == 2


def test_entries_a_minute_count_over_time() -> None:
    bench = RouterBench(busy_bundle(max_orders_per_minute=1)).ready()
    first = bench.enter(name="1")
    bench.reject(first)
    bench.bar()
    assert "entries_per_minute" in bench.enter(name="2").history[-1].note

    bench.wait(60_000)
    bench.bar()
    assert bench.enter(name="3").state is S.SUBMITTED


@pytest.mark.parametrize("action", [Action.BUY, Action.SELL])
def test_submit_carries_our_own_id(action: Action) -> None:
    bench = RouterBench().ready()
    entry = bench.enter(action)

    (submit,) = [ask for ask in bench.asks if isinstance(ask, SubmitOrder)]

    assert submit.client_order_id == entry.client_order_id
    assert len(submit.client_order_id) <= 36
    assert submit.symbol == SYMBOL


def test_depth_says_that_a_quote_that_stands_still_is_alive() -> None:
    bench = RouterBench().ready()
    bench.wait(10_000)
    assert bench.enter(name="refused").history[-1].note.find("quote_age_ms") >= 0

    at = {"ts_event": bench.now, "ts_init": bench.now}
    depth = DepthChanged(
        id="depth", symbol=SYMBOL, bids=((59_999.0, 1.0),), asks=((60_001.0, 1.0),), **at
    )
    bench.tell(depth)

    assert "quote_age_ms" not in bench.enter(name="passes").history[-1].note
