"""The order desk: an order's life from request to end, by price-time priority.

1. `intake.py` checks the request and makes the order; post-only and fill-or-kill are decided there.
2. The order is registered, and its clearing sets aside what it needs.
3. It trades against the book, and what is left rests, expires, or waits for its trigger.

The desk also executes resting orders when the market trades at or through them (`fill_level`).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from apps.exchange.core.venue import filters
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import Account
from apps.exchange.core.venue.book import Entry, Level, OrderBook, reaches
from apps.exchange.core.venue.clearing import Clearing
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.intake import MARKET_TYPES, Intake, fillable, market_limit
from apps.exchange.core.venue.outbound import OrderUpdated
from apps.exchange.core.venue.types import (
    Execution,
    ExpiryReason,
    Fill,
    NewOrder,
    Order,
    PreventedMatch,
    PriceMatch,
    StpMode,
    TimeInForce,
    VenueOrderStatus,
    VenueOrderType,
)
from chimera.instruments import Market, Side
from chimera.money import ZERO

_IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_STP_APPLIES = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.GTD})


class OrderDesk:
    """Plain orders of both markets. `listeners` hear of every fill and end of an order."""

    def __init__(self, floor: Floor, intake: Intake, clearing: Mapping[Market, Clearing]) -> None:
        self._floor = floor
        self._intake = intake
        self._clearing = clearing
        self.listeners: list[Callable[[Order], None]] = []

    # --- placing ------------------------------------------------------------------------------------

    def place(
        self,
        account: Account,
        market: Market,
        request: NewOrder,
        *,
        algo_id: int | None = None,
    ) -> Order:
        """Check, register and match an order; a child of a conditional order names its `algo_id`."""
        listing = self._floor.listing(market, request.symbol)
        request = self._intake.price(listing, request)
        self._intake.check(account, listing, request, child=algo_id is not None)
        order = self._intake.draft(account, listing, request, algo_id=algo_id)
        self._intake.check_immediate(listing, order)
        self.register(account, listing, order)
        self._clearing[market].hold(account, listing, order)
        if order.type not in filters.SPOT_STOPS or market is Market.USDM:
            self.work(listing, order)
        return order

    def register(self, account: Account, listing: Listing, order: Order) -> None:
        """Give the order its place in the account's lists and say that it is new."""
        key = listing.market, listing.symbol
        account.open[key][order.order_id] = order
        account.orders[key][order.order_id] = order
        account.by_client_id[(*key, order.client_order_id)] = order
        if listing.market is Market.SPOT and order.type in filters.SPOT_STOPS:
            listing.stops[order.order_id] = order
        if order.time_in_force is TimeInForce.GTD:
            self._floor.wake(order.good_till_date)
        self._tell(order, Execution.NEW)

    def trigger(self, listing: Listing, order: Order) -> None:
        """Let a spot stop whose price was met come to work."""
        listing.stops.pop(order.order_id, None)
        order.is_working = True
        self._notify(order)
        self._tell(order, Execution.NEW)
        self.work(listing, order)

    def work(self, listing: Listing, order: Order) -> None:
        """Let an accepted order trade, then rest or expire."""
        order.is_working = True
        order.working_time = self._floor.now
        whole = order.time_in_force is TimeInForce.FOK
        if not whole or fillable(self._floor.book(listing), order):
            self.take(listing, order)
        if not order.status.is_open:
            return
        if order.type in MARKET_TYPES:
            self.end(order, VenueOrderStatus.EXPIRED, ExpiryReason.LIQUIDITY)
        elif order.time_in_force in _IMMEDIATE:
            reason = (
                ExpiryReason.FOK if order.time_in_force is TimeInForce.FOK else ExpiryReason.IOC
            )
            self.end(order, VenueOrderStatus.EXPIRED, reason)
        else:
            self._floor.queue_ahead(listing, order)
            listing.book.add(order)

    # --- ending -------------------------------------------------------------------------------------

    def cancel(self, order: Order) -> None:
        self.end(order, VenueOrderStatus.CANCELED, ExpiryReason.NONE)

    def end(self, order: Order, status: VenueOrderStatus, reason: ExpiryReason) -> None:
        """End an open order before it is filled and say so."""
        order.status = status
        order.expiry_reason = reason
        self._close(order)
        if status is VenueOrderStatus.EXPIRED_IN_MATCH and order.market is Market.SPOT:
            self._tell(order, Execution.TRADE_PREVENTION)
        canceled = status is VenueOrderStatus.CANCELED
        self._tell(order, Execution.CANCELED if canceled else Execution.EXPIRED)
        self._notify(order)

    # --- changing -----------------------------------------------------------------------------------

    def amend(
        self,
        account: Account,
        order: Order,
        *,
        price: Decimal | None,
        qty: Decimal,
        price_match: PriceMatch = PriceMatch.NONE,
    ) -> None:
        """Change a resting futures limit order, which queues anew."""
        listing = self._floor.listing(order.market, order.symbol)
        if order.type is not VenueOrderType.LIMIT:
            raise refuse.modify_not_limit()
        wanted = self._intake.price(
            listing,
            NewOrder(
                symbol=order.symbol,
                side=order.side,
                type=order.type,
                quantity=qty,
                price=price,
                price_match=price_match,
                time_in_force=order.time_in_force,
                reduce_only=order.reduce_only,
                position_side=order.position_side,
            ),
        )
        price = filters.check_amendment(listing, wanted)
        if (price, qty) == (order.price, order.quantity):
            raise refuse.modify_without_change()
        rest = msgspec.structs.replace(wanted, quantity=max(qty - order.executed, ZERO))
        self._clearing[order.market].admit(account, listing, rest, instead_of=order)
        best = self._floor.book(listing).best(order.side.opposite)
        takes = best is not None and reaches(order.side.opposite, best.price, price)
        if qty <= order.executed or (takes and order.time_in_force is TimeInForce.GTX):
            self.cancel(order)
            return
        listing.book.remove(order)
        order.price, order.quantity, order.price_match = price, qty, price_match
        order.modify_count += 1
        self._tell(order, Execution.AMENDMENT)
        self.work(listing, order)

    # --- the market trades with us ------------------------------------------------------------------

    def fill_level(
        self, listing: Listing, side: Side, level: Level, budget: Decimal | None
    ) -> Decimal | None:
        """Let strangers trade `budget` into `level`, first come first served.

        Own orders whose turn it is are filled; strangers ahead only lose their place. Without a budget
        the market traded through the price, so every own order there is filled.

        Returns
        -------
        What is left of the budget.
        """
        while level.own and (budget is None or budget > 0):
            entry = level.queue[0]
            qty = entry.qty if budget is None else min(budget, entry.qty)
            if entry.order is None:
                listing.book.rotate(level, qty)
            else:
                qty = min(qty, self._room(listing, entry.order, level.price))
                if not self._fill_resting(listing, side, level, entry.order, qty):
                    continue
            if budget is not None:
                budget -= qty
        return budget

    def _fill_resting(
        self, listing: Listing, side: Side, level: Level, order: Order, qty: Decimal
    ) -> bool:
        if qty <= 0:
            self._knock_out(order)
            return False
        listing.book.take(side, level, qty)
        trade_id = self._floor.print_trade(listing, level.price, qty, bought=side is Side.SELL)
        self._fill(listing, order, level.price, qty, is_maker=True, trade_id=trade_id)
        return True

    # --- matching -----------------------------------------------------------------------------------

    def take(self, listing: Listing, order: Order) -> None:
        """Match an order against the book until its limit, its quantity, or its account says stop."""
        book = self._floor.book(listing)
        side = order.side.opposite
        limit = market_limit(listing, order)
        while order.status.is_open:
            level = book.best(side)
            if level is None or not reaches(side, level.price, limit):
                return
            entry = level.queue[0]
            if entry.order is not None and self._prevents(order, entry.order):
                if not self._prevent(order, entry.order):
                    return
                continue
            if not self._trade(listing, book, order, level, entry):
                return

    def _trade(
        self, listing: Listing, book: OrderBook, taker: Order, level: Level, entry: Entry
    ) -> bool:
        """Execute the taker against the first in the queue; False when the taker can go no further."""
        price, side = level.price, taker.side.opposite
        room = self._room(listing, taker, price)
        if room <= 0:
            if taker.reduce_only:
                self._knock_out(taker)
            return False
        qty = min(room, entry.qty)
        maker = entry.order
        if maker is not None:
            qty = min(qty, self._room(listing, maker, price))
            if qty <= 0:
                self._knock_out(maker)
                return True
        book.take(side, level, qty)
        trade_id = self._floor.print_trade(listing, price, qty, bought=taker.side is Side.BUY)
        if not listing.synthetic:
            self._move_last(listing, price, qty, bought=taker.side is Side.BUY)
        self._fill(listing, taker, price, qty, is_maker=False, trade_id=trade_id)
        if maker is not None:
            self._fill(listing, maker, price, qty, is_maker=True, trade_id=trade_id)
        return True

    def _move_last(self, listing: Listing, price: Decimal, qty: Decimal, *, bought: bool) -> None:
        listing.last_px = float(price)
        listing.bought = bought
        if listing.tape is not None:
            listing.tape.move(self._floor.now, float(price), float(qty), bought=bought)

    def _room(self, listing: Listing, order: Order, price: Decimal) -> Decimal:
        account = self._floor.account(order.account_id)
        return self._clearing[order.market].room(account, listing, order, price)

    def _fill(
        self,
        listing: Listing,
        order: Order,
        price: Decimal,
        qty: Decimal,
        *,
        is_maker: bool,
        trade_id: int,
    ) -> None:
        account = self._floor.account(order.account_id)
        fill = self._clearing[order.market].settle(
            account,
            listing,
            order,
            price=price,
            qty=qty,
            is_maker=is_maker,
            trade_id=trade_id,
        )
        self.book_fill(account, order, fill, Execution.TRADE)

    def book_fill(self, account: Account, order: Order, fill: Fill, execution: Execution) -> None:
        """Write a settled fill into the order and the account's history."""
        order.executed += fill.qty
        order.cum_quote += fill.quote_qty
        order.fills.append(fill)
        account.fills[order.market, order.symbol].append(fill)
        if order.quote_quantity:
            order.quantity = order.executed
            done = self._spent(order, fill.price)
        else:
            done = order.executed == order.quantity
        order.status = VenueOrderStatus.FILLED if done else VenueOrderStatus.PARTIALLY_FILLED
        if done:
            self._close(order)
        self._tell(order, execution, fill)
        self._notify(order)
        if order.market is Market.USDM:
            self._expire_useless_reductions(account, order.symbol)

    def _spent(self, order: Order, price: Decimal) -> bool:
        """Tell whether what is left of a budget in quote buys no further step of quantity."""
        listing = self._floor.listing(order.market, order.symbol)
        return self._room(listing, order, price) <= 0

    def _expire_useless_reductions(self, account: Account, symbol: str) -> None:
        for order in list(account.open[Market.USDM, symbol].values()):
            if order.reduce_only and order.is_working and order.price:
                position = account.position(symbol, order.position_side)
                if position.sign != -order.side.sign:
                    self._knock_out(order)

    def _knock_out(self, order: Order) -> None:
        self.end(order, VenueOrderStatus.EXPIRED, ExpiryReason.REDUCE_ONLY)

    # --- self-trade prevention ----------------------------------------------------------------------

    def _prevents(self, taker: Order, maker: Order) -> bool:
        return (
            maker.account_id == taker.account_id
            and taker.stp_mode is not StpMode.NONE
            and taker.time_in_force in _STP_APPLIES
        )

    def _prevent(self, taker: Order, maker: Order) -> bool:
        """Expire whom the taker's mode names; True when the taker may go on."""
        expired = VenueOrderStatus.EXPIRED_IN_MATCH
        ends_maker = taker.stp_mode is not StpMode.EXPIRE_TAKER
        ends_taker = taker.stp_mode is not StpMode.EXPIRE_MAKER
        if taker.market is Market.SPOT:
            self._remember_prevented(taker, maker, ends_taker=ends_taker, ends_maker=ends_maker)
        if ends_maker:
            self.end(maker, expired, ExpiryReason.STP)
        if ends_taker:
            self.end(taker, expired, ExpiryReason.STP)
        return not ends_taker

    def _remember_prevented(
        self, taker: Order, maker: Order, *, ends_taker: bool, ends_maker: bool
    ) -> None:
        self._floor.account(taker.account_id).prevented.append(
            PreventedMatch(
                match_id=self._floor.next_prevented_id(),
                symbol=taker.symbol,
                taker_order_id=taker.order_id,
                maker_order_id=maker.order_id,
                mode=taker.stp_mode,
                price=maker.price,
                taker_qty=taker.remaining if ends_taker else ZERO,
                maker_qty=maker.remaining if ends_maker else ZERO,
                ts=self._floor.now,
            )
        )

    # --- small change -------------------------------------------------------------------------------

    def _close(self, order: Order) -> None:
        account = self._floor.account(order.account_id)
        listing = self._floor.listing(order.market, order.symbol)
        listing.book.remove(order)
        listing.stops.pop(order.order_id, None)
        if account.open[order.market, order.symbol].pop(order.order_id, None) is not None:
            account.end(order, self._floor.now)
        order.is_working = False
        self._clearing[order.market].release(account, listing, order)

    def _tell(self, order: Order, execution: Execution, fill: Fill | None = None) -> None:
        order.updated = self._floor.now
        self._floor.emit(
            OrderUpdated(
                ts=self._floor.now,
                account_id=order.account_id,
                order=order.snapshot(),
                execution_type=execution,
                fill=fill,
            )
        )

    def _notify(self, order: Order) -> None:
        for listener in self.listeners:
            listener(order)
