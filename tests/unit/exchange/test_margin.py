"""Margin, liquidation and funding worked by hand from Binance's published rules."""

from decimal import Decimal

import pytest

from apps.exchange.core.venue import margin
from apps.exchange.core.venue.accounts import IncomeKind
from apps.exchange.core.venue.actions import SetFunding
from apps.exchange.core.venue.default_brackets import KNOWN, OTHERS, brackets_of
from apps.exchange.core.venue.outbound import AccountChanged, Liquidated, OrderUpdated
from apps.exchange.core.venue.types import Execution, MarginType, VenueError, VenueOrderType
from chimera.clock import HOUR
from tests.support.venue import (
    BTC,
    BUY,
    ME,
    SELL,
    T0,
    UM,
    bar,
    conditional,
    d,
    limit,
    market_order,
    set_book,
    set_mark,
    venue,
)

BTC_BRACKETS = brackets_of(BTC)

CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("notional", "cum"),
    [
        ("40000", "0"),
        ("599999", "50"),
        ("600000", "950"),
        ("3000000", "11450"),
        ("12000000", "131450"),
        ("70000000", "481450"),
        ("100000000", "2981450"),
        ("230000000", "14481450"),
        ("480000000", "26481450"),
        ("600000000", "41481450"),
        ("800000000", "121481450"),
        ("1200000000", "421481450"),
    ],
)
def test_bracket_table_has_the_published_cumulative_amounts(notional, cum) -> None:
    assert margin.bracket_for(BTC_BRACKETS, d(notional)).cum == d(cum)


def test_every_symbol_has_its_own_table_and_unknown_ones_a_cautious_one() -> None:
    most = {symbol: table[0].initial_leverage for symbol, table in KNOWN.items()}
    assert (most["BTCUSDT"], most["SOLUSDT"], most["LTCUSDT"]) == (125, 100, 75)
    assert brackets_of("NEWUSDT") is OTHERS
    assert OTHERS[0].initial_leverage < min(most.values())
    # published: BNB from 75M at half its notional, FIL from 20M
    assert margin.bracket_for(brackets_of("BNBUSDT"), d(80_000_000)).cum == d("25022210")
    assert margin.bracket_for(brackets_of("FILUSDT"), d(25_000_000)).cum == d("6576200")


@pytest.mark.parametrize(("qty", "price"), [("0.1", "57228.92"), ("-0.1", "62749.00")])
def test_liquidation_price_of_the_worked_example_is_right_to_the_cent(qty, price) -> None:
    found = margin.liquidation_price(BTC_BRACKETS, qty=d(qty), entry_price=d(60000), wallet=d(300))
    assert found.quantize(CENT) == d(price)


def test_liquidation_price_in_a_higher_bracket_uses_that_brackets_rates() -> None:
    found = margin.liquidation_price(BTC_BRACKETS, qty=d(20), entry_price=d(60000), wallet=d(60000))
    # 1.14M of notional lies in bracket 3: (60000 + 950 - 1.2M) / (20 * 0.0065 - 20)
    assert found.quantize(CENT) == (d("-1139050") / d("-19.87")).quantize(CENT)


def opened(qty: str = "0.100", side=BUY, **options):
    built = venue(**options)
    set_book(built, {"59999.90": "5"}, {"60000": "5"})
    if side is SELL:
        set_book(built, {"60000": "5"}, {"60000.10": "5"})
    set_mark(built, "60000")
    built.place_order(ME, UM, market_order(side, qty), T0 + 1)
    built.drain()
    return built


def test_isolated_entry_moves_its_initial_margin_and_charges_the_fee_to_the_cross_wallet() -> None:
    built = opened()
    account, view = built.account(ME), built.positions(ME, BTC)[0]
    assert view.isolated_wallet == d(300)  # 6000 / 20
    assert account.wallet_balance == d(10000) - d(3)  # 0.05 % of 6000
    assert account.cross_wallet == d(10000) - d(3) - d(300)
    assert view.liquidation_price.quantize(CENT) == d("57228.92")


def test_short_entry_has_the_worked_liquidation_price() -> None:
    view = opened(side=SELL).positions(ME, BTC)[0]
    assert view.qty == d("-0.100")
    assert view.liquidation_price.quantize(CENT) == d("62749.00")


def test_partial_close_realises_its_share_and_returns_its_share_of_the_margin() -> None:
    built = opened()
    set_book(built, {"61000": "5"}, {"61000.10": "5"}, now=T0 + 2)
    order = built.place_order(ME, UM, market_order(SELL, "0.040"), T0 + 3)
    assert order.fills[0].realized_pnl == d(40)  # (61000 - 60000) * 0.04
    view = built.positions(ME, BTC)[0]
    assert view.isolated_wallet == d(180)
    assert view.entry_price == d(60000)
    assert built.account(ME).wallet_balance == d(10000) - d(3) + d(40) - d("1.22")
    built.check_invariants()


def test_entry_price_is_the_unrounded_average_and_pnl_is_rounded_half_even() -> None:
    built = opened("0.010", usdt="100000")
    set_book(built, {"60000.00": "5"}, {"60000.10": "5"}, now=T0 + 2)
    built.place_order(ME, UM, limit(BUY, "0.020", "60000.10"), T0 + 3)
    entry = (d("0.010") * 60000 + d("0.020") * d("60000.10")) / d("0.030")
    assert built.positions(ME, BTC)[0].entry_price == entry
    order = built.place_order(ME, UM, market_order(SELL, "0.030"), T0 + 4)
    exact = (d(60000) - entry) * d("0.030")
    assert order.fills[0].realized_pnl == exact.quantize(d("0.00000001"))


def test_order_larger_than_the_position_closes_it_and_opens_the_rest() -> None:
    built = opened()
    set_book(built, {"60500": "5"}, {"60500.10": "5"}, now=T0 + 2)
    order = built.place_order(ME, UM, market_order(SELL, "0.150"), T0 + 3)
    assert order.fills[0].realized_pnl == d(50)
    view = built.positions(ME, BTC)[0]
    assert (view.qty, view.entry_price) == (d("-0.050"), d(60500))
    assert view.isolated_wallet == d("151.25")  # 0.05 * 60500 / 20
    built.check_invariants()


def test_order_beyond_the_wallet_is_refused_and_changes_nothing() -> None:
    built = venue(usdt="100")
    set_book(built, {"59999.90": "5"}, {"60000": "5"})
    set_mark(built, "60000")
    with pytest.raises(VenueError) as refused:
        built.place_order(ME, UM, market_order(BUY, "0.034"), T0 + 1)
    assert refused.value.code == -2019
    built.place_order(ME, UM, market_order(BUY, "0.032"), T0 + 2)  # 96 of margin and 1 of fee
    assert built.account(ME).cross_wallet > 0


def test_resting_orders_hold_margin_until_they_are_cancelled() -> None:
    built = venue(usdt="1000")
    set_book(built, {"59999.90": "5"}, {"60000": "5"})
    set_mark(built, "60000")
    order = built.place_order(ME, UM, limit(BUY, "0.100", "59000"), T0 + 1)
    assert built.account_view(ME).available == d(1000) - d(295)
    built.cancel_order(ME, UM, BTC, T0 + 2, order_id=order.order_id)
    assert built.account_view(ME).available == d(1000)


def test_order_that_only_closes_needs_no_margin() -> None:
    built = venue(usdt="320")
    set_book(built, {"59999.90": "5"}, {"60000": "5"})
    set_mark(built, "60000")
    built.place_order(ME, UM, market_order(BUY, "0.100"), T0 + 1)
    assert built.account_view(ME).available < d(20)
    built.place_order(ME, UM, limit(SELL, "0.100", "61000"), T0 + 2)


def test_leverage_limits_the_notional_of_a_position() -> None:
    built = venue(usdt="100000000")
    set_book(built, {"59999.90": "5"}, {"60000": "500"})
    set_mark(built, "60000")
    built.set_leverage(ME, BTC, 125, T0)
    with pytest.raises(VenueError) as refused:
        built.place_order(ME, UM, market_order(BUY, "1.000"), T0 + 1)
    assert refused.value.code == -2027


# --- funding ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "sign"), [(BUY, -1), (SELL, 1)])
def test_funding_at_the_boundary_charges_the_long_and_pays_the_short(side, sign) -> None:
    built = opened(side=side)
    boundary = T0 - T0 % (8 * HOUR) + 8 * HOUR
    set_mark(built, "61234.50", now=boundary - 1)
    before = built.positions(ME, BTC)[0].isolated_wallet
    built.apply(SetFunding(UM, BTC, d("0.0001"), boundary), boundary)
    built.drain()
    built.advance(boundary)
    paid = sign * d("0.1") * d("61234.50") * d("0.0001")
    rows = built.income(ME, kind=IncomeKind.FUNDING_FEE)
    assert [row.amount for row in rows] == [paid]
    assert built.positions(ME, BTC)[0].isolated_wallet == before + paid
    told = [e for e in built.drain() if isinstance(e, AccountChanged)]
    assert [(e.reason, e.symbol, e.balances[0].change) for e in told] == [
        ("FUNDING_FEE", BTC, paid)
    ]
    built.advance(boundary + 8 * HOUR - 1)
    assert len(built.income(ME, kind=IncomeKind.FUNDING_FEE)) == 1
    built.check_invariants()


# --- liquidation ------------------------------------------------------------------------------------


def test_mark_above_the_liquidation_price_leaves_the_position_alone() -> None:
    built = opened()
    set_book(built, {"50000": "5"}, {"50000.10": "5"}, now=T0 + 2)  # last and book may crash
    set_mark(built, "57229.00", now=T0 + 2)
    assert built.positions(ME, BTC)[0].qty == d("0.100")


def test_mark_at_the_liquidation_price_closes_the_position_at_a_loss_of_its_margin_only() -> None:
    built = opened()
    resting = built.place_order(ME, UM, limit(SELL, "0.050", "61000"), T0 + 2)
    algo = built.place_algo(
        ME, conditional(VenueOrderType.STOP_MARKET, SELL, "50000", "0.100"), T0 + 2
    )
    set_book(built, {"57100": "0.040", "56000": "5"}, {"57300": "5"}, now=T0 + 3)
    built.drain()
    set_mark(built, "57228.90", now=T0 + 4)
    assert built.positions(ME, BTC)[0].qty == 0
    assert not resting.status.is_open
    assert not algo.is_open
    events = built.drain()
    executions = [
        (e.execution_type, e.fill.price)
        for e in events
        if isinstance(e, OrderUpdated) and e.fill is not None
    ]
    # The book offers 0.040 above the bankruptcy price of 57000; the fund takes over the rest there.
    assert executions == [(Execution.TRADE, d(57100)), (Execution.CALCULATED, d(57000))]
    closed = next(e.order for e in events if isinstance(e, Liquidated))
    assert closed.client_order_id.startswith("autoclose-")
    account = built.account(ME)
    assert account.wallet_balance == account.cross_wallet == d(10000) - d(3) - d(300)
    built.check_invariants()


def test_cross_position_is_liquidated_only_when_the_whole_wallet_is_used_up() -> None:
    built = venue(usdt="1000", isolated=False)
    set_book(built, {"59999.90": "5"}, {"60000": "5"})
    set_mark(built, "60000")
    built.place_order(ME, UM, market_order(BUY, "0.100"), T0 + 1)
    set_mark(built, "51000", now=T0 + 2)
    assert built.positions(ME, BTC)[0].qty == d("0.100")
    set_mark(built, "50200", now=T0 + 3)
    assert built.positions(ME, BTC)[0].qty == 0
    assert built.account(ME).wallet_balance >= 0
    built.check_invariants()


def test_bars_liquidate_on_mark_and_not_on_last() -> None:
    built = venue()
    built.apply(bar(0, 60000, 60010, 59990, 60000), T0 + 60_000)
    built.place_order(ME, UM, market_order(BUY, "0.100"), T0 + 60_001)
    # Last dips below 57228 for an instant, the smoothed mark does not.
    built.apply(bar(1, 60000, 60010, 56500, 60000), T0 + 120_000)
    assert built.positions(ME, BTC)[0].qty == d("0.100")
    for index in range(2, 6):
        built.apply(bar(index, 56500, 56510, 56490, 56500), T0 + (index + 1) * 60_000)
    assert built.positions(ME, BTC)[0].qty == 0
    built.check_invariants()


# --- settings ---------------------------------------------------------------------------------------


def code_of(call) -> int:
    with pytest.raises(VenueError) as refused:
        call()
    return refused.value.code


def test_settings_with_a_position_or_order_are_refused_with_binances_codes() -> None:
    built = opened()
    assert code_of(lambda: built.set_leverage(ME, BTC, 10, T0)) == -4161
    assert code_of(lambda: built.set_leverage(ME, BTC, 126, T0)) == -4028
    assert code_of(lambda: built.set_margin_type(ME, BTC, MarginType.ISOLATED, T0)) == -4046
    assert code_of(lambda: built.set_margin_type(ME, BTC, MarginType.CROSSED, T0)) == -4048
    assert code_of(lambda: built.set_position_mode(ME, False, T0)) == -4059
    assert code_of(lambda: built.set_position_mode(ME, True, T0)) == -4068
    built.place_order(ME, UM, limit(SELL, "0.010", "61000"), T0 + 5)
    assert code_of(lambda: built.set_margin_type(ME, BTC, MarginType.CROSSED, T0)) == -4047
    assert code_of(lambda: built.set_position_mode(ME, True, T0)) == -4067


def test_isolated_margin_is_added_and_taken_out_within_its_bounds() -> None:
    built = opened()
    built.position_margin(ME, BTC, d(100), True, T0 + 5)
    assert built.positions(ME, BTC)[0].isolated_wallet == d(400)
    built.position_margin(ME, BTC, d(50), False, T0 + 6)
    assert code_of(lambda: built.position_margin(ME, BTC, d(51), False, T0 + 7)) == -4051
    assert code_of(lambda: built.position_margin(ME, BTC, d(99999), True, T0 + 7)) == -4050
    built.check_invariants()


def test_transfer_moves_the_same_amount_between_wallets_under_one_id() -> None:
    built = venue(usdt="100", spot={"USDT": "50"})
    tran_id = built.transfer(ME, "USDT", d(30), "MAIN_UMFUTURE", T0 + 1)
    account = built.account(ME)
    assert (account.wallet_balance, account.spot["USDT"].free) == (d(130), d(20))
    told = [e.balances[0].change for e in built.drain() if isinstance(e, AccountChanged)]
    assert told[-2:] == [d(30), d(-30)]
    rows = [row for row in account.income if row.tran_id == tran_id]
    assert sorted(row.amount for row in rows) == [d(-30), d(30)]
    with pytest.raises(VenueError):
        built.transfer(ME, "USDT", d(131), "UMFUTURE_MAIN", T0 + 2)
    built.check_invariants()
