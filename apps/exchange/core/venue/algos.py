"""The algo service: conditional futures orders with their own ids, lists and life.

NEW waits for its trigger; TRIGGERING places the child, a plain order under the same client id;
TRIGGERED while the child lives; FINISHED when it ended. No margin is checked before the trigger.
"""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from apps.exchange.core.venue import filters
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import Account
from apps.exchange.core.venue.clearing_usdm import check_position_side
from apps.exchange.core.venue.desk import OrderDesk
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.intake import triggers
from apps.exchange.core.venue.outbound import AlgoUpdated
from apps.exchange.core.venue.types import (
    AlgoOrder,
    AlgoStatus,
    NewOrder,
    Order,
    TimeInForce,
    VenueError,
    VenueOrderType,
    WorkingType,
)
from chimera.instruments import Market, Side
from chimera.money import ZERO

MAX_OPEN_ALGOS = 200
_CALLBACK_RANGE = Decimal("0.1"), Decimal(20)
_TRAILING = VenueOrderType.TRAILING_STOP_MARKET
_CLOSING = frozenset({VenueOrderType.STOP_MARKET, VenueOrderType.TAKE_PROFIT_MARKET})
_LIMIT_CHILD = frozenset({VenueOrderType.STOP, VenueOrderType.TAKE_PROFIT})


class AlgoDesk:
    """Keeps conditional orders and fires them when `check` sees their price."""

    def __init__(self, floor: Floor, desk: OrderDesk) -> None:
        self._floor = floor
        self._desk = desk
        self._waiting: dict[str, dict[int, AlgoOrder]] = defaultdict(dict)
        self._children: dict[int, AlgoOrder] = {}
        desk.listeners.append(self._on_order)

    # --- requests -----------------------------------------------------------------------------------

    def place(self, account: Account, request: NewOrder) -> AlgoOrder:
        """Check and register a conditional order.

        Raises
        ------
        VenueError
            -2021 when its trigger is met already, or as a plain order would.
        """
        floor = self._floor
        listing = floor.listing(Market.USDM, request.symbol)
        self._check(account, listing, request)
        algo_id = floor.next_algo_id()
        algo = AlgoOrder(
            algo_id=algo_id,
            account_id=account.account_id,
            client_algo_id=request.client_order_id or f"venue-{algo_id}",
            request=request,
            created=floor.now,
            updated=floor.now,
            activated=request.type is _TRAILING and request.activate_price is None,
        )
        if algo.activated:
            algo.extreme = self._price(listing, request)
        account.algos[algo_id] = account.open_algos[algo_id] = algo
        self._waiting[request.symbol][algo_id] = algo
        self._tell(algo)
        return algo

    def end(self, algo: AlgoOrder, status: AlgoStatus, reason: str = "") -> None:
        """Take a waiting order out and say why."""
        algo.status = status
        algo.reject_reason = reason
        account = self._floor.account(algo.account_id)
        account.open_algos.pop(algo.algo_id, None)
        self._waiting[algo.symbol].pop(algo.algo_id, None)
        if status is not AlgoStatus.TRIGGERING:
            account.end(algo, self._floor.now)
        self._tell(algo)

    # --- triggers -----------------------------------------------------------------------------------

    def check(self, listing: Listing) -> bool:
        """Fire what the prices of now trigger; tell whether anything fired."""
        fired = False
        for algo in list(self._waiting[listing.symbol].values()):
            price = self._price(listing, algo.request)
            if price is None or not algo.is_open:
                continue
            if self._met(algo, price) and not self._protected(listing, algo.request):
                self._fire(algo)
                fired = True
        return fired

    def edges(self, listing: Listing) -> Iterator[tuple[Decimal, bool, bool]]:
        """Yield (price, whether reached by rising, whether by mark) of all that moves a waiting order."""
        for algo in self._waiting[listing.symbol].values():
            on_mark = algo.request.working_type is WorkingType.MARK_PRICE
            for price, rising in self._edges(algo):
                yield price, rising, on_mark

    def _edges(self, algo: AlgoOrder) -> Iterator[tuple[Decimal, bool]]:
        """Yield (price, whether reached by rising) of every move that matters to this order."""
        request = algo.request
        buys = request.side is Side.BUY
        if request.type is not _TRAILING:
            stop = request.stop_price or ZERO
            yield stop, buys is not request.type.startswith("TAKE_PROFIT")
        elif not algo.activated:
            yield request.activate_price or ZERO, not buys
        elif algo.extreme is not None:
            yield _trail(request, algo.extreme), buys
            yield algo.extreme, not buys

    def _met(self, algo: AlgoOrder, price: Decimal) -> bool:
        request = algo.request
        if request.type is not _TRAILING:
            return triggers(request.type, request.side, request.stop_price or ZERO, price)
        buys = request.side is Side.BUY
        if not algo.activated:
            target = request.activate_price or ZERO
            if price > target if buys else price < target:
                return False
            algo.activated = True
            algo.extreme = price
            self._floor.epoch += 1
            self._tell(algo)
            return False
        extreme = algo.extreme if algo.extreme is not None else price
        algo.extreme = min(extreme, price) if buys else max(extreme, price)
        if algo.extreme != extreme:
            self._floor.epoch += 1
        trail = _trail(request, algo.extreme)
        return price >= trail if buys else price <= trail

    def _protected(self, listing: Listing, request: NewOrder) -> bool:
        last, mark, protect = listing.last, listing.mark, listing.instrument.trigger_protect
        if not request.price_protect or not last or not mark or not protect:
            return False
        return abs(mark - last) / last > protect

    def _fire(self, algo: AlgoOrder) -> None:
        floor = self._floor
        account = floor.account(algo.account_id)
        algo.trigger_time = floor.now
        qty = self._child_qty(account, algo.request)
        if not qty:
            self.end(algo, AlgoStatus.EXPIRED, "no position to close")
            return
        self.end(algo, AlgoStatus.TRIGGERING)
        try:
            algo.child = self._desk.place(
                account, Market.USDM, _child(algo, qty), algo_id=algo.algo_id
            )
        except VenueError as e:
            algo.status, algo.reject_reason = AlgoStatus.REJECTED, e.message
            account.end(algo, floor.now)
            self._tell(algo)
            return
        algo.status = AlgoStatus.TRIGGERED
        self._tell(algo)
        if algo.child.status.is_open:
            self._children[algo.child.order_id] = algo
        else:
            self._finish(algo)

    def _child_qty(self, account: Account, request: NewOrder) -> Decimal:
        if not request.close_position:
            return request.quantity or ZERO
        position = account.position(request.symbol, request.position_side)
        return abs(position.qty) if position.sign == -request.side.sign else ZERO

    # --- following orders ---------------------------------------------------------------------------

    def _on_order(self, order: Order) -> None:
        algo = self._children.get(order.order_id)
        if algo is not None and not order.status.is_open:
            del self._children[order.order_id]
            self._finish(algo)
        if order.market is Market.USDM and order.executed:
            self._expire_with_position(order)

    def _expire_with_position(self, order: Order) -> None:
        account = self._floor.account(order.account_id)
        for algo in list(self._waiting[order.symbol].values()):
            request = algo.request
            if (
                request.time_in_force is TimeInForce.GTE_GTC
                and algo.account_id == order.account_id
                and not account.position(order.symbol, request.position_side).qty
            ):
                self.end(algo, AlgoStatus.EXPIRED, "position closed")

    def _finish(self, algo: AlgoOrder) -> None:
        algo.status = AlgoStatus.FINISHED
        self._floor.account(algo.account_id).end(algo, self._floor.now)
        self._tell(algo)

    # --- checks -------------------------------------------------------------------------------------

    def _check(self, account: Account, listing: Listing, request: NewOrder) -> None:
        if request.type not in filters.CONDITIONAL:
            raise refuse.bad_order_type()
        self._check_identity(account, request)
        if request.close_position:
            _check_close_position(request)
        check_position_side(account, request)
        filters.check_price_match(request)
        filters.check_order(listing, request, self._floor.now)
        price = self._price(listing, request)
        if request.type is _TRAILING:
            _check_trailing(listing, request, price)
            return
        if request.stop_price is None:
            raise refuse.missing("triggerprice")
        filters.check_usdm_price(listing, request.stop_price)
        if price is not None and triggers(request.type, request.side, request.stop_price, price):
            raise refuse.would_trigger()

    def _check_identity(self, account: Account, request: NewOrder) -> None:
        if len(account.open_algos) >= MAX_OPEN_ALGOS:
            raise refuse.too_many_stops()
        client_id = request.client_order_id
        if client_id is None:
            return
        filters.check_client_id(client_id, spot=False, name="clientAlgoId")
        if any(algo.client_algo_id == client_id for algo in account.open_algos.values()):
            raise refuse.client_id_taken()

    def _price(self, listing: Listing, request: NewOrder) -> Decimal | None:
        return listing.mark if request.working_type is WorkingType.MARK_PRICE else listing.last

    def _tell(self, algo: AlgoOrder) -> None:
        algo.updated = self._floor.now
        self._floor.emit(
            AlgoUpdated(ts=self._floor.now, account_id=algo.account_id, algo=algo.snapshot())
        )


def _child(algo: AlgoOrder, qty: Decimal) -> NewOrder:
    request = algo.request
    limit = request.type in _LIMIT_CHILD
    tif = request.time_in_force if request.time_in_force is not TimeInForce.GTE_GTC else None
    return msgspec.structs.replace(
        request,
        type=VenueOrderType.LIMIT if limit else VenueOrderType.MARKET,
        quantity=qty,
        stop_price=None,
        activate_price=None,
        callback_rate=None,
        time_in_force=(tif or TimeInForce.GTC) if limit else None,
        client_order_id=algo.client_algo_id,
        reduce_only=request.reduce_only or (request.close_position and not _hedged(request)),
    )


def _hedged(request: NewOrder) -> bool:
    return request.position_side != "BOTH"


def _trail(request: NewOrder, extreme: Decimal) -> Decimal:
    """Return the price that fires a trailing stop: `callback_rate` percent back from the extreme."""
    rate = (request.callback_rate or ZERO) / 100
    return extreme * (1 + rate) if request.side is Side.BUY else extreme * (1 - rate)


def _check_close_position(request: NewOrder) -> None:
    if request.type not in _CLOSING:
        raise refuse.close_position_type()
    if request.quantity is not None:
        raise refuse.close_position_with_qty()
    if request.reduce_only:
        raise refuse.not_required("reduceonly")


def _check_trailing(listing: Listing, request: NewOrder, price: Decimal | None) -> None:
    rate, activate = request.callback_rate, request.activate_price
    low, high = _CALLBACK_RANGE
    if rate is None:
        raise refuse.missing("callbackrate")
    if not low <= rate <= high:
        raise refuse.bad_callback_rate()
    if activate is None:
        return
    filters.check_usdm_price(listing, activate)
    if price is None:
        return
    if activate >= price if request.side is Side.BUY else activate <= price:
        raise refuse.would_trigger()
