"""Limit orders that take their price from the book, at once or when their trigger fires."""

import pytest

from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.types import (
    AlgoStatus,
    NewOrder,
    PriceMatch,
    TimeInForce,
    VenueError,
    VenueOrderStatus,
    VenueOrderType,
)
from tests.support.venue import (
    BTC,
    BUY,
    ME,
    SELL,
    T0,
    UM,
    change_book,
    conditional,
    d,
    market_order,
    set_book,
    set_mark,
    venue,
)


@pytest.fixture
def built() -> Venue:
    built = venue(usdt="100000")
    bids = {str(9990 - 10 * n): "1" for n in range(10)}
    asks = {str(10010 + 10 * n): "1" for n in range(10)}
    set_book(built, bids, asks)
    set_mark(built, "10000")
    return built


def matched(side, match: PriceMatch, **more) -> NewOrder:
    more.setdefault("type", VenueOrderType.LIMIT)
    return NewOrder(
        symbol=BTC,
        side=side,
        quantity=d("0.1"),
        time_in_force=TimeInForce.GTC,
        price_match=match,
        **more,
    )


@pytest.mark.parametrize(
    ("side", "match", "price"),
    [
        (BUY, PriceMatch.OPPONENT, "10010"),
        (BUY, PriceMatch.OPPONENT_5, "10050"),
        (BUY, PriceMatch.OPPONENT_10, "10100"),
        (BUY, PriceMatch.QUEUE, "9990"),
        (SELL, PriceMatch.OPPONENT_5, "9950"),
        (SELL, PriceMatch.QUEUE_10, "10100"),
    ],
)
def test_price_is_that_of_the_named_level(built, side, match, price) -> None:
    order = built.place_order(ME, UM, matched(side, match), T0 + 1)

    assert (order.price, order.price_match) == (d(price), match)
    filled = order.status is VenueOrderStatus.FILLED
    assert filled is not match.queues
    built.check_invariants()


def test_level_that_the_book_lacks_is_refused(built) -> None:
    for place in (built.place_order, built.test_order):
        with pytest.raises(VenueError, match="-5041"):
            place(ME, UM, matched(BUY, PriceMatch.QUEUE_20), T0 + 1)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (matched(BUY, PriceMatch.QUEUE, price=d(9000)), -1106),
        (market_order(BUY, "0.1", price_match=PriceMatch.OPPONENT), -5038),
    ],
)
def test_match_of_an_order_without_a_free_price_is_refused(built, request_, code) -> None:
    with pytest.raises(VenueError, match=str(code)):
        built.place_order(ME, UM, request_, T0 + 1)


def test_conditional_order_takes_the_price_of_its_trigger(built) -> None:
    stop = conditional(
        VenueOrderType.STOP, SELL, "9900", qty="0.1", price_match=PriceMatch.OPPONENT_5
    )
    algo = built.place_algo(ME, stop, T0 + 1)
    bids = {str(9990 - 10 * n): "0" for n in range(10)}
    bids |= {str(9800 - 10 * n): "1" for n in range(5)}
    change_book(built, bids=bids, now=T0 + 2)
    built.place_order(ME, UM, market_order(SELL, "0.1"), T0 + 3)

    assert algo.child is not None
    assert (algo.child.price, algo.child.executed) == (d(9760), d("0.1"))
    assert algo.status is AlgoStatus.FINISHED
    with pytest.raises(VenueError, match="-5038"):
        built.place_algo(
            ME,
            conditional(VenueOrderType.STOP_MARKET, SELL, "9000", price_match=PriceMatch.OPPONENT),
            T0 + 4,
        )


def test_amended_order_takes_its_price_from_the_book_anew(built) -> None:
    order = built.place_order(ME, UM, matched(BUY, PriceMatch.QUEUE_5), T0 + 1)

    def amend(**more) -> NewOrder:
        more.setdefault("price", None)
        return built.amend_order(
            ME, BTC, T0 + 2, side=BUY, quantity=d("0.1"), order_id=order.order_id, **more
        )

    amend(price_match=PriceMatch.QUEUE)
    assert (order.price, order.price_match) == (d(9990), PriceMatch.QUEUE)
    amend(price=d(9900))
    assert (order.price, order.price_match) == (d(9900), PriceMatch.NONE)
    for wrong, code in (
        ({}, -1102),
        ({"price": d(9900)}, -5027),
        ({"price": d(9900), "price_match": PriceMatch.QUEUE}, -1106),
        ({"price": d(10600)}, -4016),
        ({"price": d(600)}, -5029),
    ):
        with pytest.raises(VenueError, match=str(code)):
            amend(**wrong)
    built.check_invariants()
