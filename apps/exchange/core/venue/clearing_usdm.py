"""Clearing of USDT-M futures: margin before an order, and position, PnL, fee and margin after a fill."""

from decimal import Decimal

from apps.exchange.core.venue import margin, portfolio
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import SETTLEMENT_ASSET, Account, IncomeKind, Position
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.outbound import AccountChanged, BalanceChange
from apps.exchange.core.venue.types import Fill, NewOrder, Order, PositionSide
from chimera.instruments import Market, Side
from chimera.money import ZERO, usdt

# A market order is assumed to fill this much worse than the best price when its margin is checked.
_MARKET_BUFFER = Decimal("0.0005")


class UsdmClearing:
    """Implements `clearing.Clearing` for futures."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    # --- before -------------------------------------------------------------------------------------

    def admit(
        self,
        account: Account,
        listing: Listing,
        request: NewOrder,
        *,
        instead_of: Order | None = None,
    ) -> None:
        check_position_side(account, request)
        position = account.position(request.symbol, request.position_side)
        closable = self._closable(account, position, request, instead_of)
        if request.reduce_only and not closable:
            raise refuse.reduce_only_rejected()
        qty = request.quantity or ZERO
        if account.hedge and closes(request.side, request.position_side):
            if qty > closable:
                raise refuse.reduce_only_rejected()
            return
        opening = ZERO if request.reduce_only else qty - closable
        if opening > 0:
            self._check_margin(account, listing, request, opening, instead_of)

    def hold(self, account: Account, listing: Listing, order: Order) -> None:
        """Nothing: order margin is computed from the open orders themselves."""

    def release(self, account: Account, listing: Listing, order: Order) -> None:
        """Nothing to give back."""

    def room(self, account: Account, listing: Listing, order: Order, price: Decimal) -> Decimal:
        if not order.reduce_only and not (
            account.hedge and closes(order.side, order.position_side)
        ):
            return order.remaining
        position = account.position(order.symbol, order.position_side)
        if position.sign != -order.side.sign:
            return ZERO
        return min(order.remaining, abs(position.qty))

    def _closable(
        self, account: Account, position: Position, request: NewOrder, instead_of: Order | None
    ) -> Decimal:
        if position.sign != -request.side.sign:
            return ZERO
        if not account.hedge:
            return abs(position.qty)
        pending = sum(
            (
                order.remaining
                for order in account.open[Market.USDM, request.symbol].values()
                if order.side is request.side
                and order.position_side is request.position_side
                and order is not instead_of
            ),
            ZERO,
        )
        return max(abs(position.qty) - pending, ZERO)

    def _check_margin(
        self,
        account: Account,
        listing: Listing,
        request: NewOrder,
        opening: Decimal,
        instead_of: Order | None,
    ) -> None:
        price = self._assumed_price(listing, request)
        if price is None:
            return  # nothing to trade against: matching refuses it for that
        symbol, qty = request.symbol, request.quantity or ZERO
        settings = account.settings[symbol]
        position = account.position(symbol, request.position_side)
        same_side = portfolio.exposure(account, symbol, without=instead_of).get(
            (request.side, request.position_side), ZERO
        )
        held = position.qty * request.side.sign * (listing.mark or price)
        limit = margin.max_notional(listing.instrument.brackets, settings.leverage)
        if abs(held + same_side + qty * price) > limit:
            raise refuse.leverage_exceeded()
        before = portfolio.open_order_margin(self._floor, account, symbol, without=instead_of)
        after = portfolio.open_order_margin(
            self._floor,
            account,
            symbol,
            extra=(request.side, request.position_side, qty * price),
            without=instead_of,
        )
        mark = listing.mark or price
        open_loss = max((price - mark) * request.side.sign, ZERO) * opening
        fee = opening * price * self._floor.fees.um_taker
        freed = (
            portfolio.open_order_margin(self._floor, account, symbol) - before
            if instead_of
            else ZERO
        )
        free = portfolio.available(self._floor, account) + freed
        if after - before + open_loss + fee > free:
            raise refuse.margin_insufficient()

    def _assumed_price(self, listing: Listing, request: NewOrder) -> Decimal | None:
        best = self._floor.book(listing).best(request.side.opposite)
        if request.price is not None:
            if request.side is Side.SELL and best is not None:
                return max(request.price, best.price)
            return request.price
        if best is None:
            return None
        return best.price * (1 + request.side.sign * _MARKET_BUFFER)

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
        """Fold a fill into the position.

        1. What is opposite to the position closes: PnL ``(exit - entry) * qty * side`` is realised, and
           the isolated wallet gives back its share.
        2. The rest opens: the entry price is the unrounded average, and an isolated position takes its
           initial margin from the cross wallet.
        3. The fee is charged on the whole notional. A liquidation pays the clearance fee instead, as
           far as the margin it frees goes: nobody loses more than was at stake.
        """
        floor = self._floor
        position = account.position(order.symbol, order.position_side)
        closing = min(abs(position.qty), qty) if position.sign == -order.side.sign else ZERO
        realized = usdt((price - position.entry_price) * closing * position.sign)
        rate = floor.fees.rate(Market.USDM, maker=is_maker)
        kind = IncomeKind.COMMISSION
        fee = usdt(price * qty * rate)
        if order.is_liquidation:
            kind = IncomeKind.INSURANCE_CLEAR
            left = max(self._at_stake(account, position, closing) + realized, ZERO)
            fee = min(usdt(price * qty * listing.instrument.liquidation_fee), left)
        if closing:
            self._close(account, position, closing, realized, trade_id)
        floor.post(
            account,
            Market.USDM,
            SETTLEMENT_ASSET,
            -fee,
            kind,
            symbol=order.symbol,
            trade_id=trade_id,
        )
        position.fees_since_flat += fee
        if qty > closing:
            self._open(account, position, order.side, qty - closing, price)
        position.updated = floor.now
        self._cover(account, position)
        self.tell(account, "ORDER", position)
        return Fill(
            trade_id=trade_id,
            order_id=order.order_id,
            account_id=account.account_id,
            market=Market.USDM,
            symbol=order.symbol,
            side=order.side,
            position_side=order.position_side,
            price=price,
            qty=qty,
            quote_qty=price * qty,
            fee=fee,
            fee_asset=SETTLEMENT_ASSET,
            is_maker=is_maker,
            realized_pnl=realized,
            ts=floor.now,
        )

    def tell(
        self,
        account: Account,
        reason: str,
        position: Position | None = None,
        *,
        change: Decimal = ZERO,
    ) -> None:
        """Emit the wallet (and one position) as they are now, and what was moved in or out."""
        floor = self._floor
        floor.emit(
            AccountChanged(
                ts=floor.now,
                account_id=account.account_id,
                market=Market.USDM,
                reason=reason,
                balances=(
                    BalanceChange(
                        asset=SETTLEMENT_ASSET,
                        wallet=account.wallet_balance,
                        cross_wallet=account.cross_wallet,
                        change=change,
                    ),
                ),
                positions=(
                    (portfolio.position_view(floor, account, position.symbol, position.side),)
                    if position
                    else ()
                ),
                symbol=position.symbol if position else "",
            )
        )

    def _at_stake(self, account: Account, position: Position, closing: Decimal) -> Decimal:
        """Return the money that stands behind `closing` of a position."""
        if account.is_isolated(position.symbol):
            return _share(position, closing)
        return account.cross_wallet

    def _close(
        self,
        account: Account,
        position: Position,
        qty: Decimal,
        realized: Decimal,
        trade_id: int,
    ) -> None:
        released = _share(position, qty)
        position.qty -= qty * position.sign
        position.realized_pnl += realized
        if not position.qty:
            position.entry_price = position.fees_since_flat = ZERO
        position.isolated_wallet -= released
        account.cross_wallet += released
        self._floor.post(
            account,
            Market.USDM,
            SETTLEMENT_ASSET,
            realized,
            IncomeKind.REALIZED_PNL,
            symbol=position.symbol,
            trade_id=trade_id,
        )

    def _open(
        self, account: Account, position: Position, side: Side, qty: Decimal, price: Decimal
    ) -> None:
        held = abs(position.qty)
        position.entry_price = (position.entry_price * held + price * qty) / (held + qty)
        position.qty += qty * side.sign
        if account.is_isolated(position.symbol):
            leverage = account.settings[position.symbol].leverage
            needed = usdt(price * qty / leverage)
            moved = max(min(needed, account.cross_wallet), ZERO)
            account.cross_wallet -= moved
            position.isolated_wallet += moved

    def _cover(self, account: Account, position: Position) -> None:
        """Let an isolated wallet pay what the cross wallet cannot."""
        if account.cross_wallet < 0 < position.isolated_wallet:
            moved = min(-account.cross_wallet, position.isolated_wallet)
            position.isolated_wallet -= moved
            account.cross_wallet += moved


def check_position_side(account: Account, request: NewOrder) -> None:
    """Raise unless the order's position side and reduce-only flag fit the account's mode."""
    if account.hedge:
        if request.position_side is PositionSide.BOTH:
            raise refuse.position_side_mismatch()
        if request.reduce_only:
            raise refuse.not_required("reduceonly")
    elif request.position_side is not PositionSide.BOTH:
        raise refuse.position_side_mismatch()


def closes(side: Side, position_side: PositionSide) -> bool:
    """Tell whether in hedge mode this side reduces that position."""
    return (side, position_side) in (
        (Side.SELL, PositionSide.LONG),
        (Side.BUY, PositionSide.SHORT),
    )


def _share(position: Position, qty: Decimal) -> Decimal:
    """Return the part of the isolated wallet that closing `qty` gives back; all of it at the end."""
    if qty == abs(position.qty):
        return position.isolated_wallet
    return usdt(position.isolated_wallet * qty / abs(position.qty))
