"""Which failure is which error: the codes of the reference, and ccxt's class for each with the fold."""

from typing import Any

import ccxt
import pytest

from tests.contract.venue.conftest import PERP, SPOT, PaperMarket

BASE = {"symbol": "BTCUSDT", "side": "BUY"}
LIMIT = {**BASE, "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "59000"}
STOP = {
    **BASE,
    "side": "SELL",
    "type": "STOP_MARKET",
    "algoType": "CONDITIONAL",
    "quantity": "0.01",
    "triggerPrice": "59000",
}


def without(params: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != name}


USDM_ORDER_ERRORS = [
    ({**LIMIT, "symbol": "NOPE"}, -1121, ccxt.BadSymbol),
    (without(LIMIT, "quantity"), -1102, ccxt.BadRequest),
    (without(LIMIT, "price"), -1102, ccxt.BadRequest),
    (without(LIMIT, "timeInForce"), -1102, ccxt.BadRequest),
    ({**LIMIT, "timeInForce": "XXX"}, -1115, ccxt.BadRequest),
    ({**LIMIT, "type": "XXX"}, -1116, ccxt.BadRequest),
    ({**LIMIT, "side": "XXX"}, -1117, ccxt.BadRequest),
    ({**LIMIT, "quantity": "abc"}, -1100, ccxt.BadRequest),
    ({**LIMIT, "quantity": "0"}, -4003, ccxt.BadRequest),
    ({**LIMIT, "quantity": "0.0015"}, -1111, ccxt.BadRequest),
    ({**LIMIT, "quantity": "1001"}, -4005, ccxt.BadRequest),
    ({**LIMIT, "price": "59000.05"}, -4014, ccxt.BadRequest),
    ({**LIMIT, "price": "1"}, -4013, ccxt.BadRequest),
    ({**LIMIT, "price": "90000"}, -4016, ccxt.BadRequest),
    ({**LIMIT, "quantity": "0.001"}, -4164, ccxt.InvalidOrder),
    ({**LIMIT, "quantity": "100"}, -2019, ccxt.InsufficientFunds),
    ({**LIMIT, "newClientOrderId": "x" * 37}, -4015, ccxt.BadRequest),
    ({**LIMIT, "positionSide": "LONG"}, -4061, ccxt.OperationRejected),
    ({**LIMIT, "reduceOnly": "true"}, -2022, ccxt.InvalidOrder),
    ({**STOP, "stopPrice": "59000"}, -4120, ccxt.InvalidOrder),
]


@pytest.mark.parametrize(("params", "code", "error"), USDM_ORDER_ERRORS)
def test_usdm_order_bad_request_gives_code_and_class(
    usdm: Any, params: dict[str, Any], code: int, error: type[Exception]
) -> None:
    with pytest.raises(error, match=f'"code":{code}'):
        usdm.fapiPrivatePostOrder(params)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (without(STOP, "triggerPrice"), -1102),
        ({**STOP, "closePosition": "true"}, -4137),
        ({**STOP, "triggerPrice": "61000"}, -2021),
        ({**STOP, "type": "LIMIT"}, -1116),
    ],
)
def test_usdm_algo_bad_request_gives_code(usdm: Any, params: dict[str, Any], code: int) -> None:
    with pytest.raises(ccxt.ExchangeError, match=f'"code":{code}'):
        usdm.fapiPrivatePostAlgoOrder(params)


def test_usdm_duplicate_client_id_while_open_is_refused(usdm: Any) -> None:
    usdm.create_order(PERP, "limit", "buy", 0.01, 59_000, {"clientOrderId": "same"})

    with pytest.raises(ccxt.InvalidOrder, match="-4116"):
        usdm.create_order(PERP, "limit", "buy", 0.01, 59_000, {"clientOrderId": "same"})
    usdm.cancel_all_orders(PERP)
    usdm.create_order(PERP, "limit", "buy", 0.01, 59_000, {"clientOrderId": "same"})


@pytest.mark.parametrize("name", ["usdm", "spot"])
def test_unknown_order_cancel_and_query_give_not_found(
    request: pytest.FixtureRequest, name: str
) -> None:
    client = request.getfixturevalue(name)
    symbol = PERP if name == "usdm" else SPOT

    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order("12345", symbol)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        client.fetch_order("12345", symbol)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (("fapiPublicGetKlines", {"symbol": "BTCUSDT", "interval": "7m"}), -1120),
        (("fapiPublicGetDepth", {"symbol": "BTCUSDT", "limit": 7}), -4021),
        (("fapiPublicGetDepth", {}), -1102),
        (("fapiPublicGetDepth", {"symbol": ""}), -1102),
        (("fapiPrivatePostLeverage", {"symbol": "BTCUSDT", "leverage": 0}), -4028),
        (("fapiPrivatePostLeverage", {"symbol": "BTCUSDT", "leverage": 200}), -4028),
        (("fapiPrivatePutListenKey", {}), -1125),
        (("fapiPrivateGetOrder", {"symbol": "BTCUSDT"}), -1102),
    ],
)
def test_usdm_other_bad_request_gives_code(
    usdm: Any, call: tuple[str, dict[str, Any]], code: int
) -> None:
    method, params = call
    with pytest.raises(ccxt.ExchangeError, match=f'"code":{code}'):
        getattr(usdm, method)(params)


SPOT_LIMIT = {**LIMIT, "quantity": "0.01"}
SPOT_ORDER_ERRORS = [
    ({**SPOT_LIMIT, "symbol": "NOPE"}, "-1121", ccxt.BadSymbol),
    (without(SPOT_LIMIT, "price"), "-1102", ccxt.BadRequest),
    ({**SPOT_LIMIT, "price": ""}, "-1102", ccxt.BadRequest),
    ({**SPOT_LIMIT, "price": "59000.005"}, "PRICE_FILTER", ccxt.InvalidOrder),
    ({**SPOT_LIMIT, "quantity": "0.010001"}, "LOT_SIZE", ccxt.InvalidOrder),
    ({**SPOT_LIMIT, "quantity": "0.00001"}, "NOTIONAL", ccxt.BadRequest),
    ({**SPOT_LIMIT, "price": "5000"}, "PERCENT_PRICE_BY_SIDE", ccxt.InvalidOrder),
    ({**SPOT_LIMIT, "quantity": "100"}, "insufficient balance", ccxt.InsufficientFunds),
    ({**SPOT_LIMIT, "newOrderRespType": "XXX"}, "-1136", ccxt.ExchangeError),
    ({**SPOT_LIMIT, "newClientOrderId": "x y"}, "-1100", ccxt.BadRequest),
    ({**SPOT_LIMIT, "icebergQty": "0.001"}, "Iceberg orders are not supported", ccxt.InvalidOrder),
    (
        {**SPOT_LIMIT, "type": "STOP_LOSS_LIMIT", "trailingDelta": "100"},
        "Trailing stop orders are not supported",
        ccxt.InvalidOrder,
    ),
]


@pytest.mark.parametrize(("params", "text", "error"), SPOT_ORDER_ERRORS)
def test_spot_order_bad_request_gives_code_and_class(
    spot: Any, params: dict[str, Any], text: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=text):
        spot.privatePostOrder(params)


def test_spot_duplicate_client_id_while_open_is_refused(spot: Any) -> None:
    spot.create_order(SPOT, "limit", "buy", 0.01, 59_000, {"clientOrderId": "same"})

    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        spot.create_order(SPOT, "limit", "buy", 0.01, 59_000, {"clientOrderId": "same"})


def test_parameter_errors_name_the_parameter(usdm: Any, market: PaperMarket) -> None:
    with pytest.raises(ccxt.BadRequest, match="'quantity'"):
        usdm.fapiPrivatePostOrder(without(LIMIT, "quantity"))
    with pytest.raises(ccxt.BadRequest, match="'price'"):
        usdm.fapiPrivatePostOrder({**LIMIT, "price": "1e5"})
