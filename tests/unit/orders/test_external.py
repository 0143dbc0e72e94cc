"""R4: what others do on our account is recognised, protected and told; nobody fights over it."""

from decimal import Decimal

import msgspec
import pytest

from apps.exchange.core.venue.default_instruments import list_symbols
from apps.orders.core.book import SymbolBook
from apps.orders.core.guardian import MAX_STOP_REFUSALS
from apps.orders.core.service import Router
from chimera.clock import MINUTE
from chimera.events import InstrumentListed, MarkPriceChanged, OrderFilled
from chimera.events.health import ServiceState
from chimera.events.orders import OrderRecord, Purpose
from chimera.instruments import Market, Side
from tests.support.desks import busy_bundle
from tests.support.routers import PX, QTY, SYMBOL, RouterBench

D = Decimal
OTHER = "ETHUSDT-PERP"
COIN = "ETHUSDT"
WIDEST = D(repr(busy_bundle().risk.max_stop_distance))


def by_hand(bench: RouterBench, symbol: str, side: Side = Side.BUY) -> OrderFilled:
    fill = msgspec.structs.replace(bench.filled(None, QTY, side=side), symbol=symbol)
    bench.tell(fill)
    return fill


def list_other(bench: RouterBench) -> None:
    listed = list_symbols(Market.USDM, ["ETHUSDT"])["ETHUSDT"].filters
    at = {"ts_event": bench.now, "ts_init": bench.now}
    bench.tell(InstrumentListed(id=f"instrument:{OTHER}", instrument=listed, **at))


def mark(bench: RouterBench, px: float, symbol: str) -> None:
    bench.tell(
        MarkPriceChanged(
            id=f"mark:{symbol}:{bench.now}",
            ts_event=bench.now,
            ts_init=bench.now,
            symbol=symbol,
            mark_px=px,
            index_px=px,
            funding_rate=0.0,
            next_funding_time=0,
        )
    )


def alerts(bench: RouterBench) -> list[tuple[ServiceState, str]]:
    kept = [msgspec.json.decode(record.body) for record in bench.recorded("alerts")]
    return [(ServiceState(body["severity"]), body["detail"]) for body in kept]


def test_position_of_others_is_told_and_gets_a_stop_below_the_mark() -> None:
    bench = RouterBench().ready()
    list_other(bench)
    mark(bench, 50_000.0, OTHER)

    by_hand(bench, OTHER)

    (stop,) = bench.submits(Purpose.STOP)
    assert (stop.symbol, stop.side, stop.qty) == (OTHER, Side.SELL, QTY)
    assert stop.trigger_px is not None
    assert D(0) <= stop.trigger_px - D(50_000) * (1 - WIDEST) < D("0.01")
    ((state, detail),) = alerts(bench)
    assert state is ServiceState.DEGRADED
    assert f"{QTY} {OTHER}" in detail


def test_position_of_others_where_we_do_not_trade_is_never_closed() -> None:
    bench = RouterBench().ready()

    by_hand(bench, OTHER)  # nobody knows its filters yet: no stop can be placed
    bench.wait(10 * MINUTE)

    assert not bench.submits(Purpose.EXIT)
    assert [state for state, _ in alerts(bench)] == [ServiceState.DEGRADED, ServiceState.ERROR]

    list_other(bench)
    assert [stop.symbol for stop in bench.submits(Purpose.STOP)] == [OTHER]


def test_refused_stop_of_others_is_tried_again_and_not_in_a_hurry() -> None:
    bench = RouterBench().ready()
    list_other(bench)
    by_hand(bench, OTHER)

    def refuse_all() -> int:
        tried = 0
        while stops := bench.submits(Purpose.STOP):
            bench.take()
            for stop in stops:
                bench.reject(bench.router.lifecycle.orders[stop.client_order_id], "-2021")
                tried += 1
        return tried

    assert refuse_all() == MAX_STOP_REFUSALS
    bench.wait(bench.router.deadlines.close_unprotected - 1)
    assert refuse_all() == 0
    for _ in range(3):
        bench.wait(bench.router.deadlines.prepare_again)
        assert refuse_all() == 1
    assert not bench.submits(Purpose.EXIT)


def test_position_of_others_in_our_symbol_does_not_stay_without_a_stop() -> None:
    bench = RouterBench().ready()
    by_hand(bench, SYMBOL)
    for _ in range(MAX_STOP_REFUSALS):
        bench.reject(bench.newest(Purpose.STOP))

    assert [exit.symbol for exit in bench.submits(Purpose.EXIT)] == [SYMBOL]


@pytest.mark.parametrize("side", list(Side))
def test_coins_bought_or_sold_by_hand_are_no_position(side: Side) -> None:
    bench = RouterBench().ready()
    bench.effects.clear()

    by_hand(bench, COIN, side)
    bench.wait(10 * MINUTE)

    assert bench.router.state.book(COIN).qty == 0
    assert not bench.recorded("fills")
    assert not bench.submits(Purpose.EXIT)
    assert not bench.submits(Purpose.STOP)


def test_stop_of_a_hand_made_position_owes_nothing_to_the_entry_before() -> None:
    bench = RouterBench().ready()
    ours = bench.hold()
    bench.tell(bench.filled(None, QTY, side=Side.SELL))
    bench.canceled(ours)
    bench.take()

    by_hand(bench, SYMBOL)

    (stop,) = bench.submits(Purpose.STOP)
    assert ours.trigger_px is not None
    assert stop.trigger_px is not None
    assert 1 - ours.trigger_px / D(PX) < D("0.003")
    assert 1 - stop.trigger_px / D(PX) > D("0.019")


def restored(book: SymbolBook, *orders: OrderRecord) -> SymbolBook:
    router = Router()
    router.restore(orders=orders, positions=[book])
    return router.state.book(SYMBOL)


def test_stop_distance_of_our_position_outlives_a_restart_and_that_of_an_older_one_does_not() -> (
    None
):
    bench = RouterBench().ready()
    bench.hold()
    entry = bench.newest(Purpose.ENTRY)
    at = entry.history[-1].ts
    later = at + Router().deadlines.settle + 1

    ours = restored(SymbolBook(SYMBOL, qty=QTY, entry_px=D(60_000), opened_at=at), entry)
    of_others = restored(SymbolBook(SYMBOL, qty=QTY, entry_px=D(60_000), opened_at=later), entry)
    turned = restored(SymbolBook(SYMBOL, qty=-QTY, entry_px=D(60_000), opened_at=at), entry)

    assert ours.stop_distance == entry.stop_distance == 0.002
    assert of_others.stop_distance is None
    assert turned.stop_distance is None


def test_position_found_at_the_start_is_protected_from_where_the_price_is_now() -> None:
    """Its entry may be long ago: a stop below that would fire at once, and close what is not ours."""
    bench = RouterBench()
    bench.activate()
    bench.list_instrument()
    bench.start()
    bench.account(QTY, mark="57600")
    bench.wait(2_000)
    bench.account(QTY, mark="57600")

    (stop,) = bench.submits(Purpose.STOP)
    assert stop.trigger_px is not None
    assert D(0) <= stop.trigger_px - D(57_600) * (1 - WIDEST) < D("0.1")


def test_stop_of_others_that_would_trigger_at_once_closes_nothing() -> None:
    bench = RouterBench().ready()
    by_hand(bench, SYMBOL)

    bench.reject(bench.newest(Purpose.STOP), "-2021")

    assert not bench.submits(Purpose.EXIT)
    assert len(bench.submits(Purpose.STOP)) == 2


def test_stop_of_others_that_was_refused_waits_for_a_price_that_says_where_the_market_is() -> None:
    bench = RouterBench()
    bench.activate()
    by_hand(bench, OTHER)
    bench.wait(10 * MINUTE)
    list_other(bench)
    (from_entry,) = bench.submits(Purpose.STOP)
    bench.take()
    bench.reject(bench.router.lifecycle.orders[from_entry.client_order_id], "-2021")
    assert not bench.submits(Purpose.STOP)

    for _ in range(30):
        mark(bench, 50_000.0, OTHER)
        bench.wait(1_000)

    (stop,) = bench.submits(Purpose.STOP)
    assert stop.trigger_px is not None
    assert stop.trigger_px < 50_000
