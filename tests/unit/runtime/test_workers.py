"""What the workers' rooms build from a record that another worker left unfinished."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from apps.features.worker import build as build_features
from apps.orders.core.service import Router
from apps.orders.worker import ENDED_KEPT
from apps.orders.worker import build as build_orders
from apps.positions.core.service import OPENING, Positions
from apps.positions.worker import build as build_positions
from apps.strategy.worker import build as build_strategy
from chimera.bundles import Bundle, FactorKind, FactorSpec, bundle_hash
from chimera.clock import HOUR, MINUTE
from chimera.events import (
    AccountReported,
    DecisionMade,
    FeaturesComputed,
    FundingPaid,
    IntentIssued,
    OrderFilled,
    PositionAdopted,
    PositionChanged,
    TimerFired,
)
from chimera.events.base import Event
from chimera.events.decisions import Action
from chimera.events.features import MarketInputs
from chimera.events.orders import (
    LiquiditySide,
    OrderRecord,
    OrderState,
    OrderType,
    Purpose,
    Transition,
)
from chimera.ids import client_order_id, position_id
from chimera.instruments import Side
from chimera.runtime.contract import Publish, Record
from chimera.runtime.worker import WorkerContext, build_services
from chimera.store.memory import MemoryStore
from tests.support.bars import activation, bar, bars, bundle, history

D = Decimal
SYMBOL = "BTCUSDT-PERP"
T0 = 1_746_374_400_000


def fill(trade: int, qty: str, at: int) -> OrderFilled:
    return OrderFilled(
        id=f"fill:{trade}",
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        client_order_id="web_1",
        venue_order_id="v",
        trade_id=str(trade),
        side=Side.BUY if D(qty) > 0 else Side.SELL,
        last_qty=abs(D(qty)),
        last_px=D(100),
        filled_qty=abs(D(qty)),
        fee=D("0.05"),
        fee_asset="USDT",
        liquidity_side=LiquiditySide.TAKER,
    )


def context(bodies: Iterable[tuple[str, msgspec.Struct]] = ()) -> WorkerContext:
    """Return the context over a record of an open account that holds 2, and of `bodies`."""
    store = MemoryStore()
    opening = AccountReported(
        id="account", ts_event=T0, ts_init=T0, wallet_usdt=D(1_000), positions=(), orders=()
    )
    snapshot = PositionChanged(
        id=position_id(SYMBOL, 1),
        cause="fill:1",
        ts_event=T0 + 1,
        ts_init=T0 + 1,
        symbol=SYMBOL,
        sequence=1,
        qty=D(2),
        entry_px=D(100),
        opened_at=T0 + 1,
        realised_pnl=D(0),
        fees=D("0.05"),
        funding=D(0),
    )
    store.write((Record("positions_snapshots", OPENING, opening, "ACCOUNT", T0),))
    first = fill(1, "2", T0 + 1)
    for collection, body in (("fills", first), ("positions_snapshots", snapshot), *bodies):
        at = body.ts_event  # type: ignore[attr-defined]
        store.write((Record(collection, body.id, body, SYMBOL, at),))  # type: ignore[attr-defined]
    return WorkerContext(store=store, symbols=(SYMBOL,), interval_ms=MINUTE, speed=1.0)


def adoption(at: int) -> PositionAdopted:
    return PositionAdopted(
        id="adopted",
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        qty=D(5),
        entry_px=D(90),
        wallet_usdt=D("900"),
    )


def started(positions: Positions) -> Positions:
    start = TimerFired(id="t", ts_event=T0, ts_init=T0, service="positions", timer="start", due=T0)
    list(positions.handle(start, T0 + MINUTE))
    return positions


def held(router: Router) -> Decimal:
    return router.books[SYMBOL].qty


@pytest.mark.parametrize(
    ("left", "qty", "wallet"),
    [
        ([], "2", "999.95"),
        ([("fills", fill(2, "1", T0 + 5))], "3", "999.90"),
        ([("fills", fill(2, "-2", T0 + 5))], "0", "999.90"),
        ([("positions_snapshots", adoption(T0 + 9))], "5", "900"),
        ([("fills", fill(2, "1", T0 + 5)), ("positions_snapshots", adoption(T0 + 9))], "5", "900"),
        (
            [("positions_snapshots", adoption(T0 + 9)), ("fills", fill(2, "1", T0 + 10))],
            "6",
            "899.95",
        ),
    ],
)
def test_built_workers_agree_on_what_an_earlier_life_left(
    left: list[tuple[str, msgspec.Struct]], qty: str, wallet: str
) -> None:
    record = context(left)

    router, positions = build_orders(record), started(build_positions(record))

    assert held(router) == positions._ledgers[SYMBOL].qty == D(qty)
    assert positions.wallet_usdt == D(wallet)


def test_built_workers_agree_on_an_adoption_older_than_what_was_counted() -> None:
    """The fill after the adoption was counted, the adoption still lay in its stream."""
    newer = fill(2, "1", T0 + 10)
    record = context([("fills", newer)])
    counting = started(build_positions(record))  # takes up and counts the fill
    kept = counting._snapshot(SYMBOL, T0 + MINUTE, cause=newer.id)
    record.store.write([effect for effect in kept if isinstance(effect, Record)])
    word = adoption(T0 + 9)
    record.store.write((Record("positions_snapshots", word.id, word, SYMBOL, word.ts_event),))

    router, positions = build_orders(record), started(build_positions(record))

    assert held(router) == positions._ledgers[SYMBOL].qty == D(6)
    assert positions.wallet_usdt == D("899.95")
    assert positions._ledgers[SYMBOL].fees == D("0.10")


def test_built_positions_count_a_fill_of_this_morning_once() -> None:
    record = context()
    later = T0 + 8 * HOUR
    paid = FundingPaid(
        id=f"funding:{SYMBOL}:{later}",
        ts_event=later,
        ts_init=later,
        symbol=SYMBOL,
        amount=D("-0.04"),
        asset="USDT",
    )
    lived(record, paid, later)

    again = lived(record, fill(1, "2", T0 + 1), later + MINUTE)

    assert again._ledgers[SYMBOL].qty == D(2)


def test_built_positions_go_on_where_a_venue_began_its_replay_anew() -> None:
    """The venue's clock went back ten hours; the books agreed with the new account; then a restart."""
    record = context()
    for at, qty in ((T0 + 10 * HOUR, 1), (T0 + MINUTE, 0)):
        word = msgspec.structs.replace(adoption(at), id=f"adopted:{at}", qty=D(qty))
        record.store.write((Record("positions_snapshots", word.id, word, SYMBOL, at),))
        lived(record, word, at)

    after = lived(record, fill(7, "1", T0 + 2 * MINUTE), T0 + 2 * MINUTE)

    assert after._ledgers[SYMBOL].qty == D(1)


def test_built_workers_count_nothing_again_of_a_position_closed_the_day_before() -> None:
    """A group of consumers that is new to the streams reads all that they still hold."""
    record = context()
    word = adoption(T0 + 2 * MINUTE)
    told = (
        fill(1, "2", T0 + 1),
        word,
        fill(2, "-5", T0 + 3 * MINUTE),
        fill(3, "1", T0 + 20 * HOUR),
        fill(4, "-1", T0 + 21 * HOUR),
    )
    for event in told[1:]:
        kind = "positions_snapshots" if event is word else "fills"
        record.store.write((Record(kind, event.id, event, SYMBOL, event.ts_event),))
        lived(record, event, event.ts_event + 40)
    now = T0 + 22 * HOUR
    before, after = lived(record, told[0], now), build_positions(record)
    router = build_orders(record)
    for core in (after, router):
        core.handle(wake(core.name, now), now)

    for event in told:
        assert [*after.handle(event, now), *router.handle(event, now)] == []

    assert after.wallet_usdt == before.wallet_usdt
    assert held(router) == after._ledgers[SYMBOL].qty == D(0)


def test_built_workers_count_a_late_fill_of_an_order_that_lives_still() -> None:
    record = context()
    order = msgspec.structs.replace(living_stop(), ts=T0 + HOUR)
    record.store.write((Record("orders", order.client_order_id, order, SYMBOL, order.ts),))
    lived(record, fill(2, "1", T0 + 30 * HOUR), T0 + 30 * HOUR)
    positions, now = build_positions(record), T0 + 31 * HOUR
    positions.handle(wake("positions", now), now)

    assert positions.handle(fill(3, "-1", T0 + HOUR - 900), now)  # the venue's clock is behind ours


def test_built_workers_count_anew_where_the_clock_was_set_back_by_days() -> None:
    record = context()
    lived(record, fill(2, "-2", T0 + 90 * HOUR), T0 + 90 * HOUR)
    positions, router, now = build_positions(record), build_orders(record), T0 + HOUR
    for core in (positions, router):
        core.handle(wake(core.name, now), now)

    for core in (positions, router):
        core.handle(fill(3, "1", now), now)

    assert held(router) == positions._ledgers[SYMBOL].qty == D(1)


def wake(service: str, now: int) -> TimerFired:
    return TimerFired(id="t", ts_event=now, ts_init=now, service=service, timer="start", due=now)


def living_stop() -> OrderRecord:
    return OrderRecord(
        client_order_id="c-stop",
        revision=1,
        symbol=SYMBOL,
        ts=T0,
        intent_id="i",
        generation=1,
        purpose=Purpose.STOP,
        side=Side.SELL,
        order_type=OrderType.STOP_MARKET,
        qty=D(2),
        state=OrderState.OPEN,
        history=(Transition(ts=T0, state=OrderState.OPEN, event="e"),),
    )


def test_built_positions_know_what_was_traded_before_the_symbols_were_changed() -> None:
    record = context()
    lived(record, msgspec.structs.replace(fill(2, "1", T0 + 5), symbol="OLDUSDT-PERP"), T0 + 9)
    wallet = lived(record, fill(3, "-2", T0 + 10), T0 + 11).wallet_usdt

    assert started(build_positions(record)).wallet_usdt == wallet == D("999.85")


def lived(record: WorkerContext, event: Event, now: int) -> Positions:
    """Return the books of a life that heard of `event` alone and recorded what followed."""
    positions = build_positions(record)
    for told in (wake("positions", now), event):
        effects = positions.handle(told, now)
        record.store.write([effect for effect in effects if isinstance(effect, Record)])
    return positions


def test_built_router_knows_the_fills_it_counts() -> None:
    router = build_orders(context([("fills", fill(2, "1", T0 + 5))]))

    for trade in (1, 2):
        list(router.handle(fill(trade, "1", T0 + 5), T0 + 9))

    assert held(router) == D(3)


def test_built_router_knows_the_entry_of_its_position_however_much_came_after() -> None:
    record = context()
    filled = Transition(ts=T0 + 2, state=OrderState.FILLED, event="fill:1")
    entry = msgspec.structs.replace(
        living_stop(),
        client_order_id="c-entry",
        purpose=Purpose.ENTRY,
        side=Side.BUY,
        state=OrderState.FILLED,
        filled_qty=D(2),
        stop_distance=0.003,
        history=(filled,),
    )
    others = [
        msgspec.structs.replace(
            living_stop(),
            client_order_id=f"c-{number}",
            symbol="ETHUSDT-PERP",
            ts=T0 + 1_000 + number,
            state=OrderState.CANCELED,
        )
        for number in range(ENDED_KEPT + 1)
    ]
    for order in (entry, *others):
        record.store.write(
            (Record("orders", order.client_order_id, order, order.symbol, order.ts),)
        )

    assert build_orders(record).books[SYMBOL].stop_distance == 0.003


def test_built_strategy_knows_the_position() -> None:
    strategy = build_strategy(context())

    assert strategy._position_of(SYMBOL).qty == D(2)


def recorded_signal(index: int, content: Bundle, **changes: Any) -> tuple[str, FeaturesComputed]:
    closed = bar(index, 100.0, **changes)
    signal = FeaturesComputed(
        id=f"sig:{closed.id}:g1",
        cause=closed.id,
        ts_event=closed.ts_event,
        ts_init=closed.ts_init,
        symbol=SYMBOL,
        interval=closed.interval,
        generation=1,
        bundle_hash=bundle_hash(content),
        inputs=MarketInputs(bar=closed),
        features={},
    )
    return "signals", signal


def test_built_strategy_decides_about_signals_it_was_never_told_by_their_own_bundle() -> None:
    content = bundle()
    record = context([recorded_signal(index, content) for index in (1, 2, 3)])
    body = {"ts": T0, "name": content.name, "bundle": msgspec.to_builtins(content)}
    record.store.insert("config_bundles", bundle_hash(content), body)
    told = recorded_signal(1, content)[1]
    first = build_strategy(record)
    (decided, *_) = first.handle(activation(content, generation=1), told.ts_init)
    assert isinstance(decided, Record)
    record.store.write([decided])

    effects = build_strategy(record).handle(activation(content, generation=2), told.ts_init)

    decisions = [e.event for e in effects if isinstance(e, Publish)]
    assert [(d.signal_id, d.generation) for d in decisions if isinstance(d, DecisionMade)] == [
        (recorded_signal(index, content)[1].id, 1) for index in (2, 3)
    ]


def test_built_features_tell_of_the_bars_since_the_record_of_their_interval() -> None:
    content = bundle([FactorSpec(name="ema", kind=FactorKind.EMA, length=2)])
    told = [recorded_signal(index, content) for index in (1, 2)]
    record = context([*told, recorded_signal(9, content, interval="5m")])
    features = build_features(record)
    features.handle(activation(content), T0)

    effects = features.handle(history(bars([100.0] * 5)), T0)

    signals = [e.event for e in effects if isinstance(e, Publish)]
    assert [signal.ts_event for signal in signals] == [b.ts_event for b in bars([1.0] * 5)[3:]]
    start = TimerFired(id="t", ts_event=T0, ts_init=T0, service="features", timer="start", due=T0)
    assert list(features.handle(start, T0)) == [Publish(signal) for _, signal in told]


@pytest.mark.parametrize(
    ("action", "opened_at", "ordered", "issued"),
    [
        (Action.CLOSE, T0 + 1, False, True),
        (Action.CLOSE, T0 + 1, True, False),
        (Action.CLOSE, T0 + 3, False, False),  # it meant an earlier position
        (Action.BUY, T0 + 1, False, False),  # an entry that waited is none
    ],
)
def test_built_strategy_issues_an_exit_again_of_which_no_order_is_known(
    action: Action, opened_at: int, ordered: bool, issued: bool
) -> None:
    intent = IntentIssued(
        id="int:1",
        ts_event=T0 + 2,
        ts_init=T0 + 2,
        symbol=SYMBOL,
        decision_id="dec:1",
        generation=1,
        bundle_hash="h",
        action=action,
        side=Side.SELL,
        reference_px=100.0,
    )
    record = context([("intents", intent)])
    if ordered:
        key = client_order_id(Purpose.EXIT, intent.id)
        record.store.write((Record("orders", key, intent, SYMBOL, T0 + 2),))
    strategy = build_strategy(record)
    view = strategy._positions[SYMBOL]
    strategy._positions[SYMBOL] = msgspec.structs.replace(view, opened_at=opened_at)
    start = TimerFired(id="t", ts_event=T0, ts_init=T0, service="strategy", timer="start", due=T0)

    effects = strategy.handle(start, T0 + MINUTE)

    assert [e.event for e in effects if isinstance(e, Publish)] == [intent] * issued


def test_build_services_leaves_the_exchange_out() -> None:
    names = ("exchange", "features", "strategy", "orders", "positions")

    assert [core.name for core in build_services(names, context())] == list(names[1:])
