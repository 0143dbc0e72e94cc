"""Liquidation and funding: what the venue does to futures positions by itself, on the mark price."""

from decimal import Decimal

from apps.exchange.core.venue import margin, portfolio
from apps.exchange.core.venue.accounts import SETTLEMENT_ASSET, Account, IncomeKind, Position
from apps.exchange.core.venue.algos import AlgoDesk
from apps.exchange.core.venue.clearing_usdm import UsdmClearing
from apps.exchange.core.venue.desk import OrderDesk
from apps.exchange.core.venue.floor import FUNDING_INTERVAL, Floor, Listing, Quiet
from apps.exchange.core.venue.intake import Intake
from apps.exchange.core.venue.outbound import (
    AccountChanged,
    BalanceChange,
    FundingPayment,
    Liquidated,
    MarginCalled,
)
from apps.exchange.core.venue.types import (
    AlgoStatus,
    Execution,
    ExpiryReason,
    NewOrder,
    Order,
    TimeInForce,
    VenueOrderStatus,
    VenueOrderType,
)
from chimera.instruments import Market, Side
from chimera.money import ZERO, quantize, usdt

MARGIN_CALL_FRAC = Decimal("0.8")  # of the margin balance that the maintenance margin takes up


class RiskEngine:
    """Watches margins on every move of a mark price."""

    def __init__(
        self,
        floor: Floor,
        *,
        intake: Intake,
        desk: OrderDesk,
        algos: AlgoDesk,
        clearing: UsdmClearing,
    ) -> None:
        self._floor = floor
        self._intake = intake
        self._desk = desk
        self._algos = algos
        self._clearing = clearing

    # --- liquidation --------------------------------------------------------------------------------

    def check(self, listing: Listing) -> bool:
        """Liquidate every position of the symbol whose margin is used up; tell whether any was."""
        found = False
        for account in self._floor.accounts.values():
            for position in account.positions_of(listing.symbol):
                if not position.qty:  # another one's liquidation traded it away
                    continue
                balance, needed = self._margin(account, listing, position)
                if balance <= needed:
                    self._liquidate(account, position)
                    found = True
                elif self._floor.publish_market:  # simulations pass over quiet bars, and over these
                    self._call(account, position, near=needed >= balance * MARGIN_CALL_FRAC)
        return found

    def narrow(self, listing: Listing, quiet: Quiet) -> None:
        """Take liquidation prices out of `quiet`; cross positions leave nothing quiet at all."""
        for account in self._floor.accounts.values():
            for position in account.positions_of(listing.symbol):
                if not account.is_isolated(listing.symbol):
                    quiet.low, quiet.high = float("inf"), float("-inf")
                    continue
                price = float(portfolio.liquidation_price(self._floor, account, position))
                if position.qty > 0:
                    quiet.mark_low = max(quiet.mark_low, price)
                elif price:
                    quiet.mark_high = min(quiet.mark_high, price)

    def _margin(
        self, account: Account, listing: Listing, position: Position
    ) -> tuple[Decimal, Decimal]:
        """Return the margin balance behind a position, and the maintenance margin it must exceed."""
        if not account.is_isolated(listing.symbol):
            return portfolio.cross_margin(self._floor, account)
        mark = portfolio.mark_of(self._floor, position)
        balance = position.isolated_wallet + position.unrealized_pnl(mark)
        brackets = listing.instrument.brackets
        return balance, margin.maint_margin(brackets, abs(position.qty) * mark)

    def _call(self, account: Account, position: Position, *, near: bool) -> None:
        """Say once that a position came near its liquidation, and again after it was safe."""
        if near and not position.margin_called:
            floor = self._floor
            view = portfolio.position_view(floor, account, position.symbol, position.side)
            floor.emit(
                MarginCalled(
                    ts=floor.now,
                    account_id=account.account_id,
                    position=view,
                    cross_wallet=account.cross_wallet,
                )
            )
        position.margin_called = near

    def _liquidate(self, account: Account, position: Position) -> None:
        """Close a lost position.

        1. Its open orders, plain and conditional, are ended.
        2. A limit IOC at the bankruptcy price takes what the book offers.
        3. The insurance fund takes over the rest at that price.

        The clearance fee is part of the fills, see `UsdmClearing.settle`.
        """
        floor = self._floor
        listing = floor.listing(Market.USDM, position.symbol)
        self._end_orders(account, position.symbol)
        request = NewOrder(
            symbol=position.symbol,
            side=Side.SELL if position.qty > 0 else Side.BUY,
            type=VenueOrderType.LIMIT,
            quantity=abs(position.qty),
            price=_limit_price(listing, account, position),
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
            position_side=position.side,
        )
        order = self._intake.draft(account, listing, request)
        order.client_order_id = f"autoclose-{order.order_id}"
        order.is_liquidation = order.is_working = True
        self._desk.register(account, listing, order)
        self._desk.take(listing, order)
        if order.status.is_open:
            self._take_over(account, listing, order)
        floor.emit(Liquidated(ts=floor.now, order=order.snapshot()))

    def _take_over(self, account: Account, listing: Listing, order: Order) -> None:
        price, qty = order.price, order.remaining
        trade_id = self._floor.print_trade(listing, price, qty, bought=order.side is Side.BUY)
        fill = self._clearing.settle(
            account, listing, order, price=price, qty=qty, is_maker=False, trade_id=trade_id
        )
        self._desk.book_fill(account, order, fill, Execution.CALCULATED)

    def _end_orders(self, account: Account, symbol: str) -> None:
        for order in list(account.open[Market.USDM, symbol].values()):
            self._desk.end(order, VenueOrderStatus.EXPIRED, ExpiryReason.LIQUIDATION)
        for algo in list(account.open_algos.values()):
            if algo.symbol == symbol:
                self._algos.end(algo, AlgoStatus.EXPIRED, "liquidation")

    # --- funding ------------------------------------------------------------------------------------

    def settle_funding(self, listing: Listing) -> None:
        """Pay ``-qty * mark * rate`` to every position open at this instant; longs pay a positive rate."""
        floor = self._floor
        mark = listing.mark
        due = listing.next_funding_time
        listing.next_funding_time = due + FUNDING_INTERVAL
        if mark is None:
            return
        listing.funding_history.append(
            FundingPayment(symbol=listing.symbol, ts=due, rate=listing.funding_rate, mark=mark)
        )
        for account in floor.accounts.values():
            for position in account.positions_of(listing.symbol):
                amount = usdt(-position.qty * mark * listing.funding_rate)
                self._pay_funding(account, position, amount)

    def _pay_funding(self, account: Account, position: Position, amount: Decimal) -> None:
        floor = self._floor
        floor.post(
            account,
            Market.USDM,
            SETTLEMENT_ASSET,
            amount,
            IncomeKind.FUNDING_FEE,
            symbol=position.symbol,
        )
        isolated = account.is_isolated(position.symbol)
        if isolated:
            account.cross_wallet -= amount
            position.isolated_wallet += amount
        view = portfolio.position_view(floor, account, position.symbol, position.side)
        floor.emit(
            AccountChanged(
                ts=floor.now,
                account_id=account.account_id,
                market=Market.USDM,
                reason="FUNDING_FEE",
                balances=(
                    BalanceChange(
                        asset=SETTLEMENT_ASSET,
                        wallet=account.wallet_balance,
                        cross_wallet=account.cross_wallet,
                        change=amount,
                    ),
                ),
                positions=(view,) if isolated else (),
                symbol=position.symbol,
            )
        )


def _limit_price(listing: Listing, account: Account, position: Position) -> Decimal:
    """Return the bankruptcy price on the tick, rounded so that the account loses no more than it has."""
    isolated = account.is_isolated(position.symbol)
    price = margin.bankruptcy_price(
        qty=position.qty,
        entry_price=position.entry_price,
        wallet=max(position.isolated_wallet if isolated else account.cross_wallet, ZERO),
    )
    tick = listing.instrument.filters.tick_size
    return max(quantize(price, tick, "ceiling" if position.qty > 0 else "floor"), tick)
