"""Intake of plain orders: every check before anything changes, and the order made of a request."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from apps.exchange.core.venue import filters
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import Account
from apps.exchange.core.venue.book import OrderBook, reaches
from apps.exchange.core.venue.clearing import Clearing
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.types import (
    NewOrder,
    Order,
    PriceMatch,
    StpMode,
    TimeInForce,
    VenueOrderType,
)
from chimera.instruments import Market, Side
from chimera.money import ZERO

MARKET_TYPES = frozenset(
    {VenueOrderType.MARKET, VenueOrderType.STOP_LOSS, VenueOrderType.TAKE_PROFIT}
)


class Intake:
    """Checks requests for the desks; it changes nothing but the counter of order ids."""

    def __init__(self, floor: Floor, clearing: Mapping[Market, Clearing]) -> None:
        self._floor = floor
        self._clearing = clearing

    def check(
        self, account: Account, listing: Listing, request: NewOrder, *, child: bool = False
    ) -> None:
        """Raise what Binance would; a triggered child was checked when its parent was placed."""
        if not child:
            if listing.market is Market.USDM and request.type in filters.CONDITIONAL:
                raise refuse.conditional_on_plain_endpoint()
            filters.check_order(listing, request, self._floor.now)
            self._check_client_id(account, listing, request)
            self._check_counts(account, listing, request)
            self._check_trigger(listing, request)
        self._clearing[listing.market].admit(account, listing, request)

    def price(self, listing: Listing, request: NewOrder) -> NewOrder:
        """Return the request with the price that its price match finds in the book now.

        Raises
        ------
        VenueError
            -5041 when the book has no such level.
        """
        match = request.price_match
        if match is PriceMatch.NONE:
            return request
        filters.check_price_match(request)
        side = request.side if match.queues else request.side.opposite
        levels = self._floor.book(listing).depth(side, match.level)
        if len(levels) < match.level:
            raise refuse.no_depth_to_match()
        return msgspec.structs.replace(request, price=levels[-1][0])

    def check_immediate(self, listing: Listing, order: Order) -> None:
        """Refuse a post-only that takes, a fill-or-kill that cannot fill, a market order without market."""
        spot = listing.market is Market.SPOT
        side = order.side.opposite
        limit = market_limit(listing, order)
        book = self._floor.book(listing)
        best = book.best(side)
        takes = best is not None and reaches(side, best.price, limit)
        if order.type is VenueOrderType.LIMIT_MAKER and takes:
            raise refuse.spot_would_match()
        if order.time_in_force is TimeInForce.GTX and takes:
            raise refuse.post_only_rejected()
        if spot:
            return
        if order.type is VenueOrderType.MARKET and not takes:
            raise refuse.no_counterparty_in_band()
        if order.time_in_force is TimeInForce.FOK and not fillable(book, order):
            raise refuse.fok_rejected()

    def draft(
        self,
        account: Account,
        listing: Listing,
        request: NewOrder,
        *,
        algo_id: int | None = None,
    ) -> Order:
        """Return an order for `request` that nobody knows yet."""
        floor = self._floor
        order_id = floor.next_order_id()
        qty = request.quantity or ZERO
        if request.reduce_only and request.type is VenueOrderType.MARKET:
            held = account.position(request.symbol, request.position_side)
            qty = min(qty, abs(held.qty))  # there is no more to reduce
        return Order(
            order_id=order_id,
            account_id=account.account_id,
            market=listing.market,
            symbol=listing.symbol,
            client_order_id=request.client_order_id or f"venue-{order_id}",
            side=request.side,
            type=request.type,
            orig_type=request.type,
            time_in_force=request.time_in_force or TimeInForce.GTC,
            price=request.price or ZERO,
            quantity=qty,
            quote_quantity=request.quote_quantity or ZERO,
            created=floor.now,
            updated=floor.now,
            reduce_only=request.reduce_only,
            close_position=request.close_position,
            stop_price=request.stop_price or ZERO,
            position_side=request.position_side,
            working_type=request.working_type,
            price_protect=request.price_protect,
            good_till_date=request.good_till_date or 0,
            stp_mode=request.stp_mode
            or (StpMode.EXPIRE_MAKER if algo_id is None else StpMode.NONE),
            price_match=request.price_match,
            trailing_delta=request.trailing_delta,
            algo_id=algo_id,
        )

    def _check_client_id(self, account: Account, listing: Listing, request: NewOrder) -> None:
        if request.client_order_id is None:
            return
        spot = listing.market is Market.SPOT
        filters.check_client_id(request.client_order_id, spot=spot)
        key = listing.market, listing.symbol, request.client_order_id
        known = account.by_client_id.get(key)
        if known is not None and known.status.is_open:
            raise refuse.spot_duplicate() if spot else refuse.client_id_taken()

    def _check_counts(self, account: Account, listing: Listing, request: NewOrder) -> None:
        opened = account.open[listing.market, listing.symbol]
        if listing.market is Market.USDM:
            if len(opened) >= listing.instrument.max_orders:
                raise refuse.too_many_orders()
            return
        if len(opened) >= listing.instrument.max_orders:
            raise refuse.filter_failure("MAX_NUM_ORDERS")
        stops = sum(order.order_id in listing.stops for order in opened.values())
        if request.type in filters.SPOT_STOPS and stops >= listing.instrument.max_algo_orders:
            raise refuse.filter_failure("MAX_NUM_ALGO_ORDERS")

    def _check_trigger(self, listing: Listing, request: NewOrder) -> None:
        if listing.market is Market.SPOT and request.type in filters.SPOT_STOPS:
            last, stop = listing.last, request.stop_price
            if last is None or stop is None:
                return
            if triggers(request.type, request.side, stop, last):
                raise refuse.spot_would_trigger()


def market_limit(listing: Listing, order: Order) -> Decimal | None:
    """Return the worst price an order may trade at: its own, or the venue's band of a market order."""
    if order.type not in MARKET_TYPES:
        return order.price
    bound, mark = listing.instrument.market_take_bound, listing.mark
    if order.market is Market.SPOT or not bound or mark is None:
        return None
    return mark * (1 + order.side.sign * bound)


def fillable(book: OrderBook, order: Order) -> bool:
    """Tell whether the book holds the whole quantity within the order's limit."""
    found = ZERO
    for level in book.available(order.side.opposite, order.price):
        found += level.total
        if found >= order.quantity:
            return True
    return False


def triggers(kind: VenueOrderType, side: Side, stop: Decimal, price: Decimal) -> bool:
    """Tell whether `price` fires a conditional order.

    Stops fire against their side's interest (BUY at or above, SELL at or below), take-profits for it.
    """
    if kind.startswith("TAKE_PROFIT"):
        return price <= stop if side is Side.BUY else price >= stop
    return price >= stop if side is Side.BUY else price <= stop
