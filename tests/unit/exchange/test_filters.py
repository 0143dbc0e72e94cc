"""Every filter, in both markets, with the exact code Binance answers with."""

import pytest

from apps.exchange.core.venue.types import NewOrder, TimeInForce, VenueError, VenueOrderType
from chimera.instruments import Market
from tests.support.venue import (
    BTC,
    BUY,
    ME,
    SELL,
    SPOT,
    T0,
    UM,
    conditional,
    d,
    limit,
    market_order,
    set_book,
    set_mark,
    venue,
)

TYPE = VenueOrderType


def built_venue():
    built = venue(usdt="10000000", spot={"USDT": "100000000", "BTC": "20000"})
    set_book(built, {"59999.90": "5"}, {"60000": "5"})
    set_book(built, {"59999.90": "5"}, {"60000": "5"}, market=SPOT)
    set_mark(built, "60000")
    return built


FUTURES = [
    (limit(BUY, "0.010", "60000.05"), -4014, "Price not increased by tick size."),
    (limit(BUY, "0.010", "100.00"), -4013, "Price less than min price."),
    (limit(BUY, "0.010", "9000000.00"), -4002, "Price greater than max price."),
    (limit(BUY, "0.010", "0"), -4001, "Price less than 0."),
    (limit(BUY, "0.010", "60000.005"), -1111, "Precision is over"),
    (limit(BUY, "0.010", "63000.10"), -4016, "Limit price can't be higher than 63000"),
    (limit(SELL, "0.010", "56999.90"), -4024, "Limit price can't be lower than 57000"),
    (limit(BUY, "0.0105", "60000"), -1111, "Precision is over"),
    (limit(BUY, "0", "60000"), -4003, "Quantity less than or equal to zero."),
    (limit(BUY, "1000.001", "60000"), -4005, "Quantity greater than max quantity."),
    (market_order(BUY, "120.001"), -4005, "Quantity greater than max quantity."),
    (limit(BUY, "0.001", "60000"), -4164, "Order's notional must be no smaller than 100"),
    (market_order(BUY, "0.001"), -4164, "Order's notional must be no smaller than 100"),
    (limit(BUY, "0.010", "60000", time_in_force=None), -1102, "timeinforce"),
    (
        limit(BUY, "0.010", "59000", time_in_force=TimeInForce.GTD, good_till_date=T0 + 1),
        -5040,
        "goodTillDate",
    ),
    (
        limit(
            BUY,
            "0.010",
            "59000",
            time_in_force=TimeInForce.GTD,
            good_till_date=253_402_300_799_000,
        ),
        -5040,
        "goodTillDate",
    ),
    (limit(BUY, "0.010", "59000", client_order_id="x" * 37), -4015, "36"),
    (limit(BUY, "0.010", "59000", client_order_id="no blanks"), -1100, "newClientOrderId"),
    (conditional(TYPE.STOP_MARKET, SELL, "59000"), -4120, "Algo Order API"),
    (conditional(TYPE.TRAILING_STOP_MARKET, SELL, None), -4120, "Algo Order API"),
]

SPOT_CASES = [
    (limit(BUY, "1", "60000.005"), -1013, "Filter failure: PRICE_FILTER"),
    (limit(BUY, "1", "2000000"), -1013, "Filter failure: PRICE_FILTER"),
    (limit(BUY, "1", "0"), -1013, "Invalid price."),
    (limit(BUY, "1", "60000.000000001"), -1111, "Parameter 'price' has too much precision."),
    (limit(BUY, "1", "400000"), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    (limit(SELL, "1", "10000"), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    (limit(BUY, "0.000015", "60000"), -1013, "Filter failure: LOT_SIZE"),
    (limit(BUY, "9001", "60000"), -1013, "Filter failure: LOT_SIZE"),
    (limit(BUY, "0", "60000"), -1013, "Invalid quantity."),
    (limit(BUY, "0.000000001", "60000"), -1111, "Parameter 'quantity' has too much precision."),
    (market_order(BUY, "121"), -1013, "Filter failure: MARKET_LOT_SIZE"),
    (limit(BUY, "0.00001", "60000"), -1013, "Filter failure: NOTIONAL"),
    (market_order(BUY, None, quote_quantity=d(4)), -1013, "Filter failure: NOTIONAL"),
    (limit(BUY, "1", "60000", time_in_force=TimeInForce.GTX), -1115, "timeInForce"),
    (conditional(TYPE.STOP_LOSS, SELL, None, "1"), -1102, "stopPrice"),
    (conditional(TYPE.STOP_MARKET, SELL, "59000", "1"), -1116, "orderType"),
    (market_order(BUY, "1", price=d(60000)), -1106, "price"),
    (limit(BUY, "1", "59000", client_order_id="no blanks"), -1100, "newClientOrderId"),
]


@pytest.mark.parametrize(
    ("market", "request_", "code", "text"),
    [(UM, *case) for case in FUTURES] + [(SPOT, *case) for case in SPOT_CASES],
)
def test_order_that_breaks_a_filter_is_refused_with_binances_code(
    market: Market, request_: NewOrder, code: int, text: str
) -> None:
    built = built_venue()
    with pytest.raises(VenueError) as refused:
        built.place_order(ME, market, request_, T0 + 1)
    assert refused.value.code == code
    assert text in refused.value.message
    assert built.drain() == [] or not built.open_orders(ME, market)
    assert built.all_orders(ME, market, BTC) == []


def test_reduce_only_order_may_be_below_the_minimum_notional() -> None:
    built = built_venue()
    built.place_order(ME, UM, market_order(BUY, "0.010"), T0 + 1)
    order = built.place_order(ME, UM, market_order(SELL, "0.001", reduce_only=True), T0 + 2)
    assert order.executed == d("0.001")


def test_market_order_outside_the_venues_band_finds_no_counterparty() -> None:
    built = built_venue()
    set_book(built, {"59999.90": "5"}, {"70000": "5"}, now=T0 + 1)
    set_mark(built, "60000", now=T0 + 1)
    with pytest.raises(VenueError) as refused:
        built.place_order(ME, UM, market_order(BUY, "0.010"), T0 + 2)
    assert refused.value.code == -4131


def test_too_many_open_orders_are_refused() -> None:
    built = built_venue()
    for number in range(200):
        built.place_order(ME, UM, limit(BUY, "0.002", "58000"), T0 + number)
    with pytest.raises(VenueError) as refused:
        built.place_order(ME, UM, limit(BUY, "0.002", "58000"), T0 + 300)
    assert refused.value.code == -2025
