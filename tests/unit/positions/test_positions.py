"""The account's books told one fact at a time."""

from decimal import Decimal

import msgspec
import pytest

from apps.positions.core.ledger import PositionLedger
from apps.positions.core.service import TRADED, Positions
from chimera.clock import DAY, HOUR, MINUTE, SECOND
from chimera.events import (
    AccountReported,
    BarClosed,
    EquityMarked,
    FeeCharged,
    FundingPaid,
    MarkPriceChanged,
    OrderFilled,
    PositionAdopted,
    PositionChanged,
    TimerFired,
    WalletTransferred,
)
from chimera.events.base import Event
from chimera.events.orders import LiquiditySide
from chimera.events.positions import HeldPosition, TradedSymbols
from chimera.instruments import Side
from chimera.runtime.contract import START, Effect, Publish, Record, Wake
from chimera.runtime.timers import Timers
from tests.support.routers import RouterBench

D = Decimal
SYMBOL = "BTCUSDT-PERP"
OTHER = "ETHUSDT-PERP"
T0 = 20_000 * DAY


def account(wallet: str = "1000", *held: HeldPosition, at: int = T0) -> AccountReported:
    return AccountReported(
        id=f"account:{at}",
        ts_event=at,
        ts_init=at,
        wallet_usdt=D(wallet),
        positions=held,
        orders=(),
    )


def held(qty: str, px: str = "100") -> HeldPosition:
    return HeldPosition(
        symbol=SYMBOL,
        qty=D(qty),
        entry_px=D(px),
        mark_px=D(px),
        unrealised_pnl=D(0),
        leverage=20,
        isolated=True,
    )


def fill(
    qty: str, px: str = "100", *, trade: str = "1", at: int = T0 + 1, symbol: str = SYMBOL
) -> OrderFilled:
    return OrderFilled(
        id=f"fill:{symbol}:{trade}",
        ts_event=at,
        ts_init=at,
        symbol=symbol,
        client_order_id="c",
        venue_order_id="v",
        trade_id=trade,
        side=Side.BUY if D(qty) > 0 else Side.SELL,
        last_qty=abs(D(qty)),
        last_px=D(px),
        filled_qty=abs(D(qty)),
        fee=D("0.05"),
        fee_asset="USDT",
        liquidity_side=LiquiditySide.TAKER,
    )


def funding(amount: str, at: int = T0 + HOUR) -> FundingPaid:
    return FundingPaid(
        id=f"funding:{SYMBOL}:{at}",
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        amount=D(amount),
        asset="USDT",
    )


def transfer(amount: str, at: int) -> WalletTransferred:
    return WalletTransferred(
        id=f"transfer:{at}", ts_event=at, ts_init=at, asset="USDT", amount=D(amount)
    )


def bar(close: float, at: int, symbol: str = SYMBOL) -> BarClosed:
    return BarClosed(
        id=f"bar:{symbol}:{at}",
        ts_event=at,
        ts_init=at,
        symbol=symbol,
        interval="1m",
        open_time=at - MINUTE,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=1.0,
    )


def mark(px: float, at: int, symbol: str = SYMBOL) -> MarkPriceChanged:
    return MarkPriceChanged(
        id=f"mark:{symbol}:{at}",
        ts_event=at,
        ts_init=at,
        symbol=symbol,
        mark_px=px,
        index_px=px,
        funding_rate=0.0,
        next_funding_time=0,
    )


def start(at: int = T0) -> TimerFired:
    return TimerFired(
        id=f"timer:{at}", ts_event=at, ts_init=at, service="positions", timer="start", due=at
    )


def tell(positions: Positions, *events: Event) -> list[Effect]:
    return [effect for event in events for effect in positions.handle(event, event.ts_init)]


def published(effects: list[Effect], kind: type) -> list:
    return [e.event for e in effects if isinstance(e, Publish) and isinstance(e.event, kind)]


def opened(wallet: str = "1000") -> Positions:
    positions = Positions()
    tell(positions, account(wallet))
    return positions


def test_first_account_report_opens_the_books_and_is_kept() -> None:
    positions = Positions()

    effects = tell(positions, account("1000"))

    assert positions.wallet_usdt == D(1000)
    assert next(e.key for e in effects if isinstance(e, Record)) == "opening"
    assert tell(positions, account("900", at=T0 + 5)) == []
    assert positions.wallet_usdt == D(1000)


def test_opening_with_a_position_adopts_it() -> None:
    positions = Positions()

    effects = tell(positions, account("1000", held("2", "90")))

    (changed,) = published(effects, PositionChanged)
    assert (changed.qty, changed.entry_px, changed.realised_pnl) == (D(2), D(90), D(0))


def test_fill_changes_position_wallet_and_equity() -> None:
    positions = opened()

    effects = tell(positions, fill("2", "100"), fill("-2", "103", trade="2", at=T0 + 9))

    assert [p.qty for p in published(effects, PositionChanged)] == [D(2), D(0)]
    assert positions.wallet_usdt == D("1000") + D("6") - D("0.10")
    marked = published(effects, EquityMarked)[-1]
    assert (marked.wallet_usdt, marked.day_pnl_usdt) == (D("1005.90"), D("5.90"))


def test_u8_fill_twice_counts_once() -> None:
    positions = opened()
    tell(positions, fill("2"))

    assert tell(positions, fill("2")) == []


def test_u6_fill_before_the_books_open_is_kept_and_counted_if_newer() -> None:
    positions = Positions()
    tell(positions, fill("1", trade="1", at=T0 - 5), fill("2", trade="2", at=T0 + 5))

    effects = tell(positions, account("1000", at=T0))

    assert [p.qty for p in published(effects, PositionChanged)] == [D(2)]


def test_funding_before_the_opening_is_part_of_it() -> None:
    positions = Positions()
    assert tell(positions, funding("-1", at=T0 - HOUR)) == []
    tell(positions, account("1000", at=T0))

    assert tell(positions, funding("-1", at=T0 - HOUR)) == []
    assert positions.wallet_usdt == D(1000)


def test_funding_is_counted_once_and_kept() -> None:
    positions = opened()

    effects = tell(positions, funding("-0.04"), funding("-0.04"))

    assert positions.wallet_usdt == D("999.96")
    assert [e.collection for e in effects if isinstance(e, Record)].count("funding_records") == 1


def test_r6_fee_of_a_liquidation_is_a_fee_of_its_symbol_and_counted_once() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), fill("-2", "90", trade="2", at=T0 + 9))
    fee = FeeCharged(
        id="fee:1",
        ts_event=T0 + 10,
        ts_init=T0 + 11,
        symbol=SYMBOL,
        amount=D("1.25"),
        asset="USDT",
        reason="INSURANCE_CLEAR",
    )
    before = positions.wallet_usdt

    effects = tell(positions, fee, fee, msgspec.structs.replace(fee, id="fee:2", asset="BNB"))

    assert positions.wallet_usdt == before - D("1.25")
    [changed] = published(effects, PositionChanged)
    assert changed.fees == D("0.10") + D("1.25")
    assert [e.key for e in effects if isinstance(e, Record)].count("fee:1") == 1
    # What the venue then says is held and in the wallet is no news: nothing is unexplained.
    tell(positions, adopted("0", T0 + 50, wallet=str(before - D("1.25"))))
    assert positions.wallet_usdt == before - D("1.25")


def test_adoption_takes_the_venues_position_and_wallet() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), bar(102, T0 + MINUTE))
    adopted = PositionAdopted(
        id="adopted:1",
        ts_event=T0 + 50,
        ts_init=T0 + 60,
        symbol=SYMBOL,
        qty=D(0),
        entry_px=D(0),
        wallet_usdt=D("1003.5"),
    )

    effects = tell(positions, adopted, adopted)

    assert positions.wallet_usdt == D("1003.5")
    (changed,) = published(effects, PositionChanged)
    assert (changed.qty, changed.realised_pnl) == (D(0), D("3.55"))
    assert tell(positions, fill("-2", trade="late", at=T0 + 40)) == []  # part of what was adopted


def adopted(qty: str, at: int, wallet: str = "1000") -> PositionAdopted:
    return PositionAdopted(
        id=f"adopted:{at}",
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        qty=D(qty),
        entry_px=D(100) if D(qty) else D(0),
        wallet_usdt=D(wallet),
    )


def test_adoption_of_what_we_hold_is_kept_and_changes_nothing() -> None:
    positions = opened()
    tell(positions, fill("2", "100"))
    before = positions._ledgers[SYMBOL]

    effects = tell(positions, adopted("2", T0 + 50, wallet="999.95"))

    (changed,) = published(effects, PositionChanged)
    assert (changed.cause, changed.sequence) == (f"adopted:{T0 + 50}", before.sequence + 1)
    assert msgspec.structs.replace(positions._ledgers[SYMBOL], sequence=1) == before


def test_whatever_is_newer_than_an_adoption_counts_though_it_comes_first() -> None:
    """Apart: fills come on `ord:result`, adoptions on `pos:events`; either may be read first."""
    word = adopted("5", T0 + 50, wallet="990")
    newer = (
        fill("-3", "110", trade="2", at=T0 + 60),
        funding("-1", at=T0 + 70),
        fill("1", "50", trade="e", at=T0 + 80, symbol=OTHER),
        fill("-4", "90", trade="3", at=T0 + 90),
    )
    in_time, lagging = opened(), opened()
    tell(in_time, fill("2", "101"), word, *newer)
    tell(lagging, fill("2", "101"), *newer, word)

    assert in_time.wallet_usdt == lagging.wallet_usdt == D(990) + 30 - 1 - 20 - D("0.15")
    held, late = in_time._ledgers[SYMBOL], lagging._ledgers[SYMBOL]
    assert held.qty == D(-2)
    assert late.sequence == held.sequence
    assert msgspec.structs.replace(late, opened_at=held.opened_at) == held


@pytest.mark.parametrize("kind", ["transfer", "funding", "fill"])
def test_money_older_than_an_adoption_is_part_of_the_wallet_it_told(kind: str) -> None:
    facts = {
        "transfer": transfer("-100", at=T0 + 40),
        "funding": funding("-1", at=T0 + 40),
        "fill": fill("1", "50", trade="e", at=T0 + 40, symbol=OTHER),
    }
    positions = opened()
    tell(positions, adopted("5", T0 + 50, wallet="890"), facts[kind])

    assert positions.wallet_usdt == D(890)


def test_transfer_moves_the_wallet_and_is_no_gain() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), bar(100, T0 + MINUTE))
    moved = transfer("-400", at=T0 + 2 * MINUTE)

    effects = tell(positions, moved, moved, bar(90, T0 + 3 * MINUTE))

    assert positions.wallet_usdt == D("599.95")
    told = published(effects, EquityMarked)
    assert [m.day_pnl_usdt for m in told] == [D("-0.05"), D("-20.05")]
    assert [e.key for e in effects if isinstance(e, Record)].count(moved.id) == 1


def test_transfer_before_the_opening_or_of_another_asset_is_none_of_ours() -> None:
    positions = opened()
    other = msgspec.structs.replace(transfer("5", at=T0 + 9), asset="BNB")

    assert tell(positions, transfer("5", at=T0), other) == []


@pytest.mark.parametrize("marked_transfers", ["0", "-400"])
def test_restart_knows_the_transfers_and_the_day_without_them(marked_transfers: str) -> None:
    """Whether or not the mark after the transfer survived."""
    moved = transfer("-400", at=T0 + 2 * MINUTE)
    last = msgspec.structs.replace(
        marked("0", "-10", T0 + 3 * MINUTE),
        wallet_usdt=D("999.95") + D(marked_transfers),
        transferred_usdt=D(marked_transfers),
    )
    positions = restored(transfers=[moved], marked=last)

    effects = tell(positions, start(T0 + HOUR), moved, bar(100, T0 + HOUR))

    (told,) = published(effects, EquityMarked)
    assert (told.wallet_usdt, told.day_pnl_usdt) == (D("599.95"), D(-10))


# --- equity ------------------------------------------------------------------------------------------------


def test_equity_is_marked_at_every_bar_of_what_is_held() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), fill("1", "50", trade="e", symbol=OTHER))
    tell(positions, bar(100, T0 + 2), bar(50, T0 + 2, OTHER))

    effects = tell(
        positions, bar(101, T0 + MINUTE), bar(49, T0 + MINUTE, OTHER), bar(7, T0 + MINUTE, "X")
    )

    assert [m.unrealised_usdt for m in published(effects, EquityMarked)] == [D(2), D(1)]


def test_equity_when_flat_is_marked_hourly() -> None:
    positions = opened()

    marks = [
        m.ts_event
        for minute in range(1, 181)
        for m in published(tell(positions, bar(100, T0 + minute * MINUTE)), EquityMarked)
    ]

    assert marks == [T0 + HOUR, T0 + 2 * HOUR, T0 + 3 * HOUR]


def test_equity_is_marked_on_every_full_hour_though_no_market_moves() -> None:
    positions = opened()
    now, marks = T0 + 10 * MINUTE, []
    timers = Timers()
    timers.set(Wake("positions", START, now))

    while (due := timers.next_due()) is not None and due <= T0 + DAY:
        effects = tell(positions, timers.pop_due(due))
        marks += published(effects, EquityMarked)
        for effect in effects:
            if isinstance(effect, Wake):
                timers.set(effect)

    hours = [T0 + hour * HOUR for hour in range(1, 25)]
    assert [m.ts_event for m in marks] == [now, *hours]  # the new day's first word among them


def test_equity_is_marked_again_in_a_market_whose_clock_was_set_back() -> None:
    positions = restored(marked=marked("0", "0", T0 + 2 * HOUR))
    tell(positions, start(T0 + HOUR))

    effects = tell(positions, bar(101, T0 + HOUR + MINUTE), mark(101, T0 + HOUR + 2 * MINUTE))

    told = [m.ts_event - T0 - HOUR for m in published(effects, EquityMarked)]
    assert told == [MINUTE, 2 * MINUTE]


def test_equity_bar_delivered_again_is_not_marked_again() -> None:
    positions = opened()
    tell(positions, fill("2"))
    tell(positions, bar(101, T0 + MINUTE))

    assert tell(positions, bar(101, T0 + MINUTE)) == []


def test_equity_uses_the_newest_mark_price() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), bar(101, T0 + MINUTE))

    effects = tell(
        positions, mark(99, T0 + MINUTE), fill("1", "100", trade="2", at=T0 + MINUTE + 1)
    )

    assert published(effects, EquityMarked)[-1].unrealised_usdt == D("-3")


def equities(effects: list[Effect]) -> list[Decimal]:
    return [marked.unrealised_usdt for marked in published(effects, EquityMarked)]


@pytest.mark.parametrize(
    ("heard_before", "speed", "worth"),
    [
        (0, 1.0, "-2"),
        (10 * SECOND, 1.0, "-2"),
        (10 * SECOND + 1, 1.0, "2"),  # stopped: the bar's close is nearer to the truth
        (-HOUR, 1.0, "-2"),  # the bar comes late
        (10 * MINUTE, 60.0, "-2"),
        (10 * MINUTE + 1, 60.0, "2"),
    ],
)
def test_equity_at_a_bar_is_at_the_mark_unless_that_is_old(
    heard_before: int, speed: float, worth: str
) -> None:
    positions, at = Positions(speed), T0 + HOUR
    tell(positions, account(), fill("2", "100"), mark(99, at - heard_before))

    effects = tell(positions, bar(101, at))

    assert equities(effects) == [D(worth)]
    assert published(effects, EquityMarked)[0].day_pnl_usdt == D(worth) - D("0.05")


def test_equity_on_an_old_bar_goes_back_to_the_mark_with_the_next() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), mark(99, T0 + SECOND))

    told = tell(
        positions, bar(101, T0 + MINUTE), mark(98, T0 + 2 * MINUTE), bar(101, T0 + 2 * MINUTE)
    )

    assert equities(told) == [D(2), D(-4), D(-4)]


def test_equity_at_a_bar_that_brings_its_mark_is_at_that() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), mark(99, T0 + MINUTE - 1))

    alone = msgspec.structs.replace(bar(101, T0 + MINUTE), mark_px=100.5)

    assert equities(tell(positions, alone)) == [D(1)]


def test_equity_within_a_long_bar_is_told_every_few_seconds_and_recorded_each_minute() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), bar(100, T0 + HOUR))

    effects = tell(positions, *(mark(50, T0 + HOUR + second * 1_000) for second in range(1, 121)))

    told = published(effects, EquityMarked)
    assert [m.ts_event - T0 - HOUR for m in told] == [s * 1_000 for s in range(5, 121, 5)]
    assert {m.day_pnl_usdt for m in told} == {D("-100.05")}
    assert [e.ts - T0 - HOUR for e in effects if isinstance(e, Record)] == [MINUTE, 2 * MINUTE]


def test_equity_between_bars_is_not_marked_when_flat() -> None:
    assert tell(opened(), mark(50, T0 + MINUTE)) == []


def test_equity_is_unknown_while_one_of_two_has_no_price() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), fill("1", "50", trade="e", symbol=OTHER))

    assert tell(positions, bar(101, T0 + MINUTE)) == []
    (told,) = published(tell(positions, bar(49, T0 + MINUTE, OTHER)), EquityMarked)
    assert told.unrealised_usdt == D(1)


@pytest.mark.parametrize("close", [float("nan"), float("inf"), 0.0])
def test_equity_never_believes_what_is_no_price(close: float) -> None:
    positions = opened()
    tell(positions, fill("2", "100"), bar(101, T0 + MINUTE))

    effects = tell(positions, bar(close, T0 + 2 * MINUTE))

    assert published(effects, EquityMarked)[-1].unrealised_usdt == D(2)


def test_day_pnl_begins_anew_at_midnight_with_what_is_unrealised() -> None:
    positions = opened()
    tell(positions, fill("2", "100"), bar(110, T0 + MINUTE))

    effects = tell(positions, bar(110, T0 + DAY), bar(109, T0 + DAY + MINUTE))

    assert [m.day_pnl_usdt for m in published(effects, EquityMarked)] == [D(0), D(-2)]


def test_every_symbol_ever_traded_is_listed_once_in_one_document() -> None:
    effects = tell(
        opened(),
        fill("2"),
        fill("1", "50", trade="e", symbol=OTHER),
        fill("-2", trade="2"),
        fill("-1", "50", trade="f", symbol=OTHER),
    )

    listed = [e for e in effects if isinstance(e, Record) and e.key == TRADED]
    assert [(e.revision, e.document) for e in listed] == [
        (1, TradedSymbols(symbols=(SYMBOL,))),
        (2, TradedSymbols(symbols=(SYMBOL, OTHER))),
    ]


# --- restart -----------------------------------------------------------------------------------------------


def restored(**changes: object) -> Positions:
    positions = Positions()
    fields: dict[str, object] = {
        "opening": account("1000"),
        "traded": (SYMBOL,),
        "ledgers": {SYMBOL: PositionLedger(sequence=1, qty=D(2), entry_px=D(100), fees=D("0.05"))},
        "adopted_at": {},
        "settled_until": {},
        "seen": ["fill:BTCUSDT-PERP:1"],
        "uncounted": [],
        "recent": [],
        "transfers": [],
        "marked": None,
    }
    positions.restore(**(fields | changes))  # type: ignore[arg-type]
    return positions


def marked(unrealised: str, day_pnl: str, at: int) -> EquityMarked:
    return EquityMarked(
        id="e",
        ts_event=at,
        ts_init=at,
        wallet_usdt=D("999.95"),
        unrealised_usdt=D(unrealised),
        open_positions=1,
        day_pnl_usdt=D(day_pnl),
    )


def test_restart_tells_everybody_what_is_held() -> None:
    positions = restored()

    effects = tell(positions, start())

    assert [p.qty for p in published(effects, PositionChanged)] == [D(2)]
    assert positions.wallet_usdt == D("999.95")


def test_restart_marks_no_equity_before_it_knows_the_prices() -> None:
    positions = restored(marked=marked("-45", "-45.05", T0 + HOUR))

    assert published(tell(positions, start(T0 + HOUR + MINUTE)), EquityMarked) == []
    assert published(tell(positions, mark(70, T0 + HOUR + MINUTE)), EquityMarked)


def test_restart_marks_at_once_when_nothing_is_held() -> None:
    positions = restored(ledgers={SYMBOL: PositionLedger(sequence=2, fees=D("0.05"))})

    (told,) = published(tell(positions, start()), EquityMarked)

    assert told.wallet_usdt == D("999.95")


def test_restart_does_not_open_the_daily_loss_gate() -> None:
    bench = RouterBench().ready()
    positions = restored(marked=marked("-4999", "-5001", bench.now))
    bench.equity("-5001")
    for told in published(tell(positions, start(bench.now)), EquityMarked):
        bench.tell(told)

    entry = bench.enter()

    assert "day_pnl_usdt" in [check.gate for check in entry.gates if not check.passed]


def test_restart_in_a_new_day_leaves_the_gate_shut_until_the_day_is_known() -> None:
    bench = RouterBench().ready()
    bench.now += DAY
    positions = restored(marked=marked("-30", "-30", bench.now - DAY))
    for told in published(tell(positions, start(bench.now)), EquityMarked):
        bench.tell(told)
    bench.bar()

    entry = bench.enter()

    (check,) = [check for check in entry.gates if check.gate == "day_pnl_usdt"]
    assert (check.passed, check.value) == (False, "unknown")


def test_restart_in_a_new_day_opens_it_with_what_is_unrealised() -> None:
    positions = restored(marked=marked("-30", "-30", T0 + DAY - MINUTE))

    effects = tell(positions, start(T0 + DAY + 1), bar(85, T0 + DAY + MINUTE))

    assert published(effects, EquityMarked)[-1].day_pnl_usdt == D(0)


def test_restart_tells_of_what_was_closed_too() -> None:
    """The flat snapshot was recorded and never published: another worker believes in the position."""
    positions = restored(ledgers={SYMBOL: PositionLedger(sequence=2)})

    assert [p.qty for p in published(tell(positions, start()), PositionChanged)] == [D(0)]


def test_restart_counts_what_an_earlier_life_left() -> None:
    positions = restored(uncounted=[fill("-2", "103", trade="2")])

    effects = tell(positions, start())

    assert published(effects, PositionChanged)[0].qty == 0
    assert positions.wallet_usdt == D("1000") + D(6) - D("0.10")
    assert tell(positions, fill("-2", "103", trade="2")) == []


def test_restart_goes_on_with_the_day() -> None:
    positions = restored(marked=marked("4", "-16.05", T0 + HOUR))

    effects = tell(positions, start(T0 + 2 * HOUR), bar(102, T0 + 2 * HOUR))

    assert published(effects, EquityMarked)[-1].day_pnl_usdt == D("-16.05")
    assert tell(positions, bar(102, T0 + HOUR)) == []  # marked in the earlier life


def test_fill_on_spot_is_not_the_futures_accounts() -> None:
    positions = opened()

    assert tell(positions, fill("2", symbol="ETHUSDT")) == []
    assert positions.wallet_usdt == D(1000)


def test_what_is_paid_in_another_asset_does_not_touch_the_wallet() -> None:
    positions = opened()
    in_bnb = msgspec.structs.replace(fill("2"), fee_asset="BNB")
    in_usdc = msgspec.structs.replace(funding("-1"), asset="USDC")

    effects = tell(positions, in_bnb, in_usdc)

    assert [p.qty for p in published(effects, PositionChanged)] == [D(2)]
    assert positions.wallet_usdt == D(1000)


def test_money_of_a_contract_margined_in_another_asset_is_not_the_wallets() -> None:
    positions = opened()
    usdc = "BTCUSDC-PERP"

    effects = tell(
        positions,
        fill("2", "100", symbol=usdc),
        fill("-2", "150", trade="2", at=T0 + 9, symbol=usdc),
    )

    assert [p.qty for p in published(effects, PositionChanged)] == [D(2), D(0)]
    assert positions.wallet_usdt == D(1000)
    assert published(effects, EquityMarked)[-1].day_pnl_usdt == D(0)


def test_equity_is_known_while_a_contract_of_another_asset_is_held() -> None:
    positions = opened()

    effects = tell(positions, fill("2", "100", symbol="BTCUSDC-PERP"))

    (marked,) = published(effects, EquityMarked)
    assert (marked.wallet_usdt, marked.unrealised_usdt) == (D(1000), D(0))
