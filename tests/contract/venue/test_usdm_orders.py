"""Every futures order type of the protocol reference through unmodified ccxt."""

from typing import Any

import ccxt
import pytest

from tests.contract.venue.conftest import PERP, PaperMarket


def buy(client: Any, amount: float = 0.01, **params: Any) -> dict[str, Any]:
    return client.create_order(PERP, "market", "buy", amount, None, params)


def position(client: Any) -> dict[str, Any]:
    rows = client.fetch_positions([PERP])
    assert len(rows) == 1
    return rows[0]


def test_limit_gtc_away_from_the_market_rests_and_is_found(usdm: Any) -> None:
    order = usdm.create_order(PERP, "limit", "buy", 0.01, 59_000, {"clientOrderId": "resting-1"})

    assert order["status"] == "open"
    assert order["clientOrderId"] == "resting-1"
    assert [o["id"] for o in usdm.fetch_open_orders(PERP)] == [order["id"]]
    found = usdm.fetch_order(None, PERP, {"origClientOrderId": "resting-1"})
    assert (found["id"], found["amount"], found["price"]) == (order["id"], 0.01, 59_000)


def test_limit_gtc_crossing_answers_new_and_fills(usdm: Any) -> None:
    order = usdm.create_order(PERP, "limit", "buy", 0.01, 60_100)

    assert order["status"] == "open"
    filled = usdm.fetch_order(order["id"], PERP)
    assert (filled["status"], filled["filled"]) == ("closed", 0.01)
    assert filled["average"] <= 60_100


def test_limit_ioc_expires_what_it_cannot_take(usdm: Any) -> None:
    order = usdm.create_order(PERP, "limit", "buy", 0.01, 59_000, {"timeInForce": "IOC"})

    assert (order["status"], order["filled"]) == ("expired", 0)


def test_limit_ioc_partial_takes_what_there_is(usdm: Any) -> None:
    ask, size = usdm.fetch_order_book(PERP, 5)["asks"][0]
    amount = float(usdm.amount_to_precision(PERP, size + 0.01))

    order = usdm.create_order(PERP, "limit", "buy", amount, ask, {"timeInForce": "IOC"})

    assert order["status"] == "expired"
    assert order["filled"] == pytest.approx(size)


def test_limit_fok_fillable_fills(usdm: Any) -> None:
    order = usdm.create_order(PERP, "limit", "buy", 0.01, 60_100, {"timeInForce": "FOK"})

    assert (order["status"], order["filled"]) == ("closed", 0.01)


def test_limit_fok_unfillable_is_refused(usdm: Any) -> None:
    with pytest.raises(ccxt.OrderNotFillable, match="-5021"):
        usdm.create_order(PERP, "limit", "buy", 0.01, 59_000, {"timeInForce": "FOK"})


def test_post_only_away_rests_and_crossing_is_refused(usdm: Any) -> None:
    order = usdm.create_order(PERP, "limit", "sell", 0.01, 61_000, {"postOnly": True})

    assert (order["status"], order["timeInForce"]) == ("open", "PO")
    with pytest.raises(ccxt.OrderNotFillable, match="-5022"):
        usdm.create_order(PERP, "limit", "sell", 0.01, 59_000, {"postOnly": True})


def test_price_match_takes_the_price_from_the_book(usdm: Any) -> None:
    book = usdm.fetch_order_book(PERP, 20)

    queued = usdm.create_order(PERP, "limit", "buy", 0.01, None, {"priceMatch": "QUEUE_5"})
    crossing = usdm.create_order(
        PERP, "limit", "sell", 0.01, None, {"priceMatch": "OPPONENT", "timeInForce": "IOC"}
    )

    assert queued["price"] == book["bids"][4][0]
    assert queued["info"]["priceMatch"] == "QUEUE_5"
    assert (crossing["status"], crossing["average"]) == ("closed", book["bids"][0][0])
    with pytest.raises(ccxt.ExchangeError, match='"code":-5037'):
        usdm.create_order(PERP, "limit", "buy", 0.01, None, {"priceMatch": "BEST"})


def test_market_order_fills_at_the_book_and_opens_a_position(usdm: Any) -> None:
    ask = usdm.fetch_order_book(PERP, 5)["asks"][0][0]

    order = buy(usdm)

    assert (order["status"], order["filled"], order["average"]) == ("closed", 0.01, ask)
    held = position(usdm)
    assert (held["side"], held["contracts"], held["entryPrice"]) == ("long", 0.01, ask)


def test_reduce_only_closes_and_never_opens(usdm: Any) -> None:
    buy(usdm)

    usdm.create_order(PERP, "market", "sell", 0.01, None, {"reduceOnly": True})

    assert usdm.fetch_positions([PERP]) == []
    with pytest.raises(ccxt.InvalidOrder, match="-2022"):
        usdm.create_order(PERP, "market", "sell", 0.01, None, {"reduceOnly": True})


@pytest.mark.parametrize(
    ("params", "kind", "trigger_px"),
    [
        ({"stopLossPrice": 59_500}, "STOP_MARKET", "59400"),
        ({"takeProfitPrice": 60_500}, "TAKE_PROFIT_MARKET", "60600"),
    ],
)
def test_conditional_market_order_triggers_and_closes_the_position(
    usdm: Any, market: PaperMarket, params: dict[str, Any], kind: str, trigger_px: str
) -> None:
    buy(usdm)
    order = usdm.create_order(PERP, "market", "sell", 0.01, None, {**params, "reduceOnly": True})
    assert order["status"] == "open"
    assert order["info"]["orderType"] == kind

    market.step(trigger_px)

    assert usdm.fetch_positions([PERP]) == []
    assert usdm.fetch_open_orders(PERP, params={"trigger": True}) == []
    done = usdm.fetch_order(order["id"], PERP, {"trigger": True})
    child = usdm.fetch_order(done["info"]["actualOrderId"], PERP)
    assert (child["status"], child["filled"]) == ("closed", 0.01)


@pytest.mark.parametrize("working_type", ["CONTRACT_PRICE", "MARK_PRICE"])
def test_stop_market_close_all_closes_whatever_is_held(
    usdm: Any, market: PaperMarket, working_type: str
) -> None:
    buy(usdm, 0.02)
    usdm.create_order(
        PERP,
        "STOP_MARKET",
        "sell",
        0.02,
        None,
        {"triggerPrice": 59_500, "closePosition": True, "workingType": working_type},
    )
    buy(usdm, 0.03)

    market.step("59400")

    assert usdm.fetch_positions([PERP]) == []


def test_stop_limit_and_take_profit_limit_place_their_child(usdm: Any, market: PaperMarket) -> None:
    stop = usdm.create_order(PERP, "limit", "buy", 0.01, 60_600, {"stopLossPrice": 60_500})
    assert (stop["info"]["orderType"], stop["price"]) == ("STOP", 60_600)

    market.step("60550")

    done = usdm.fetch_order(stop["id"], PERP, {"trigger": True})
    assert usdm.fetch_order(done["info"]["actualOrderId"], PERP)["type"] == "limit"


def test_trailing_stop_follows_the_high_and_fires_on_the_callback(
    usdm: Any, market: PaperMarket
) -> None:
    buy(usdm)
    order = usdm.create_order(
        PERP,
        "TRAILING_STOP_MARKET",
        "sell",
        0.01,
        None,
        {"trailingPercent": 1, "trailingTriggerPrice": 60_600, "reduceOnly": True},
    )
    assert order["info"]["orderType"] == "TRAILING_STOP_MARKET"

    market.step("60200")
    market.step("59800")  # a fall of 1 % before activation fires nothing
    assert position(usdm)["contracts"] == 0.01
    market.step("61000")
    market.step("60500")
    assert position(usdm)["contracts"] == 0.01
    market.step("60380")

    assert usdm.fetch_positions([PERP]) == []


def test_conditional_order_already_triggered_is_refused(usdm: Any) -> None:
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="-2021"):
        usdm.create_order(PERP, "market", "sell", 0.01, None, {"stopLossPrice": 60_500})


def test_cancel_plain_and_trigger_orders_are_separate(usdm: Any) -> None:
    plain = usdm.create_order(PERP, "limit", "buy", 0.01, 59_000)
    stop = usdm.create_order(PERP, "market", "buy", 0.01, None, {"stopLossPrice": 61_000})

    with pytest.raises(ccxt.OrderNotFound):
        usdm.cancel_order(stop["id"], PERP)
    usdm.cancel_order(stop["id"], PERP, {"trigger": True})
    assert usdm.cancel_order(plain["id"], PERP)["status"] == "canceled"
    assert usdm.fetch_open_orders(PERP) == []
    assert usdm.fetch_open_orders(PERP, params={"trigger": True}) == []


def test_cancel_all_leaves_trigger_orders_and_the_other_way_round(usdm: Any) -> None:
    usdm.create_order(PERP, "limit", "buy", 0.01, 59_000)
    usdm.create_order(PERP, "market", "buy", 0.01, None, {"stopLossPrice": 61_000})

    usdm.cancel_all_orders(PERP)
    assert usdm.fetch_open_orders(PERP) == []
    assert len(usdm.fetch_open_orders(PERP, params={"trigger": True})) == 1
    usdm.cancel_all_orders(PERP, {"trigger": True})
    assert usdm.fetch_open_orders(PERP, params={"trigger": True}) == []


def test_batch_place_and_cancel_answer_element_by_element(usdm: Any) -> None:
    orders = usdm.create_orders(
        [
            {"symbol": PERP, "type": "limit", "side": "buy", "amount": 0.01, "price": 59_000},
            {"symbol": PERP, "type": "limit", "side": "buy", "amount": 0.001, "price": 59_000},
        ]
    )

    by_status = {order["status"]: order for order in orders}
    assert set(by_status) == {"open", "rejected"}
    assert by_status["rejected"]["info"]["code"] == -4164
    assert usdm.cancel_orders([by_status["open"]["id"]], PERP)[0]["status"] == "canceled"


def test_edit_order_moves_the_price(usdm: Any) -> None:
    order = usdm.create_order(PERP, "limit", "buy", 0.01, 59_000)

    edited = usdm.edit_order(order["id"], PERP, "limit", "buy", 0.02, 58_000)

    assert (edited["price"], edited["amount"]) == (58_000, 0.02)
    assert edited["id"] == order["id"]


def test_my_trades_carry_fee_side_and_realized_profit(usdm: Any) -> None:
    opened = buy(usdm)
    usdm.create_order(PERP, "market", "sell", 0.01, None, {"reduceOnly": True})

    first, second = usdm.fetch_my_trades(PERP)[-2:]

    assert (first["order"], first["side"], first["takerOrMaker"]) == (opened["id"], "buy", "taker")
    assert first["fee"]["cost"] == pytest.approx(first["cost"] * 0.0005, abs=1e-8)
    assert float(second["info"]["realizedPnl"]) == pytest.approx(
        (second["price"] - first["price"]) * 0.01
    )


def test_all_orders_lists_the_closed_ones(usdm: Any) -> None:
    order = buy(usdm)

    assert order["id"] in [row["id"] for row in usdm.fetch_orders(PERP)]
    assert order["id"] in [row["id"] for row in usdm.fetch_closed_orders(PERP)]


def test_hedge_mode_holds_both_sides(usdm: Any) -> None:
    usdm.set_position_mode(True)
    buy(usdm, hedged=True)
    usdm.create_order(PERP, "market", "sell", 0.02, None, {"hedged": True})

    held = {row["side"]: row["contracts"] for row in usdm.fetch_positions([PERP])}

    assert held == {"long": 0.01, "short": 0.02}
    usdm.create_order(PERP, "market", "sell", 0.01, None, {"hedged": True, "reduceOnly": True})
    assert [row["side"] for row in usdm.fetch_positions([PERP])] == ["short"]


def test_dead_man_switch_cancels_when_time_is_up(usdm: Any, market: PaperMarket) -> None:
    usdm.create_order(PERP, "limit", "buy", 0.01, 59_000)
    answer = usdm.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 1_000})
    assert answer == {"symbol": "BTCUSDT", "countdownTime": "1000"}

    market.server.call(lambda host: host.venue.advance(host.now() + 1_500))

    assert usdm.fetch_open_orders(PERP) == []
