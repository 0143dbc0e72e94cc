"""Futures settings and moving money: leverage, margin type, position mode, isolated margin, transfers."""

from decimal import Decimal

from apps.exchange.core.venue import margin, portfolio
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import SETTLEMENT_ASSET, Account, IncomeKind, Position
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.outbound import LeverageChanged
from apps.exchange.core.venue.types import MarginType, PositionSide
from chimera.instruments import Market
from chimera.money import ZERO


def set_leverage(floor: Floor, account: Account, listing: Listing, leverage: int) -> Decimal:
    """Set a symbol's leverage and return the largest notional it allows."""
    brackets, symbol = listing.instrument.brackets, listing.symbol
    if not 1 <= leverage <= brackets[0].initial_leverage:
        raise refuse.leverage_invalid(leverage)
    held = account.positions_of(symbol)
    current = account.settings[symbol]
    if held and leverage < current.leverage and account.is_isolated(symbol):
        raise refuse.leverage_reduction()
    limit = margin.max_notional(brackets, leverage)
    if any(abs(p.qty) * portfolio.mark_of(floor, p) > limit for p in held):
        raise refuse.leverage_exceeded()
    current.leverage = leverage
    floor.emit(
        LeverageChanged(
            ts=floor.now, account_id=account.account_id, symbol=symbol, leverage=leverage
        )
    )
    return limit


def set_margin_type(account: Account, symbol: str, margin_type: MarginType) -> None:
    """Switch a flat symbol between isolated and cross margin."""
    if account.settings[symbol].margin_type is margin_type:
        raise refuse.margin_type_unchanged()
    if account.open[Market.USDM, symbol] or _algos_of(account, symbol):
        raise refuse.margin_type_with_orders()
    if account.positions_of(symbol):
        raise refuse.margin_type_with_position()
    account.settings[symbol].margin_type = margin_type


def set_position_mode(account: Account, hedge: bool) -> None:
    """Switch a flat account between one-way and hedge mode."""
    if account.hedge is hedge:
        raise refuse.mode_unchanged()
    if account.open_algos or any(
        orders for (market, _), orders in account.open.items() if market is Market.USDM
    ):
        raise refuse.mode_with_orders()
    if any(position.qty for position in account.positions.values()):
        raise refuse.mode_with_position()
    account.hedge = hedge


def move_margin(
    floor: Floor, account: Account, symbol: str, side: PositionSide, amount: Decimal
) -> Position:
    """Add `amount` to an isolated position's margin, or take it out when negative.

    What is taken out must leave the position its initial margin.
    """
    if account.hedge is (side is PositionSide.BOTH):
        raise refuse.position_side_mismatch()
    if not account.is_isolated(symbol):
        raise refuse.margin_on_cross()
    position = account.position(symbol, side)
    if not position.qty:
        raise refuse.margin_without_position()
    if amount > max(portfolio.available(floor, account), ZERO):
        raise refuse.margin_cross_insufficient()
    mark = portfolio.mark_of(floor, position)
    needed = abs(position.qty) * mark / account.settings[symbol].leverage
    if (
        amount < 0
        and position.isolated_wallet + amount + min(position.unrealized_pnl(mark), ZERO) < needed
    ):
        raise refuse.margin_isolated_insufficient()
    account.cross_wallet -= amount
    position.isolated_wallet += amount
    return position


def transfer(floor: Floor, account: Account, asset: str, amount: Decimal, direction: str) -> int:
    """Move `amount` between the spot and the futures wallet; both ledger rows carry the same id."""
    if asset != SETTLEMENT_ASSET:
        raise refuse.bad_transfer_asset()
    if amount <= 0:
        raise refuse.bad_transfer_amount()
    if direction not in ("MAIN_UMFUTURE", "UMFUTURE_MAIN"):
        raise refuse.bad_transfer_type()
    into_futures = direction == "MAIN_UMFUTURE"
    free = account.spot[asset].free if into_futures else portfolio.available(floor, account)
    if amount > min(free, account.cross_wallet) if not into_futures else amount > free:
        raise refuse.transfer_insufficient()
    tran_id = floor.next_tran_id()
    signed = amount if into_futures else -amount
    for market, change in ((Market.USDM, signed), (Market.SPOT, -signed)):
        floor.post(account, market, asset, change, IncomeKind.TRANSFER, tran_id=tran_id)
    return tran_id


def _algos_of(account: Account, symbol: str) -> bool:
    return any(algo.symbol == symbol for algo in account.open_algos.values())
