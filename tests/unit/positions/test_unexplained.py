"""What the venue's word adds and no fact explains: never a gain of the day, always a loss."""

from decimal import Decimal

import pytest

from apps.positions.core.ledger import PositionLedger
from apps.positions.core.service import Positions
from chimera.clock import DAY, MINUTE
from chimera.events import EquityMarked, PositionAdopted, PositionChanged, WalletTransferred
from chimera.runtime.contract import Effect, Record
from tests.unit.positions.test_positions import (
    OTHER,
    SYMBOL,
    T0,
    bar,
    fill,
    funding,
    marked,
    opened,
    published,
    restored,
    start,
    tell,
    transfer,
)

D = Decimal
AT = T0 + 5 * MINUTE


def word(wallet: str, qty: str = "0", symbol: str = SYMBOL, at: int = AT) -> PositionAdopted:
    return PositionAdopted(
        id=f"adopted:{symbol}:{at}",
        ts_event=at,
        ts_init=at + 50,
        symbol=symbol,
        qty=D(qty),
        entry_px=D(100) if D(qty) else D(0),
        wallet_usdt=D(wallet),
    )


def holding(close: float) -> Positions:
    """Return books that hold 2 from 100, marked at `close`, with a wallet of 999.95."""
    positions = opened()
    tell(positions, fill("2", "100"), bar(close, T0 + MINUTE))
    return positions


def day_pnl(effects: list[Effect]) -> Decimal:
    return published(effects, EquityMarked)[-1].day_pnl_usdt


def alerts(effects: list[Effect]) -> list[str]:
    return [
        e.document.detail for e in effects if isinstance(e, Record) and e.collection == "alerts"
    ]


def bookings(effects: list[Effect]) -> list[Decimal]:
    return [
        e.document.amount
        for e in effects
        if isinstance(e, Record) and isinstance(e.document, WalletTransferred)
        if e.document.id.startswith("unexplained:")
    ]


def test_transfer_nobody_told_of_is_no_gain_when_the_account_is_adopted() -> None:
    positions = holding(95)

    effects = tell(positions, word("1989.95"))  # closed at 95, and 1,000 moved in

    assert positions.wallet_usdt == D("1989.95")
    assert day_pnl(effects) == D("-10.05")
    assert published(effects, PositionChanged)[-1].realised_pnl == D(-10)
    assert bookings(effects) == [D(1000)]
    (alert,) = alerts(effects)
    assert "1000.00 USDT" in alert


def test_withdrawal_nobody_told_of_counts_as_a_loss() -> None:
    effects = tell(holding(100), word("499.95"))

    assert day_pnl(effects) == D("-500.05")
    assert bookings(effects) == alerts(effects) == []


@pytest.mark.parametrize(("close", "wallet"), [(105, "1009.95"), (95, "989.95")])
def test_position_closed_unseen_at_the_mark_is_explained_by_what_was_unrealised(
    close: float, wallet: str
) -> None:
    effects = tell(holding(close), word(wallet))

    assert day_pnl(effects) == D(wallet) - 1000
    assert published(effects, PositionChanged)[-1].realised_pnl == D(wallet) - D("999.95")
    assert bookings(effects) == alerts(effects) == []


def test_gain_of_a_position_without_a_price_is_not_believed() -> None:
    positions = opened()
    tell(positions, fill("2", "100"))

    assert day_pnl(tell(positions, word("1049.95"))) == D("-0.05")


@pytest.mark.parametrize(("first", "second"), [(SYMBOL, OTHER), (OTHER, SYMBOL)])
def test_two_positions_closed_unseen_are_judged_together(first: str, second: str) -> None:
    """The first word brings the wallet of both, and what the second was worth is in it."""
    positions = holding(105)
    tell(positions, fill("1", "50", trade="e", symbol=OTHER), bar(30, T0 + MINUTE, OTHER))

    effects = tell(positions, word("989.90", symbol=first), word("989.90", symbol=second))

    assert (positions.wallet_usdt, day_pnl(effects)) == (D("989.90"), D("-10.10"))
    assert sum(bookings(effects), D(0)) == 0


def test_transfer_told_late_explains_the_gain() -> None:
    positions = holding(95)
    tell(positions, word("1989.95"))

    effects = tell(positions, transfer("1000", at=AT - MINUTE))

    assert positions.wallet_usdt == D("1989.95")
    assert day_pnl(effects) == D("-10.05")
    assert bookings(effects) == [D(-1000)]
    assert alerts(effects) == []


def test_gain_explained_late_by_what_earned_it_counts() -> None:
    positions = holding(100)
    tell(positions, word("1029.95"))

    effects = tell(positions, funding("30", at=AT - MINUTE))

    assert (positions.wallet_usdt, day_pnl(effects)) == (D("1029.95"), D("29.95"))


def test_gain_of_yesterday_explained_today_is_none_of_today() -> None:
    positions = holding(100)
    tell(positions, word("1029.95"), bar(100, T0 + DAY))

    effects = tell(positions, transfer("20", at=AT - MINUTE), funding("10", at=AT - MINUTE)) + tell(
        positions, bar(100, T0 + 2 * DAY - MINUTE)
    )

    assert positions.wallet_usdt == D("1029.95")
    assert {m.day_pnl_usdt for m in published(effects, EquityMarked)} == {D(0)}


@pytest.mark.parametrize("late", ["transfer", "funding"])
@pytest.mark.parametrize("mark_survived", [True, False])
def test_restart_knows_what_was_left_unexplained(late: str, mark_survived: bool) -> None:
    positions = holding(100)
    effects = tell(positions, word("1029.95"))
    (booked,) = [
        e.document
        for e in effects
        if isinstance(e, Record) and isinstance(e.document, WalletTransferred)
    ]
    changed = published(effects, PositionChanged)[-1]
    last = published(effects, EquityMarked)[-1] if mark_survived else marked("0", "-0.05", AT - 1)
    again = restored(
        ledgers={
            SYMBOL: PositionLedger(
                sequence=changed.sequence, realised_pnl=changed.realised_pnl, fees=changed.fees
            )
        },
        adopted_at={SYMBOL: AT},
        transfers=[booked],
        marked=last,
    )
    assert day_pnl(tell(again, start(AT + 99))) == D("-0.05")

    fact = transfer("30", at=AT - 1) if late == "transfer" else funding("30", at=AT - 1)
    effects = tell(again, fact)

    assert again.wallet_usdt == D("1029.95")
    assert day_pnl(effects) == (D("-0.05") if late == "transfer" else D("29.95"))
