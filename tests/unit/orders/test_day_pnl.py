"""The day's PnL at the gate: how long the books' last word holds, and what ages it."""

from decimal import Decimal

import pytest

from apps.orders.core.book import SymbolBook
from apps.orders.core.day_pnl import DayPnl
from apps.orders.core.deadlines import Deadlines
from chimera.clock import DAY, HOUR, MINUTE, SECOND, Millis
from chimera.events import EquityMarked
from chimera.events.orders import OrderState, Purpose
from tests.support.routers import RouterBench

T0 = 20_000 * DAY + 12 * HOUR
DEADLINES = Deadlines()
OPEN_MAX = DEADLINES.equity_age
FLAT_MAX = HOUR + OPEN_MAX


def word(at: Millis, positions: int = 0, *, init: Millis | None = None) -> EquityMarked:
    return EquityMarked(
        id=f"e{at}",
        ts_event=at,
        ts_init=at if init is None else init,
        wallet_usdt=Decimal(1_000),
        unrealised_usdt=Decimal(0),
        open_positions=positions,
        day_pnl_usdt=Decimal(-7),
    )


def book(qty: int, changed_at: Millis) -> SymbolBook:
    return SymbolBook("BTCUSDT-PERP", qty=Decimal(qty), changed_at=changed_at)


def told(positions: int = 0, at: Millis = T0) -> DayPnl:
    day_pnl = DayPnl(DEADLINES)
    day_pnl.take(word(at, positions))
    return day_pnl


def test_day_pnl_nobody_told_is_unknown() -> None:
    assert DayPnl(DEADLINES).at(T0, ())[0] is None


def test_day_pnl_of_yesterday_is_unknown() -> None:
    assert told().at(T0 + DAY, ())[0] is None


@pytest.mark.parametrize(("positions", "age_max"), [(0, FLAT_MAX), (1, OPEN_MAX)])
def test_day_pnl_ages_by_what_the_books_held(positions: int, age_max: Millis) -> None:
    believed = told(positions).at(T0 + 5_000, [book(positions, T0 - HOUR)])

    assert believed == (Decimal(-7), 5_000, age_max)


def test_day_pnl_of_flat_books_ages_from_the_first_change_they_did_not_tell_of() -> None:
    day_pnl = told()
    assert day_pnl.at(T0 + MINUTE, [book(1, T0 + MINUTE)]) == (Decimal(-7), 0, OPEN_MAX)

    later = [book(0, T0 + MINUTE + 9_000)]  # what happens meanwhile makes it no younger

    assert day_pnl.at(T0 + MINUTE + 9_000, later) == (Decimal(-7), 9_000, OPEN_MAX)


def test_day_pnl_told_later_counts_anew() -> None:
    day_pnl = told()
    day_pnl.at(T0 + MINUTE, [book(1, T0 + 2)])

    day_pnl.take(word(T0 + MINUTE))

    assert day_pnl.at(T0 + MINUTE + 1, [book(0, T0 + 2)]) == (Decimal(-7), 1, FLAT_MAX)


def test_day_pnl_told_before_our_own_last_fill_is_no_doubt_once_that_came() -> None:
    """Apart: `pos:events` may say flat before the router heard of the fill that closed it."""
    day_pnl = told()

    assert day_pnl.at(T0 + 5, [book(1, T0 - HOUR)]) == (Decimal(-7), 5, OPEN_MAX)
    assert day_pnl.at(T0 + MINUTE, [book(0, T0)]) == (Decimal(-7), MINUTE, FLAT_MAX)


@pytest.mark.parametrize(("ts_event", "ts_init"), [(T0, T0 + 40), (T0 + 40, T0)])
def test_day_pnl_covers_a_change_by_either_clock(ts_event: Millis, ts_init: Millis) -> None:
    day_pnl = DayPnl(DEADLINES)
    day_pnl.take(word(ts_event, init=ts_init))

    assert day_pnl.at(T0 + MINUTE, [book(0, T0 + 40)])[2] == FLAT_MAX


def test_day_pnl_of_a_clock_that_was_set_back_is_not_young_for_ever() -> None:
    assert told(1, at=T0 + 2 * HOUR).at(T0, ())[1] == 2 * HOUR


def test_deadlines_leave_room_for_bars_and_for_a_fast_market() -> None:
    assert Deadlines.for_bars().equity_age == OPEN_MAX == 2 * MINUTE + 10 * SECOND
    assert Deadlines.for_bars(HOUR).equity_age == 2 * HOUR + 10 * SECOND
    assert Deadlines.stretched(speed=1.0, interval=HOUR).equity_age == OPEN_MAX
    assert Deadlines.stretched(speed=60.0).equity_age == 13 * MINUTE


# --- at the router -----------------------------------------------------------------------------------------


def test_books_that_stopped_telling_allow_no_entry_after_the_next_fill() -> None:
    bench = RouterBench().ready()
    bench.wait(1)
    bench.hold()
    bench.tell(bench.filled(None))  # closed by hand
    bench.wait(OPEN_MAX + 1)
    bench.bar()

    refused = bench.enter(name="2")
    bench.equity("-3")
    taken = bench.enter(name="3")

    assert (refused.state, refused.history[-1].note) == (OrderState.REFUSED, "day_pnl_usdt")
    assert taken.state is OrderState.SUBMITTED


def test_books_that_stopped_telling_keep_no_exit_back() -> None:
    bench = RouterBench().ready()
    bench.hold()
    bench.wait(HOUR)
    bench.take()

    bench.tell(bench.intent(bench.intent().action.CLOSE, name="out"))

    assert bench.submits(Purpose.EXIT)


def test_flat_books_that_stopped_telling_are_believed_for_an_hour() -> None:
    bench = RouterBench().ready()
    bench.wait(FLAT_MAX)
    bench.bar()
    assert bench.enter(name="1").state is OrderState.SUBMITTED

    late = RouterBench().ready()
    late.wait(FLAT_MAX + 1)
    late.bar()
    assert late.enter(name="1").history[-1].note == "day_pnl_usdt"


def test_restart_takes_up_the_age_of_the_word() -> None:
    bench = RouterBench().ready()
    bench.router.restore(orders=(), positions=(), marked=word(bench.now - OPEN_MAX - 1, 1))

    assert "day_pnl_usdt" in bench.enter().history[-1].note
