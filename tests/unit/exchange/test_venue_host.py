"""What the venue's host counts of what its core tells."""

from decimal import Decimal

from apps.exchange.core.venue.types import NewOrder, TimeInForce, VenueOrderType
from apps.exchange.venue_shell.host import Host
from apps.exchange.venue_shell.signing import Credential, KeyRing
from chimera.clock import ScaledClock
from chimera.instruments import Side
from tests.support.venue import BTC, ME, SELL, SPOT, T0, limit, set_book, venue


def test_spot_order_gives_its_slot_back_once_however_often_it_fills() -> None:
    built = venue(spot={"BTC": "5", "USDT": "100000"})
    host = Host(
        venue=built, clock=ScaledClock(origin=T0, speed=1), keys=KeyRing(Credential.derive(ME, 1))
    )
    limiter = host.limiters[SPOT]
    set_book(built, {"99": "1"}, {"101": "1"}, market=SPOT)
    for _ in range(3):
        limiter.count_orders(ME, 1, T0)
    resting = built.place_order(ME, SPOT, limit(SELL, "0.3", "100"), T0 + 1)

    for number in range(3):
        taker = NewOrder(
            symbol=BTC,
            side=Side.BUY,
            type=VenueOrderType.LIMIT,
            quantity=Decimal("0.1"),
            price=Decimal(100),
            time_in_force=TimeInForce.IOC,
        )
        built.place_order("other", SPOT, taker, T0 + 2 + number)
        host.publish()

    assert len(resting.fills) == 3
    assert {used for _, used in limiter.orders_used(ME, T0)} == {2}
