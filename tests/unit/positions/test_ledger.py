"""The ledger against examples worked by hand."""

from decimal import Decimal

import pytest

from apps.positions.core.ledger import PositionLedger, adopt_position, fold_fill, fold_funding
from chimera.instruments import Side

D = Decimal


def fold(*trades: tuple[str, str, str], fee: str = "0") -> PositionLedger:
    """Fold (side, quantity, price) one after the other, at times 1, 2, 3, ..."""
    ledger = PositionLedger()
    for ts, (side, qty, px) in enumerate(trades, start=1):
        ledger = fold_fill(ledger, side=Side(side), qty=D(qty), px=D(px), fee=D(fee), ts=ts)
    return ledger


def test_fold_fill_adding_averages_the_entry() -> None:
    ledger = fold(("BUY", "1", "100"), ("BUY", "3", "104"))

    assert (ledger.qty, ledger.entry_px, ledger.realised_pnl) == (D(4), D(103), D(0))
    assert (ledger.opened_at, ledger.sequence) == (1, 2)


@pytest.mark.parametrize(
    ("opening", "closing", "pnl"), [("BUY", "SELL", "20"), ("SELL", "BUY", "-20")]
)
def test_fold_fill_closing_realises_the_difference(opening: str, closing: str, pnl: str) -> None:
    ledger = fold((opening, "2", "100"), (closing, "2", "110"))

    assert (ledger.qty, ledger.entry_px, ledger.opened_at) == (D(0), D(0), 0)
    assert ledger.realised_pnl == D(pnl)


def test_fold_fill_closing_part_keeps_the_entry() -> None:
    ledger = fold(("BUY", "4", "100"), ("SELL", "1", "108"))

    assert (ledger.qty, ledger.entry_px, ledger.realised_pnl) == (D(3), D(100), D(8))
    assert ledger.opened_at == 1


def test_fold_fill_turning_over_closes_all_and_opens_the_rest_at_its_own_price() -> None:
    ledger = fold(("BUY", "2", "100"), ("SELL", "5", "90"))

    assert (ledger.qty, ledger.entry_px, ledger.realised_pnl) == (D(-3), D(90), D(-20))
    assert ledger.opened_at == 2


def test_fold_fill_short_adding_averages_too() -> None:
    ledger = fold(("SELL", "1", "100"), ("SELL", "1", "110"), ("BUY", "2", "100"))

    assert ledger.realised_pnl == D(10)


def test_fold_fill_rounds_each_realised_amount_half_to_even() -> None:
    ledger = fold(("BUY", "1", "1"), ("BUY", "2", "1.00000001"), ("SELL", "3", "2"))

    # entry 1.0000000066..., realised 2.99999998 exactly
    assert ledger.realised_pnl == D("2.99999998")


def test_unrealised_is_signed_by_the_side() -> None:
    assert fold(("BUY", "2", "100")).unrealised(D("99.5")) == D("-1.00000000")
    assert fold(("SELL", "2", "100")).unrealised(D("99.5")) == D("1.00000000")


def test_net_is_what_the_wallet_felt() -> None:
    ledger = fold(("BUY", "2", "100"), ("SELL", "2", "110"), fee="0.04")
    ledger = fold_funding(ledger, D("-0.02"))

    assert ledger.net == D("20") - D("0.08") - D("0.02")
    assert ledger.sequence == 3


def test_worked_day_of_the_reference_account() -> None:
    """0.004 BTC at 100,000: in, funded at +0.01 %, out at 100,250; 5 bps a side."""
    ledger = PositionLedger()
    ledger = fold_fill(ledger, side=Side.BUY, qty=D("0.004"), px=D(100_000), fee=D("0.2"), ts=1)
    ledger = fold_funding(ledger, D("-0.04"))
    ledger = fold_fill(ledger, side=Side.SELL, qty=D("0.004"), px=D(100_250), fee=D("0.2005"), ts=2)

    assert (ledger.realised_pnl, ledger.fees, ledger.funding) == (D("1"), D("0.4005"), D("-0.04"))
    assert ledger.net == D("0.5595")


@pytest.mark.parametrize(("qty", "opened_at"), [("3", 1), ("-3", 9), ("0", 0)])
def test_adopt_position_believes_the_venue(qty: str, opened_at: int) -> None:
    ledger = fold(("BUY", "2", "100"))

    adopted = adopt_position(ledger, qty=D(qty), entry_px=D(101), earned=D("-1.5"), ts=9)

    assert (adopted.qty, adopted.entry_px, adopted.opened_at) == (D(qty), D(101), opened_at)
    assert (adopted.net, adopted.sequence) == (D("-1.5"), 2)
