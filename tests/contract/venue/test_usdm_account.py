"""Futures balance, positions, settings, transfers and funding through unmodified ccxt."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from chimera.clock import HOUR
from chimera.instruments import Market
from tests.contract.venue.conftest import PERP, PaperMarket


def test_fetch_balance_shows_the_wallet_and_its_use(usdm: Any) -> None:
    assert usdm.fetch_balance()["USDT"] == {"free": 10_000, "used": 0, "total": 10_000}
    usdm.set_leverage(20, PERP)
    usdm.create_order(PERP, "limit", "buy", 0.1, 59_000)

    balance = usdm.fetch_balance()["USDT"]

    assert balance["total"] == 10_000
    assert balance["used"] == pytest.approx(0.1 * 59_000 / 20, rel=0.01)


def test_leverage_and_margin_mode_are_set_and_read_back(usdm: Any) -> None:
    usdm.set_leverage(20, PERP)
    usdm.set_margin_mode("isolated", PERP)

    assert usdm.fetch_leverage(PERP)["longLeverage"] == 20
    assert usdm.fetch_margin_mode(PERP)["marginMode"] == "isolated"
    with pytest.raises(ccxt.MarginModeAlreadySet, match="-4046"):
        usdm.set_margin_mode("isolated", PERP)


def test_margin_mode_with_open_position_is_refused(usdm: Any) -> None:
    usdm.create_order(PERP, "market", "buy", 0.01)

    with pytest.raises(ccxt.OperationRejected, match="-4048"):
        usdm.set_margin_mode("isolated", PERP)


def test_position_mode_is_set_and_read_back(usdm: Any) -> None:
    assert usdm.fetch_position_mode(PERP)["hedged"] is False
    usdm.set_position_mode(True)
    assert usdm.fetch_position_mode(PERP)["hedged"] is True
    with pytest.raises(ccxt.ExchangeError, match="-4059"):
        usdm.set_position_mode(True)


def test_isolated_position_margin_can_be_added_and_moves_the_liquidation_price(usdm: Any) -> None:
    usdm.set_leverage(20, PERP)
    usdm.set_margin_mode("isolated", PERP)
    usdm.create_order(PERP, "market", "buy", 0.1)
    before = usdm.fetch_positions([PERP])[0]

    usdm.add_margin(PERP, 100)
    after = usdm.fetch_positions([PERP])[0]

    assert before["marginMode"] == "isolated"
    added = float(after["info"]["isolatedWallet"]) - float(before["info"]["isolatedWallet"])
    assert added == pytest.approx(100)
    assert after["liquidationPrice"] < before["liquidationPrice"]


def test_margin_in_hedge_mode_is_moved_for_the_side_that_is_named(usdm: Any) -> None:
    usdm.set_leverage(20, PERP)
    usdm.set_margin_mode("isolated", PERP)
    usdm.set_position_mode(True)
    usdm.create_order(PERP, "market", "buy", 0.1, None, {"hedged": True})
    usdm.create_order(PERP, "market", "sell", 0.2, None, {"hedged": True})

    def wallets() -> dict[str, float]:
        rows = usdm.fetch_positions([PERP])
        return {row["side"]: float(row["info"]["isolatedWallet"]) for row in rows}

    before = wallets()
    usdm.add_margin(PERP, 100, {"positionSide": "SHORT"})
    usdm.add_margin(PERP, 50, {"positionSide": "LONG"})
    usdm.reduce_margin(PERP, 40, {"positionSide": "SHORT"})

    moved = {side: wallet - before[side] for side, wallet in wallets().items()}
    assert moved == {"long": pytest.approx(50), "short": pytest.approx(60)}
    with pytest.raises(ccxt.OperationRejected, match="-4061"):
        usdm.add_margin(PERP, 100)


def test_margin_in_one_way_mode_knows_no_sides(usdm: Any) -> None:
    usdm.set_margin_mode("isolated", PERP)
    usdm.create_order(PERP, "market", "buy", 0.1)
    with pytest.raises(ccxt.OperationRejected, match="-4061"):
        usdm.add_margin(PERP, 100, {"positionSide": "LONG"})


def test_isolated_liquidation_price_matches_the_published_formula(usdm: Any) -> None:
    usdm.set_leverage(20, PERP)
    usdm.set_margin_mode("isolated", PERP)
    usdm.create_order(PERP, "market", "buy", 0.1)

    raw = usdm.fetch_positions([PERP])[0]["info"]

    qty, entry, wallet = (
        Decimal(raw[name]) for name in ("positionAmt", "entryPrice", "isolatedWallet")
    )
    expected = (wallet - qty * entry) / (qty * Decimal("0.004") - qty)
    assert abs(Decimal(raw["liquidationPrice"]) - expected) < Decimal("0.1")


def test_mark_price_beyond_liquidation_closes_the_position(usdm: Any, market: PaperMarket) -> None:
    usdm.set_leverage(20, PERP)
    usdm.set_margin_mode("isolated", PERP)
    usdm.create_order(PERP, "market", "buy", 0.1)

    market.step("56900")

    assert usdm.fetch_positions([PERP]) == []
    forced = usdm.fapiPrivateGetForceOrders({"symbol": "BTCUSDT"})
    assert forced[0]["clientOrderId"].startswith("autoclose-")


def test_transfer_moves_money_both_ways(usdm: Any, spot: Any) -> None:
    assert spot.transfer("USDT", 500, "spot", "swap")["id"]
    assert usdm.fetch_balance()["USDT"]["total"] == 10_500
    assert spot.fetch_balance()["USDT"]["total"] == 99_500

    spot.transfer("USDT", 200, "swap", "spot")
    assert usdm.fetch_balance()["USDT"]["total"] == 10_300
    with pytest.raises(ccxt.ExchangeError):
        spot.transfer("USDT", 1_000_000, "swap", "spot")


def test_funding_is_paid_at_the_boundary_and_listed(usdm: Any, market: PaperMarket) -> None:
    usdm.create_order(PERP, "market", "buy", 0.1)
    listing = market.host.venue.listing(Market.USDM, "BTCUSDT")

    market.server.call(lambda host: host.venue.advance(listing.next_funding_time + 1))

    (payment,) = usdm.fetch_funding_history(PERP)
    assert payment["amount"] == pytest.approx(-0.1 * 60_000 * 0.0001)
    assert payment["timestamp"] % (8 * HOUR) == 0
    assert len(usdm.fetch_funding_rate_history(PERP)) == 1


def test_ledger_explains_the_wallet(usdm: Any) -> None:
    usdm.create_order(PERP, "market", "buy", 0.1)
    usdm.create_order(PERP, "market", "sell", 0.1, None, {"reduceOnly": True})

    rows = usdm.fapiPrivateGetIncome({"limit": 1_000})

    total = sum(Decimal(row["income"]) for row in rows)
    assert float(total) == pytest.approx(usdm.fetch_balance()["USDT"]["total"])
    assert {"TRANSFER", "COMMISSION", "REALIZED_PNL"} >= {row["incomeType"] for row in rows}
    assert usdm.fetch_ledger("USDT")


def test_trading_fees_are_the_regular_ones(usdm: Any, spot: Any) -> None:
    assert usdm.fetch_trading_fee(PERP)["taker"] == 0.0005
    assert usdm.fetch_trading_fee(PERP)["maker"] == 0.0002
    assert spot.fetch_trading_fee("BTC/USDT")["taker"] == 0.001


def test_fees_are_burnt_in_no_bnb_and_cannot_be(usdm: Any) -> None:
    assert usdm.fapiPrivateGetFeeBurn() == {"feeBurn": False}
    assert usdm.fapiPrivatePostFeeBurn({"feeBurn": "false"})["msg"] == "success"
    with pytest.raises(ccxt.BadRequest, match="-1020"):
        usdm.fapiPrivatePostFeeBurn({"feeBurn": "true"})
    with pytest.raises(ccxt.BadRequest, match="-1102"):
        usdm.fapiPrivatePostFeeBurn()
    assert usdm.fapiPrivateGetFeeBurn() == {"feeBurn": False}


def test_usdt_is_the_only_margin_and_stays_so(usdm: Any) -> None:
    assert usdm.fapiPrivateGetMultiAssetsMargin() == {"multiAssetsMargin": False}
    with pytest.raises(ccxt.BadRequest, match="-1020"):
        usdm.fapiPrivatePostMultiAssetsMargin({"multiAssetsMargin": "true"})
    with pytest.raises(ccxt.ExchangeError, match="-4171"):
        usdm.fapiPrivatePostMultiAssetsMargin({"multiAssetsMargin": "false"})
