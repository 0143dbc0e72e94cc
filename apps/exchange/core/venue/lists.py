"""Spot order lists: one-cancels-the-other. Two legs share one lock; at most one of them trades."""

from decimal import Decimal

import msgspec

from apps.exchange.core.venue import filters
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import Account
from apps.exchange.core.venue.clearing_spot import SpotClearing
from apps.exchange.core.venue.desk import OrderDesk
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.intake import Intake
from apps.exchange.core.venue.outbound import ListUpdated
from apps.exchange.core.venue.types import (
    ExpiryReason,
    ListStatus,
    NewOrder,
    Order,
    OrderList,
    VenueOrderStatus,
    VenueOrderType,
)
from chimera.instruments import Market, Side

_PROFIT_LEGS = frozenset(
    {
        VenueOrderType.LIMIT_MAKER,
        VenueOrderType.TAKE_PROFIT,
        VenueOrderType.TAKE_PROFIT_LIMIT,
    }
)
_LOSS_LEGS = frozenset({VenueOrderType.STOP_LOSS, VenueOrderType.STOP_LOSS_LIMIT})


class ListDesk:
    """Places OCO lists and ends the other leg when one starts to trade or ends."""

    def __init__(
        self, floor: Floor, intake: Intake, desk: OrderDesk, clearing: SpotClearing
    ) -> None:
        self._floor = floor
        self._intake = intake
        self._desk = desk
        self._clearing = clearing
        desk.listeners.append(self._on_order)

    def place(
        self,
        account: Account,
        symbol: str,
        side: Side,
        quantity: Decimal,
        above: NewOrder,
        below: NewOrder,
        *,
        client_id: str | None,
    ) -> OrderList:
        """Check both legs, then register, lock and work them as one.

        Raises
        ------
        VenueError
            -1158 for a wrong pair of types, -2010 when the prices do not embrace the last price.
        """
        floor = self._floor
        listing = floor.listing(Market.SPOT, symbol)
        legs = [
            msgspec.structs.replace(leg, symbol=symbol, side=side, quantity=quantity)
            for leg in (above, below)
        ]
        self._check(listing, side, *legs)
        for leg in legs:
            self._intake.check(account, listing, leg)
        orders = [self._intake.draft(account, listing, leg) for leg in legs]
        for order in orders:
            self._intake.check_immediate(listing, order)
        list_id = floor.next_list_id()
        order_list = OrderList(
            order_list_id=list_id,
            account_id=account.account_id,
            symbol=symbol,
            list_client_order_id=client_id or f"venue-list-{list_id}",
            orders=orders,
            created=floor.now,
            updated=floor.now,
        )
        account.lists[list_id] = order_list
        self._tell(order_list)
        for order in orders:
            order.order_list_id = list_id
            self._desk.register(account, listing, order)
        self._clearing.hold_together(account, listing, orders)
        for order in orders:
            if order.type is VenueOrderType.LIMIT_MAKER:
                self._desk.work(listing, order)
        return order_list

    def cancel(self, order_list: OrderList) -> None:
        """Cancel what is open of a list."""
        for order in order_list.orders:
            if order.status.is_open:
                self._desk.cancel(order)

    def _on_order(self, order: Order) -> None:
        if order.order_list_id < 0:
            return
        account = self._floor.account(order.account_id)
        order_list = account.lists[order.order_list_id]
        if not order_list.is_open:
            return
        triggered = order.type in filters.SPOT_STOPS and order.is_working
        if order.status is VenueOrderStatus.CANCELED:
            self._end_others(order_list, order, VenueOrderStatus.CANCELED, ExpiryReason.NONE)
        elif order.expiry_reason is ExpiryReason.OCO:
            pass  # the leg that gave way: the other one lives on
        elif triggered or order.executed or not order.status.is_open:
            self._end_others(order_list, order, VenueOrderStatus.EXPIRED, ExpiryReason.OCO)
        if order_list.is_open and not any(o.status.is_open for o in order_list.orders):
            order_list.status = ListStatus.ALL_DONE
            order_list.updated = self._floor.now
            account.end(order_list, self._floor.now)
            self._tell(order_list)

    def _end_others(
        self, order_list: OrderList, order: Order, status: VenueOrderStatus, reason: ExpiryReason
    ) -> None:
        for other in order_list.orders:
            if other is not order and other.status.is_open:
                self._desk.end(other, status, reason)

    def _check(self, listing: Listing, side: Side, above: NewOrder, below: NewOrder) -> None:
        profit, loss = (above, below) if side is Side.SELL else (below, above)
        if profit.type not in _PROFIT_LEGS or loss.type not in _LOSS_LEGS:
            raise refuse.oco_leg_type()
        high = above.price if above.type is VenueOrderType.LIMIT_MAKER else above.stop_price
        low = below.price if below.type is VenueOrderType.LIMIT_MAKER else below.stop_price
        if high is None or low is None:
            raise refuse.missing("stopPrice")
        if listing.last is not None and not low < listing.last < high:
            raise refuse.oco_prices()

    def _tell(self, order_list: OrderList) -> None:
        self._floor.emit(
            ListUpdated(
                ts=self._floor.now,
                account_id=order_list.account_id,
                order_list=order_list.snapshot(),
            )
        )
