"""Clearing of spot: what an order locks, and the swap of assets, less the fee in the asset received."""

from dataclasses import dataclass
from decimal import Decimal

from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import Account, IncomeKind
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.outbound import AccountChanged, BalanceChange
from apps.exchange.core.venue.types import Fill, NewOrder, Order, PositionSide, VenueOrderType
from chimera.instruments import Market, Side
from chimera.money import ZERO, quantize, usdt


@dataclass(slots=True)
class Lock:
    """What an open order holds of `asset`; the legs of an order list share one."""

    asset: str
    amount: Decimal
    users: int = 1


class SpotClearing:
    """Implements `clearing.Clearing` for spot."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._locks: dict[int, Lock] = {}

    # --- before -------------------------------------------------------------------------------------

    def admit(
        self,
        account: Account,
        listing: Listing,
        request: NewOrder,
        *,
        instead_of: Order | None = None,
    ) -> None:
        asset, needed = self._needed(listing, request)
        if needed > account.spot[asset].free:
            raise refuse.spot_balance_insufficient()

    def hold(self, account: Account, listing: Listing, order: Order) -> None:
        asset, amount = self._lockable(listing, order)
        self._lock(account, Lock(asset, amount), order)

    def hold_together(self, account: Account, listing: Listing, orders: list[Order]) -> None:
        """Lock once, for the leg that needs most: only one leg of a list can trade."""
        asset, amount = max(
            (self._lockable(listing, order) for order in orders), key=lambda held: held[1]
        )
        self._lock(account, Lock(asset, amount, users=len(orders)), *orders)

    def release(self, account: Account, listing: Listing, order: Order) -> None:
        lock = self._locks.pop(order.order_id, None)
        if lock is None:
            return
        lock.users -= 1
        if not lock.users:
            self._unlock(account, lock, lock.amount)

    def room(self, account: Account, listing: Listing, order: Order, price: Decimal) -> Decimal:
        if order.side is Side.SELL:
            return order.remaining
        lock = self._locks.get(order.order_id)
        funds = account.spot[listing.instrument.quote].free + (lock.amount if lock else ZERO)
        step = listing.instrument.filters.step_size
        affordable = quantize(funds / price, step, "down")
        if order.quote_quantity:
            budget = order.quote_quantity - order.cum_quote
            return min(affordable, quantize(budget / price, step, "down"))
        return min(order.remaining, affordable)

    def _needed(self, listing: Listing, request: NewOrder) -> tuple[str, Decimal]:
        instrument = listing.instrument
        if request.side is Side.SELL:
            return instrument.base, request.quantity or ZERO
        if request.quote_quantity is not None:
            return instrument.quote, request.quote_quantity
        qty = request.quantity or ZERO
        price = request.price or request.stop_price
        if price is not None:
            return instrument.quote, price * qty
        cost = ZERO
        for level in self._floor.book(listing).walk(Side.SELL):
            taken = min(qty, level.total)
            cost += taken * level.price
            qty -= taken
            if not qty:
                break
        return instrument.quote, cost

    def _lockable(self, listing: Listing, order: Order) -> tuple[str, Decimal]:
        instrument = listing.instrument
        if order.side is Side.SELL:
            return instrument.base, order.remaining
        if order.type is VenueOrderType.MARKET:
            return instrument.quote, ZERO  # it trades at once, out of the free balance
        return instrument.quote, (order.price or order.stop_price) * order.remaining

    def _lock(self, account: Account, lock: Lock, *orders: Order) -> None:
        balance = account.spot[lock.asset]
        balance.free -= lock.amount
        balance.locked += lock.amount
        for order in orders:
            self._locks[order.order_id] = lock
        if lock.amount:
            self.tell(account, lock.asset)

    def _unlock(self, account: Account, lock: Lock, amount: Decimal) -> None:
        balance = account.spot[lock.asset]
        lock.amount -= amount
        balance.locked -= amount
        balance.free += amount
        if amount:
            self.tell(account, lock.asset)

    # --- after --------------------------------------------------------------------------------------

    def settle(
        self,
        account: Account,
        listing: Listing,
        order: Order,
        *,
        price: Decimal,
        qty: Decimal,
        is_maker: bool,
        trade_id: int,
    ) -> Fill:
        instrument = listing.instrument
        rate = self._floor.fees.rate(Market.SPOT, maker=is_maker)
        quote_qty = usdt(price * qty)
        buys = order.side is Side.BUY
        pays = quote_qty if buys else qty
        received = qty if buys else quote_qty
        fee, fee_asset = usdt(received * rate), instrument.base if buys else instrument.quote
        if lock := self._locks.get(order.order_id):
            # A buy frees what its limit had set aside, and keeps what a better price saved.
            freed = (order.price or order.stop_price) * qty if buys else qty
            balance = account.spot[lock.asset]
            freed = min(freed, lock.amount)
            lock.amount -= freed
            balance.locked -= freed
            balance.free += freed
        for asset, amount, kind in (
            (instrument.quote if buys else instrument.base, -pays, IncomeKind.TRADE),
            (fee_asset, received, IncomeKind.TRADE),
            (fee_asset, -fee, IncomeKind.COMMISSION),
        ):
            self._floor.post(
                account,
                Market.SPOT,
                asset,
                amount,
                kind,
                symbol=order.symbol,
                trade_id=trade_id,
            )
        self.tell(account, instrument.base, instrument.quote)
        return Fill(
            trade_id=trade_id,
            order_id=order.order_id,
            account_id=account.account_id,
            market=Market.SPOT,
            symbol=order.symbol,
            side=order.side,
            position_side=PositionSide.BOTH,
            price=price,
            qty=qty,
            quote_qty=quote_qty,
            fee=fee,
            fee_asset=fee_asset,
            is_maker=is_maker,
            realized_pnl=ZERO,
            ts=self._floor.now,
        )

    def tell(
        self, account: Account, *assets: str, reason: str = "ORDER", change: Decimal = ZERO
    ) -> None:
        """Emit these balances as they are now, and what was moved in or out."""
        self._floor.emit(
            AccountChanged(
                ts=self._floor.now,
                account_id=account.account_id,
                market=Market.SPOT,
                reason=reason,
                balances=tuple(
                    BalanceChange(
                        asset=asset,
                        wallet=account.spot[asset].free,
                        locked=account.spot[asset].locked,
                        change=change,
                    )
                    for asset in assets
                ),
            )
        )
