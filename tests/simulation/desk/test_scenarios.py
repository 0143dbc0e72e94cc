"""Named situations from other systems' public failures, played on the whole desk with the real venue."""

import itertools
from collections.abc import Iterator
from decimal import Decimal

import pytest

from apps.exchange.core.venue.actions import Bar
from apps.exchange.core.venue.types import NewOrder, VenueOrderType
from apps.experiments.core.desk import ACCOUNT_ID
from chimera.clock import MINUTE
from chimera.events import EquityMarked, StreamDisconnected, SubmitOrder
from chimera.events.base import Command
from chimera.events.orders import OrderState, Purpose
from chimera.instruments import Market
from chimera.money import ZERO
from chimera.runtime.faults import AskFate, CrashMoment, FaultRates, Faults
from tests.support.desks import (
    Inputs,
    Run,
    assert_books_agree,
    assert_nothing_twice,
    busy_bundle,
    open_desk,
    random_walk,
)

SYMBOL = "BTCUSDT-PERP"


class Scripted(Faults):
    """Nothing goes wrong but what the test asks for."""

    def __init__(self) -> None:
        super().__init__(FaultRates(crash=1e-12), seed=0)
        self.fates: Iterator[AskFate] = iter(())
        self.crash_next: CrashMoment | None = None

    def ask(self) -> AskFate:
        return next(self.fates, AskFate(0, True, True))

    def crash(self) -> CrashMoment | None:
        moment, self.crash_next = self.crash_next, None
        return moment

    def even(self) -> bool:
        return False


def scripted(unprotected_max: int = 20_000) -> tuple[Run, Scripted, Inputs]:
    run = open_desk(busy_bundle(), rates=FaultRates(crash=1e-12), unprotected_max=unprotected_max)
    faults = Scripted()
    run.desk.runtime._faults = faults
    return run, faults, random_walk(60, seed=1)


def until_held(run: Run, bars: Inputs) -> None:
    """Trade bar by bar until a position is held."""
    for item in bars:
        run.desk.runtime.run([item])
        pause(run, 100)
        if run.router.books[SYMBOL].qty:
            return
    pytest.fail("no position was opened")


def before_next_entry(run: Run, bars: Inputs) -> None:
    """Trade until flat, so that the next order may be an entry."""
    for item in bars:
        run.desk.runtime.run([item])
        pause(run, 100)
        if not run.router.books[SYMBOL].qty and not run.router.books[SYMBOL].orders:
            return


def pause(run: Run, millis: int) -> None:
    run.desk.runtime.settle(run.desk.runtime.clock.now() + millis)


def finish(run: Run, bars: Inputs) -> None:
    run.desk.runtime.run(bars)
    pause(run, 60_000)
    assert_nothing_twice(run)
    assert_books_agree(run)


def order_by_hand(run: Run, *, leave: Decimal = ZERO) -> None:
    """Close the position at the venue but for `leave` of it, past us."""
    book, now = run.router.books[SYMBOL], run.desk.runtime.clock.now()
    request = NewOrder(
        symbol="BTCUSDT",
        side=book.position_side.opposite,
        type=VenueOrderType.MARKET,
        quantity=abs(book.qty) - leave,
        client_order_id="web_1",
        reduce_only=True,
    )
    run.desk.venue.place_order(ACCOUNT_ID, Market.USDM, request, now)


def tell(run: Run) -> None:
    """Let the venue tell what happened there meanwhile."""
    runtime = run.desk.runtime
    runtime._hear(run.desk.exchange.advance(runtime.clock.now()))
    runtime._handle_due()
    pause(run, 10)


def stream(run: Run, *, connected: bool) -> None:
    now = run.desk.runtime.clock.now()
    run.desk.runtime.inject(
        StreamDisconnected(
            id=f"s{now}{connected}",
            ts_event=now,
            ts_init=now,
            stream="exchange:user",
            connected=connected,
            account=True,
        )
    )


def test_u1_answer_to_an_entry_is_lost_and_it_was_accepted() -> None:
    run, faults, bars = scripted()
    faults.fates = iter([AskFate(0, True, False)])

    until_held(run, bars)

    finish(run, bars)
    entries = [o for o in run.orders() if o.purpose is Purpose.ENTRY]
    assert not [o for o in entries if o.state is OrderState.REJECTED]


def test_u2_entry_never_arrives_and_is_reported_as_not_placed() -> None:
    run, faults, bars = scripted()
    pause(run, 100)
    faults.fates = iter([AskFate(0, False, False)])

    until_held(run, bars)

    first = next(o for o in run.orders() if o.purpose is Purpose.ENTRY)
    assert first.state is OrderState.REJECTED
    assert "did not know it" in first.history[-1].note
    finish(run, bars)


def test_u4_outage_of_answers_and_stream_with_orders_in_flight() -> None:
    run, faults, bars = scripted()
    pause(run, 100)
    faults.fates = iter([AskFate(0, True, False)] * 3)
    stream(run, connected=False)
    stream(run, connected=True)

    until_held(run, bars)

    finish(run, bars)


def test_s3_stop_hit_at_the_venue_leaves_nothing_behind() -> None:
    run, _, bars = scripted()
    finish(run, bars)

    assert any(o.purpose is Purpose.STOP and o.state is OrderState.FILLED for o in run.orders())


def test_l5_rest_of_a_partial_exit_below_the_smallest_notional_is_sold() -> None:
    run, _, bars = scripted()
    until_held(run, bars)
    book, rest = run.router.books[SYMBOL], Decimal("0.001")
    order_by_hand(run, leave=rest)
    tell(run)

    assert abs(book.qty) == rest
    assert book.instrument is not None
    assert book.instrument.notional_violation(rest * book.entry_px) is not None
    finish(run, bars)
    sold = [o for o in run.orders() if o.purpose is not Purpose.ENTRY and o.filled_qty == rest]
    assert [(o.state, o.reduce_only) for o in sold] == [(OrderState.FILLED, True)]


def test_stop_never_arrives_and_the_position_is_closed_at_market() -> None:
    run, faults, bars = scripted(unprotected_max=8_000)
    pause(run, 100)
    entry_passes = AskFate(0, True, True)
    faults.fates = iter([entry_passes, AskFate(0, False, False)])
    until_held(run, bars)

    pause(run, 8_000)

    assert run.router.books[SYMBOL].qty == 0
    closing = [o for o in run.orders() if "unprotected" in o.intent_id]
    assert [o.state for o in closing] == [OrderState.FILLED]
    finish(run, bars)


@pytest.mark.parametrize("moment", list(CrashMoment))
def test_r2_crash_while_a_guarded_position_is_held_keeps_it(moment: CrashMoment) -> None:
    run, faults, bars = scripted()
    until_held(run, bars)
    held = run.router.books[SYMBOL].qty
    faults.crash_next = moment
    stream(run, connected=True)
    pause(run, 5_000)

    assert run.desk.runtime.crashes == 1
    assert run.router.books[SYMBOL].qty == held
    assert_books_agree(run)
    finish(run, bars)


@pytest.mark.parametrize("moment", list(CrashMoment))
@pytest.mark.parametrize("after", [SubmitOrder])
def test_crash_at_the_entry_never_sends_it_twice(
    moment: CrashMoment, after: type[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, faults, bars = scripted()
    pause(run, 100)
    cascade = run.desk.runtime._dispatcher.cascade
    armed = [True]

    def crash_at_first_submit(event, now):  # type: ignore[no-untyped-def]
        follows = cascade(event, now)
        if armed and after in map(type, follows.commands):
            armed.clear()
            faults.crash_next = moment
        return follows

    monkeypatch.setattr(run.desk.runtime._dispatcher, "cascade", crash_at_first_submit)
    finish(run, bars)

    assert run.desk.runtime.crashes == 1


def test_r3_position_closed_by_hand_unseen_is_explained() -> None:
    run, _, bars = scripted()
    until_held(run, bars)
    stream(run, connected=False)
    order_by_hand(run)
    run.desk.venue.drain()  # nobody was told

    stream(run, connected=True)
    pause(run, 5_000)

    assert run.router.books[SYMBOL].qty == 0
    adopted = run.store.query("positions_snapshots", equal={"type": "position.adopted.v1"})
    assert [Decimal(d.body["qty"]) for d in adopted.documents] == [Decimal(0)]
    assert_books_agree(run)
    finish(run, bars)


def test_money_moved_in_while_nobody_listened_is_no_gain_of_the_day() -> None:
    run, _, bars = scripted()
    run.desk.runtime.run([next(bars)])
    now = run.desk.runtime.clock.now()
    run.desk.venue.transfer(ACCOUNT_ID, "USDT", Decimal(700), "UMFUTURE_MAIN", now)
    tell(run)
    until_held(run, bars)
    before = run.bodies("positions_snapshots", EquityMarked)[-1].day_pnl_usdt
    stream(run, connected=False)
    order_by_hand(run)
    now = run.desk.runtime.clock.now()
    run.desk.venue.transfer(ACCOUNT_ID, "USDT", Decimal(700), "MAIN_UMFUTURE", now)
    run.desk.venue.drain()  # nobody was told

    stream(run, connected=True)
    pause(run, 5_000)

    after = run.bodies("positions_snapshots", EquityMarked)[-1]
    assert after.day_pnl_usdt <= before
    assert abs(after.transferred_usdt) < 1  # what went out before, and what was booked
    told = {alert.body["detail"] for alert in run.store.query("alerts").documents}
    assert [detail for detail in told if "no fact explains" in detail]
    assert [detail for detail in told if "adopted" in detail]
    assert len(told) == 2
    assert_books_agree(run)
    finish(run, bars)


def test_r4_position_closed_by_hand_seen_is_no_fight() -> None:
    run, _, bars = scripted()
    until_held(run, bars)

    order_by_hand(run)
    tell(run)

    assert run.router.books[SYMBOL].qty == 0
    assert_books_agree(run)
    finish(run, bars)


def test_r4_stop_cancelled_by_hand_is_placed_anew() -> None:
    run, _, bars = scripted()
    until_held(run, bars)
    (algo,) = run.desk.venue.open_algos(ACCOUNT_ID)
    run.desk.venue.cancel_algo(ACCOUNT_ID, run.desk.runtime.clock.now(), algo_id=algo.algo_id)

    tell(run)

    (new,) = run.desk.venue.open_algos(ACCOUNT_ID)
    assert new.algo_id != algo.algo_id
    finish(run, bars)


def test_r1_desk_that_starts_on_a_held_position_guards_and_trades_it() -> None:
    run, _, bars = scripted()
    request = NewOrder(
        symbol="BTCUSDT",
        side=run.router.state.book(SYMBOL).position_side,
        type=VenueOrderType.MARKET,
        quantity=Decimal("0.005"),
        client_order_id="web_1",
    )
    first = [next(bars)]
    run.desk.runtime.run(first)
    before_next_entry(run, bars)
    run.desk.venue.place_order(ACCOUNT_ID, Market.USDM, request, run.desk.runtime.clock.now())
    run.desk.venue.drain()
    stream(run, connected=False)
    stream(run, connected=True)
    pause(run, 5_000)

    assert abs(run.router.books[SYMBOL].qty) == Decimal("0.005")
    assert len(run.desk.venue.open_algos(ACCOUNT_ID)) == 1
    assert_books_agree(run)
    finish(run, bars)


@pytest.mark.parametrize("latency", [0, 5, 150, 600])
def test_r3_position_and_stop_gone_unseen_and_the_price_beyond_the_stop_converges(
    latency: int,
) -> None:
    run, faults, bars = scripted(unprotected_max=10**9)
    until_held(run, bars)
    runtime = run.desk.runtime
    stream(run, connected=False)
    order_by_hand(run)
    (algo,) = run.desk.venue.open_algos(ACCOUNT_ID)
    run.desk.venue.cancel_algo(ACCOUNT_ID, runtime.clock.now(), algo_id=algo.algo_id)
    book, opened = run.router.books[SYMBOL], runtime.clock.now() // MINUTE * MINUTE
    assert book.bid_px is not None
    beyond = round(book.bid_px * (0.98 if book.qty > 0 else 1.02), 2)
    moved = Bar(
        market=Market.USDM,
        symbol="BTCUSDT",
        interval="1m",
        open_time=opened,
        close_time=opened + MINUTE,
        open=book.bid_px,
        high=max(book.bid_px, beyond),
        low=min(book.bid_px, beyond),
        close=beyond,
        volume=100.0,
    )
    runtime.run([(opened + MINUTE, moved)])
    run.desk.venue.drain()  # nobody was told
    before = len(run.orders())

    faults.fates = itertools.repeat(AskFate(latency, True, True))
    stream(run, connected=True)
    pause(run, 60_000)

    assert run.router.books[SYMBOL].qty == 0
    assert_books_agree(run)
    assert len(run.orders()) - before <= 5
