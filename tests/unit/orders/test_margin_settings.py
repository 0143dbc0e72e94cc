"""Margin settings that are changed while we run (L4, C02): entries wait for them, exits do not."""

import pytest

from chimera.events import ACCOUNT, MarginSettingsChanged, PrepareSymbol, StreamDisconnected
from chimera.events.decisions import Action
from chimera.events.health import AlertRaised
from chimera.events.orders import OrderState, Purpose
from tests.support.routers import QTY, SYMBOL, RouterBench

S = OrderState


def change(bench: RouterBench, symbol: str = SYMBOL) -> None:
    at = {"ts_event": bench.now, "ts_init": bench.now}
    bench.tell(MarginSettingsChanged(id=f"settings:{symbol}:{bench.now}", symbol=symbol, **at))


def reconnect(bench: RouterBench) -> None:
    for connected in (False, True):
        bench.tell(
            StreamDisconnected(
                id=f"stream:{bench.now}:{connected}",
                stream="exchange:um:user",
                connected=connected,
                ts_event=bench.now,
                ts_init=bench.now,
            )
        )


def refused(bench: RouterBench, name: str = "1") -> set[str]:
    entry = bench.enter(name=name)
    return {check.gate for check in entry.gates if not check.passed}


@pytest.mark.parametrize("symbol", [SYMBOL, ACCOUNT])
def test_changed_settings_are_read_back_before_the_next_entry(symbol: str) -> None:
    bench = RouterBench().ready()

    change(bench, symbol)

    assert bench.count(PrepareSymbol) == 1
    assert refused(bench) == {"margin_settings"}
    bench.prepare()
    assert bench.enter(name="2").state is S.SUBMITTED


def test_settings_changed_elsewhere_concern_nobody() -> None:
    bench = RouterBench().ready()

    change(bench, "ETHUSDT-PERP")

    assert bench.count(PrepareSymbol) == 0
    assert bench.enter().state is S.SUBMITTED


def test_answer_from_before_the_change_proves_nothing() -> None:
    bench = RouterBench().ready()
    change(bench)
    before = bench.preparation
    bench.wait(100)
    change(bench)

    bench.prepare(asked=before)

    assert refused(bench) == {"margin_settings"}
    bench.prepare()
    assert bench.enter(name="2").state is S.SUBMITTED


def test_exits_and_stops_do_not_wait_for_settings() -> None:
    bench = RouterBench().ready()
    entry = bench.enter()
    bench.accept(entry)
    change(bench)

    bench.fill(entry)
    assert len(bench.submits(Purpose.STOP)) == 1
    bench.tell(bench.intent(Action.CLOSE, name="close"))
    assert len(bench.submits(Purpose.EXIT)) == 1


def test_every_comparison_with_the_venue_reads_the_settings_again() -> None:
    """Binance announces no change of the margin type of what is not held."""
    bench = RouterBench().ready()

    reconnect(bench)

    assert bench.count(PrepareSymbol) == 1
    bench.account()
    assert refused(bench) == {"margin_settings"}
    bench.prepare(problem="margin is crossed, not isolated; the venue refused to change it: orders")
    assert refused(bench, "2") == {"margin_settings"}


@pytest.mark.parametrize("held", [{"leverage": 10}, {"isolated": False}])
def test_position_with_other_settings_than_we_believe_has_them_read_again(
    held: dict[str, int],
) -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    reconnect(bench)
    bench.status(stop, S.OPEN)
    bench.prepare()
    bench.take()

    bench.account(QTY, **held)

    assert bench.count(PrepareSymbol) == 1
    assert bench.book.margin_problem is not None
    bench.prepare(problem="leverage is 10, not 20; the venue refused to change it: held")
    assert len(bench.recorded("alerts")) == 1


def test_position_with_the_settings_that_are_wanted_has_them_not_read_again() -> None:
    bench = RouterBench().ready()
    stop = bench.hold()
    reconnect(bench)
    bench.status(stop, S.OPEN)
    bench.prepare()
    bench.take()

    bench.account(QTY)

    assert bench.count(PrepareSymbol) == 0
    assert bench.book.margin_problem is None


def test_people_are_told_once_of_what_the_settings_lack() -> None:
    bench = RouterBench().ready()
    change(bench)
    for _ in range(3):
        bench.prepare(problem="multi-assets mode is on")
        bench.wait(30_000)

    [kept] = bench.recorded("alerts")
    assert isinstance(kept.document, AlertRaised)
    assert "multi-assets mode is on" in kept.document.detail
    assert SYMBOL in kept.document.detail

    bench.prepare()
    change(bench)
    bench.prepare(problem="multi-assets mode is on")
    assert len(bench.recorded("alerts")) == 2


def test_settings_that_could_not_be_read_are_asked_for_again_without_an_alert() -> None:
    bench = RouterBench().ready()
    change(bench)
    bench.take()

    bench.prepare(problem="not read back: busy", leverage=0)
    bench.wait(30_000)

    assert bench.count(PrepareSymbol) == 1
    assert bench.recorded("alerts") == []
