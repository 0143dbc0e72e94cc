"""Every spot order type of the protocol reference, order lists and balances, through unmodified ccxt."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from apps.exchange.core.venue.actions import SetDepth
from chimera.instruments import Market
from tests.contract.venue.conftest import SPOT, PaperMarket


def oco(client: Any, **overrides: Any) -> dict[str, Any]:
    return client.privatePostOrderListOco(
        {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "quantity": "0.01",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": "61000",
            "belowType": "STOP_LOSS_LIMIT",
            "belowStopPrice": "59000",
            "belowPrice": "58900",
            "belowTimeInForce": "GTC",
            **overrides,
        }
    )


def test_limit_rests_locks_funds_and_cancels(spot: Any) -> None:
    order = spot.create_order(SPOT, "limit", "buy", 0.01, 59_000, {"clientOrderId": "rest-1"})

    assert order["status"] == "open"
    assert spot.fetch_balance()["USDT"]["used"] == 590
    assert spot.fetch_open_orders(SPOT)[0]["clientOrderId"] == "rest-1"
    canceled = spot.cancel_order(order["id"], SPOT)
    assert canceled["status"] == "canceled"
    assert canceled["info"]["origClientOrderId"] == "rest-1"
    assert canceled["info"]["clientOrderId"] != "rest-1"
    assert spot.fetch_balance()["USDT"]["used"] == 0


def test_market_buy_fills_and_pays_the_fee_in_what_it_received(spot: Any) -> None:
    order = spot.create_order(SPOT, "market", "buy", 0.01)

    assert (order["status"], order["filled"]) == ("closed", 0.01)
    assert order["fee"] == {"currency": "BTC", "cost": pytest.approx(0.00001)}
    assert spot.fetch_balance()["BTC"]["total"] == pytest.approx(2.00999)


def test_market_buy_by_cost_spends_the_quote(spot: Any) -> None:
    order = spot.create_order(SPOT, "market", "buy", 0, None, {"cost": 600})

    assert order["status"] == "closed"
    assert order["cost"] == pytest.approx(600, rel=0.01)


def test_ioc_and_fok_away_expire(spot: Any) -> None:
    for time_in_force in ("IOC", "FOK"):
        order = spot.create_order(
            SPOT, "limit", "buy", 0.01, 59_000, {"timeInForce": time_in_force}
        )
        assert (order["status"], order["filled"]) == ("expired", 0)


def test_limit_maker_rests_or_is_refused(spot: Any) -> None:
    order = spot.create_order(SPOT, "limit", "sell", 0.01, 61_000, {"postOnly": True})

    assert order["type"] == "limit"
    assert order["postOnly"]
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="immediately match and take"):
        spot.create_order(SPOT, "limit", "sell", 0.01, 59_000, {"postOnly": True})


@pytest.mark.parametrize(
    ("kind", "price", "params", "move"),
    [
        ("market", None, {"stopLossPrice": 59_500}, "59400"),
        ("limit", 59_000, {"stopLossPrice": 59_500}, "59400"),
        ("market", None, {"takeProfitPrice": 60_500}, "60600"),
        ("limit", 60_000, {"takeProfitPrice": 60_500}, "60600"),
    ],
)
def test_stop_and_take_profit_sell_when_the_price_gets_there(
    spot: Any,
    market: PaperMarket,
    kind: str,
    price: float | None,
    params: dict[str, Any],
    move: str,
) -> None:
    order = spot.create_order(SPOT, kind, "sell", 0.01, price, params)
    waiting = spot.fetch_order(order["id"], SPOT)
    assert waiting["status"] == "open"
    assert waiting["info"]["isWorking"] is False

    market.step(move, market=Market.SPOT)

    done = spot.fetch_order(order["id"], SPOT)
    assert (done["status"], done["filled"]) == ("closed", 0.01)


def test_stop_already_met_is_refused(spot: Any) -> None:
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="trigger immediately"):
        spot.create_order(SPOT, "market", "sell", 0.01, None, {"stopLossPrice": 60_500})


def test_oco_answers_both_legs_and_can_be_queried(spot: Any) -> None:
    group = oco(spot)

    assert group["contingencyType"] == "OCO"
    assert group["listOrderStatus"] == "EXECUTING"
    assert {report["type"] for report in group["orderReports"]} == {
        "LIMIT_MAKER",
        "STOP_LOSS_LIMIT",
    }
    assert len(spot.fetch_open_orders(SPOT)) == 2
    list_id = group["orderListId"]
    assert spot.privateGetOrderList({"orderListId": list_id})["orderListId"] == list_id
    assert [row["orderListId"] for row in spot.privateGetOpenOrderList()] == [list_id]


@pytest.mark.parametrize(
    ("move", "filled", "expired"),
    [("61100", "LIMIT_MAKER", "STOP_LOSS_LIMIT"), ("58950", "STOP_LOSS_LIMIT", "LIMIT_MAKER")],
)
def test_oco_one_leg_trading_expires_the_other(
    spot: Any, market: PaperMarket, move: str, filled: str, expired: str
) -> None:
    oco(spot)

    market.step(move, market=Market.SPOT)

    status = {order["info"]["type"]: order["status"] for order in spot.fetch_orders(SPOT)}
    assert status == {filled: "closed", expired: "expired"}
    assert spot.privateGetOpenOrderList() == []


def test_oco_cancelling_one_leg_cancels_the_list(spot: Any) -> None:
    group = oco(spot)

    spot.cancel_order(group["orders"][0]["orderId"], SPOT)

    assert spot.fetch_open_orders(SPOT) == []
    assert spot.privateGetAllOrderList()[0]["listOrderStatus"] == "ALL_DONE"


def test_oco_cancel_list_ends_both(spot: Any) -> None:
    group = oco(spot)

    answer = spot.privateDeleteOrderList({"symbol": "BTCUSDT", "orderListId": group["orderListId"]})

    assert {report["status"] for report in answer["orderReports"]} == {"CANCELED"}


def test_oco_prices_in_the_wrong_relation_are_refused(spot: Any) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="relationship of the prices"):
        oco(spot, abovePrice="59500")


def test_cancel_all_ends_every_open_order(spot: Any) -> None:
    spot.create_order(SPOT, "limit", "buy", 0.01, 59_000)
    spot.create_order(SPOT, "limit", "sell", 0.01, 61_000)

    assert {order["status"] for order in spot.cancel_all_orders(SPOT)} == {"canceled"}
    assert spot.fetch_open_orders(SPOT) == []


def test_edit_order_replaces_it(spot: Any) -> None:
    order = spot.create_order(SPOT, "limit", "buy", 0.01, 59_000)

    edited = spot.edit_order(order["id"], SPOT, "limit", "buy", 0.02, 58_000)

    assert (edited["price"], edited["amount"]) == (58_000, 0.02)
    assert spot.fetch_order(order["id"], SPOT)["status"] == "canceled"


@pytest.mark.parametrize(
    ("mode", "kept", "expired"),
    [
        ("EXPIRE_MAKER", {"makerPreventedQuantity": "0.02000000"}, ["maker"]),
        ("EXPIRE_TAKER", {"takerPreventedQuantity": "0.01000000"}, ["taker"]),
        (
            "EXPIRE_BOTH",
            {"makerPreventedQuantity": "0.02000000", "takerPreventedQuantity": "0.01000000"},
            ["maker", "taker"],
        ),
    ],
)
def test_trade_with_oneself_that_was_prevented_can_be_asked_for(
    spot: Any, market: PaperMarket, mode: str, kept: dict[str, str], expired: list[str]
) -> None:
    bid, ask = ((Decimal(px), Decimal(1)) for px in (59_990, 60_010))
    market.act(SetDepth(Market.SPOT, "BTCUSDT", 1, (bid,), (ask,)))

    def place(side: str, amount: float) -> Any:
        stp = {"selfTradePreventionMode": mode}
        return spot.create_order(SPOT, "limit", side, amount, 60_000, stp)

    orders = {"maker": place("sell", 0.02), "taker": place("buy", 0.01)}
    asked = {"symbol": "BTCUSDT", "orderId": orders["maker"]["id"]}

    [match] = spot.privateGetMyPreventedMatches(asked)

    assert str(match["takerOrderId"]) == orders["taker"]["id"]
    assert str(match["makerOrderId"]) == orders["maker"]["id"]
    assert match["price"] == "60000.00000000"
    assert match["selfTradePreventionMode"] == mode
    assert {k: v for k, v in match.items() if k.endswith("PreventedQuantity")} == kept
    by_id = {"symbol": "BTCUSDT", "preventedMatchId": match["preventedMatchId"]}
    assert spot.privateGetMyPreventedMatches(by_id) == [match]
    assert spot.privateGetMyPreventedMatches({**asked, "fromPreventedMatchId": 99}) == []
    ended = [who for who, order in orders.items() if not _is_open(spot, order)]
    assert ended == expired
    with pytest.raises(ccxt.BadRequest, match="-1102"):
        spot.privateGetMyPreventedMatches({"symbol": "BTCUSDT"})


def _is_open(spot: Any, order: Any) -> bool:
    return bool(spot.fetch_order(order["id"], SPOT)["status"] == "open")


def test_my_trades_name_their_order_and_fee(spot: Any) -> None:
    order = spot.create_order(SPOT, "market", "sell", 0.01)

    trade = spot.fetch_my_trades(SPOT)[-1]

    assert (trade["order"], trade["side"]) == (order["id"], "sell")
    assert trade["fee"]["currency"] == "USDT"
    assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * 0.001)


def test_closed_orders_are_listed(spot: Any) -> None:
    order = spot.create_order(SPOT, "market", "sell", 0.01)

    assert order["id"] in [row["id"] for row in spot.fetch_closed_orders(SPOT)]
