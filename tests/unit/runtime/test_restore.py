"""What workers read back: the last snapshot, and exactly the facts that it does not count."""

from decimal import Decimal

import msgspec

from chimera.clock import HOUR
from chimera.events import (
    EquityMarked,
    FeeCharged,
    FundingPaid,
    OrderFilled,
    PositionAdopted,
    PositionChanged,
)
from chimera.events.orders import (
    LiquiditySide,
    OrderRecord,
    OrderState,
    OrderType,
    Purpose,
)
from chimera.events.positions import TRADED, TradedSymbols
from chimera.ids import position_id
from chimera.instruments import Side
from chimera.runtime.contract import Record
from chimera.runtime.restore import (
    living_orders,
    recorded_equity,
    recorded_funding,
    recorded_position,
    symbols_in_hand,
)
from chimera.store.memory import MemoryStore

D = Decimal
SYMBOL = "BTCUSDT-PERP"
T0 = 1_746_374_400_000


def keep(store: MemoryStore, collection: str, body: msgspec.Struct, symbol: str = SYMBOL) -> None:
    store.write((Record(collection, body.id, body, symbol, body.ts_event),))  # type: ignore[attr-defined]


def fill(trade: int, at: int) -> OrderFilled:
    return OrderFilled(
        id=f"fill:{trade}",
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        client_order_id="c",
        venue_order_id="v",
        trade_id=str(trade),
        side=Side.BUY,
        last_qty=D(1),
        last_px=D(100),
        filled_qty=D(1),
        fee=D(0),
        fee_asset="USDT",
        liquidity_side=LiquiditySide.TAKER,
    )


def snapshot(sequence: int, cause: str, at: int, opened: int = T0) -> PositionChanged:
    return PositionChanged(
        id=position_id(SYMBOL, sequence),
        cause=cause,
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        sequence=sequence,
        qty=D(sequence),
        entry_px=D(100),
        opened_at=opened,
        realised_pnl=D(0),
        fees=D(0),
        funding=D(0),
    )


def test_recorded_funding_names_payments_and_fees_alike() -> None:
    store = MemoryStore()
    paid = {"ts_event": T0, "ts_init": T0, "symbol": SYMBOL, "amount": D(1), "asset": "USDT"}
    keep(store, "funding_records", FundingPaid(id="funding:1", **paid))
    keep(store, "funding_records", FeeCharged(id="fee:1", reason="INSURANCE_CLEAR", **paid))

    assert recorded_funding(store, SYMBOL) == {"funding:1", "fee:1"}


def test_recorded_position_nothing_recorded_is_nothing() -> None:
    position = recorded_position(MemoryStore(), SYMBOL)

    assert (position.snapshot, position.uncounted, position.adopted_at) == (None, (), 0)


def test_recorded_position_fills_without_a_snapshot_are_all_uncounted_in_order() -> None:
    store = MemoryStore()
    for trade, at in ((10, T0 + 5), (9, T0 + 5), (2, T0)):
        keep(store, "fills", fill(trade, at))

    assert [f.id for f in recorded_position(store, SYMBOL).uncounted] == [
        "fill:2",
        "fill:9",
        "fill:10",
    ]


def test_recorded_position_more_fills_than_a_page_are_told_apart_exactly() -> None:
    store = MemoryStore()
    for number in range(1, 2_501):
        keep(store, "fills", fill(number, T0 + number))
        if number not in (1_200, 2_500):
            keep(store, "positions_snapshots", snapshot(number, f"fill:{number}", T0 + number))

    position = recorded_position(store, SYMBOL)

    assert [f.id for f in position.uncounted] == ["fill:1200", "fill:2500"]
    assert position.snapshot is not None
    assert position.snapshot.sequence == 2_499


def test_recorded_position_of_one_moment_takes_the_last_sequence() -> None:
    store = MemoryStore()
    for sequence in range(1, 12):
        keep(store, "positions_snapshots", snapshot(sequence, f"fill:{sequence}", T0))

    position = recorded_position(store, SYMBOL)

    assert position.snapshot is not None
    assert position.snapshot.sequence == 11


def test_recorded_position_adopted_leaves_out_what_is_part_of_it() -> None:
    store = MemoryStore()
    keep(store, "positions_snapshots", snapshot(1, "fill:1", T0))
    keep(store, "fills", fill(2, T0 + 10))
    adopted = PositionAdopted(
        id="adopted",
        ts_event=T0 + 20,
        ts_init=T0 + 20,
        symbol=SYMBOL,
        qty=D(5),
        entry_px=D(99),
        wallet_usdt=D(1),
    )
    keep(store, "positions_snapshots", adopted)
    keep(store, "fills", fill(3, T0 + 30))

    position = recorded_position(store, SYMBOL)
    assert [fact.id for fact in position.uncounted] == ["adopted", "fill:3"]

    keep(store, "positions_snapshots", snapshot(2, "adopted", T0 + 21))
    position = recorded_position(store, SYMBOL)
    assert [fact.id for fact in position.uncounted] == ["fill:3"]
    assert position.adopted_at == T0 + 20


def test_recorded_position_adopted_long_ago_is_not_adopted_again() -> None:
    store = MemoryStore()
    adopted = PositionAdopted(
        id="adopted",
        ts_event=T0,
        ts_init=T0,
        symbol=SYMBOL,
        qty=D(5),
        entry_px=D(99),
        wallet_usdt=D(1),
    )
    keep(store, "positions_snapshots", adopted)
    keep(store, "positions_snapshots", snapshot(1, "adopted", T0))
    keep(store, "positions_snapshots", snapshot(2, "fill:2", T0 + 9 * HOUR, opened=T0 + 9 * HOUR))

    position = recorded_position(store, SYMBOL)

    assert (position.uncounted, position.adopted_at) == ((), T0)


def test_recorded_position_counts_the_fills_of_orders_that_live() -> None:
    """A part of a resting entry was filled and closed this morning; a search tells of it again."""
    store = MemoryStore()
    order = OrderRecord(
        client_order_id="c",
        revision=1,
        symbol=SYMBOL,
        ts=T0,
        intent_id="i",
        generation=1,
        purpose=Purpose.ENTRY,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        qty=D(2),
        state=OrderState.PARTIALLY_FILLED,
        trade_ids=("1",),
    )
    store.write((Record("orders", "c", order, SYMBOL, T0),))
    keep(store, "positions_snapshots", snapshot(1, "fill:1", T0 + 1))
    keep(store, "positions_snapshots", snapshot(2, "fill:2", T0 + 2))
    keep(store, "positions_snapshots", snapshot(3, "fill:9", T0 + 9 * HOUR, opened=T0 + 9 * HOUR))

    assert {"fill:1", "fill:2", "fill:9"} <= recorded_position(store, SYMBOL).counted


def test_recorded_position_goes_by_sequence_where_the_venues_clock_went_back() -> None:
    store = MemoryStore()
    keep(store, "positions_snapshots", snapshot(1, "fill:1", T0 + 10 * HOUR))
    keep(store, "positions_snapshots", snapshot(2, "fill:2", T0))
    keep(store, "positions_snapshots", snapshot(3, "fill:3", T0 + 1))

    position = recorded_position(store, SYMBOL)

    assert position.snapshot is not None
    assert position.snapshot.sequence == 3
    assert position.counted == {"fill:1", "fill:2", "fill:3"}


def test_recorded_position_of_old_needs_no_old_fills() -> None:
    store = MemoryStore()
    keep(store, "fills", fill(1, T0))
    keep(store, "positions_snapshots", snapshot(1, "account:1", T0 + 8 * HOUR))

    assert recorded_position(store, SYMBOL).uncounted == ()


def test_living_orders_are_those_that_are_not_over() -> None:
    store = MemoryStore()
    for number, state in enumerate(OrderState):
        order = OrderRecord(
            client_order_id=f"c-{number}",
            revision=1,
            symbol=SYMBOL,
            ts=T0,
            intent_id="i",
            generation=1,
            purpose=Purpose.ENTRY,
            side=Side.BUY,
            order_type=OrderType.MARKET,
            qty=D(1),
            state=state,
        )
        store.write((Record("orders", order.client_order_id, order, SYMBOL, T0),))

    states = {order.state for order in living_orders(store)}

    assert states == {state for state in OrderState if not state.is_terminal}


def test_recorded_equity_is_the_newest_mark() -> None:
    store = MemoryStore()
    assert recorded_equity(store) is None
    for at in (T0, T0 + 2, T0 + 1):
        mark = EquityMarked(
            id=f"e{at}",
            ts_event=at,
            ts_init=at,
            wallet_usdt=D(1),
            unrealised_usdt=D(0),
            open_positions=0,
        )
        keep(store, "positions_snapshots", mark, "ACCOUNT")

    newest = recorded_equity(store)

    assert newest is not None
    assert newest.ts_event == T0 + 2


def test_symbols_in_hand_are_those_of_living_orders_and_of_what_is_held() -> None:
    store = MemoryStore()
    assert symbols_in_hand(store) == frozenset()
    traded = TradedSymbols(symbols=(SYMBOL, "ETHUSDT-PERP"))
    store.write((Record("positions_snapshots", TRADED, traded, "ACCOUNT", T0),))
    keep(store, "positions_snapshots", snapshot(1, "fill:1", T0))
    assert symbols_in_hand(store) == {SYMBOL}

    flat = msgspec.structs.replace(snapshot(2, "fill:2", T0 + 1), qty=D(0))
    keep(store, "positions_snapshots", flat)

    assert symbols_in_hand(store) == frozenset()
