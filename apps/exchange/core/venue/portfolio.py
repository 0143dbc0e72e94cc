"""What a futures account is worth and can still risk: margins, availability, and the views of both.

Pure reads over the floor; the clearing asks before it admits an order, the door to answer account pages.
"""

from decimal import Decimal

from apps.exchange.core.venue import margin
from apps.exchange.core.venue.accounts import Account, AccountView, Position
from apps.exchange.core.venue.floor import Floor
from apps.exchange.core.venue.outbound import PositionView
from apps.exchange.core.venue.types import MarginType, Order, PositionSide
from chimera.instruments import Market, Side
from chimera.money import ZERO, usdt


def mark_of(floor: Floor, position: Position) -> Decimal:
    """Return the mark price, or the entry where the market has none yet."""
    return floor.listing(Market.USDM, position.symbol).mark or position.entry_price


def exposure(
    account: Account, symbol: str, *, without: Order | None = None
) -> dict[tuple[Side, PositionSide], Decimal]:
    """Return the notional of resting orders that may add risk, by side and position side."""
    found: dict[tuple[Side, PositionSide], Decimal] = {}
    for order in account.open.get((Market.USDM, symbol), {}).values():
        if order.reduce_only or order is without:
            continue
        key = order.side, order.position_side
        found[key] = found.get(key, ZERO) + order.price * order.remaining
    return found


def open_order_margin(
    floor: Floor,
    account: Account,
    symbol: str,
    *,
    extra: tuple[Side, PositionSide, Decimal] | None = None,
    without: Order | None = None,
) -> Decimal:
    """Return the initial margin that resting orders hold beyond the position's own.

    One-way: ``(max(|P + bids|, |P - asks|) - |P|) / leverage``, P the signed notional at mark, so that
    an order which only closes holds nothing. Hedge: what opens, each side by itself. `extra` is an order
    to imagine, as side, position side and notional; `without` one to forget.
    """
    if extra is None and not account.open.get((Market.USDM, symbol)):
        return ZERO
    resting = exposure(account, symbol, without=without)
    if extra is not None:
        side, position_side, notional = extra
        resting[side, position_side] = resting.get((side, position_side), ZERO) + notional
    leverage = account.settings[symbol].leverage
    if account.hedge:
        opening = resting.get((Side.BUY, PositionSide.LONG), ZERO) + resting.get(
            (Side.SELL, PositionSide.SHORT), ZERO
        )
        return opening / leverage
    position = account.positions.get((symbol, PositionSide.BOTH))
    held = position.qty * mark_of(floor, position) if position else ZERO
    bids = resting.get((Side.BUY, PositionSide.BOTH), ZERO)
    asks = resting.get((Side.SELL, PositionSide.BOTH), ZERO)
    return max(max(abs(held + bids), abs(held - asks)) - abs(held), ZERO) / leverage


def available(floor: Floor, account: Account) -> Decimal:
    """Return what may back new orders: cross wallet less margins in use and cross losses."""
    free = account.cross_wallet
    unrealized = ZERO
    for position in account.positions.values():
        if position.qty and not account.is_isolated(position.symbol):
            mark = mark_of(floor, position)
            free -= abs(position.qty) * mark / account.settings[position.symbol].leverage
            unrealized += position.unrealized_pnl(mark)
    for market, symbol in [key for key, orders in account.open.items() if orders]:
        if market is Market.USDM:
            free -= open_order_margin(floor, account, symbol)
    return free + min(unrealized, ZERO)


def cross_margin(floor: Floor, account: Account) -> tuple[Decimal, Decimal]:
    """Return margin balance and maintenance margin of all cross positions together."""
    balance, needed = account.cross_wallet, ZERO
    for position in account.positions.values():
        if position.qty and not account.is_isolated(position.symbol):
            listing = floor.listing(Market.USDM, position.symbol)
            mark = mark_of(floor, position)
            balance += position.unrealized_pnl(mark)
            needed += margin.maint_margin(listing.instrument.brackets, abs(position.qty) * mark)
    return balance, needed


def liquidation_price(floor: Floor, account: Account, position: Position) -> Decimal:
    """Return the position's liquidation price; cross counts the whole wallet and other positions."""
    listing = floor.listing(Market.USDM, position.symbol)
    wallet = position.isolated_wallet
    if not account.is_isolated(position.symbol):
        mark = mark_of(floor, position)
        balance, needed = cross_margin(floor, account)
        own = margin.maint_margin(listing.instrument.brackets, abs(position.qty) * mark)
        wallet = balance - position.unrealized_pnl(mark) - (needed - own)
    return margin.liquidation_price(
        listing.instrument.brackets,
        qty=position.qty,
        entry_price=position.entry_price,
        wallet=wallet,
    )


def position_view(floor: Floor, account: Account, symbol: str, side: PositionSide) -> PositionView:
    """Return everything the account pages say about one position, flat or not."""
    listing = floor.listing(Market.USDM, symbol)
    settings = account.settings[symbol]
    position = account.positions.get((symbol, side)) or Position(symbol, side)
    mark = listing.mark or position.entry_price
    isolated = settings.margin_type is MarginType.ISOLATED
    unrealized = usdt(position.unrealized_pnl(mark))
    notional = usdt(position.qty * mark)
    brackets = listing.instrument.brackets
    held = usdt(abs(notional) / settings.leverage)
    resting = usdt(open_order_margin(floor, account, symbol)) if _counts(account, side) else ZERO
    orders = exposure(account, symbol)
    return PositionView(
        symbol=symbol,
        position_side=side,
        qty=position.qty,
        entry_price=position.entry_price,
        break_even_price=_break_even(position),
        mark_price=mark,
        unrealized_pnl=unrealized,
        realized_pnl=position.realized_pnl,
        liquidation_price=liquidation_price(floor, account, position) if position.qty else ZERO,
        margin_type=settings.margin_type,
        leverage=settings.leverage,
        isolated_wallet=position.isolated_wallet,
        isolated_margin=position.isolated_wallet + unrealized if isolated else ZERO,
        notional=notional,
        initial_margin=held + resting,
        position_initial_margin=held,
        open_order_initial_margin=resting,
        maint_margin=usdt(margin.maint_margin(brackets, abs(notional))),
        max_notional=margin.max_notional(brackets, settings.leverage),
        bid_notional=orders.get((Side.BUY, side), ZERO),
        ask_notional=orders.get((Side.SELL, side), ZERO),
        updated=position.updated,
    )


def account_view(floor: Floor, account: Account) -> AccountView:
    """Return the futures account page."""
    views = tuple(position_view(floor, account, symbol, side) for symbol, side in _shown(account))
    cross = [v for v in views if v.margin_type is MarginType.CROSSED]
    cross_pnl = sum((v.unrealized_pnl for v in cross), ZERO)
    pnl = sum((v.unrealized_pnl for v in views), ZERO)
    wallet = account.wallet_balance
    free = max(usdt(available(floor, account)), ZERO)
    return AccountView(
        wallet_balance=wallet,
        cross_wallet=account.cross_wallet,
        unrealized_pnl=pnl,
        cross_unrealized_pnl=cross_pnl,
        margin_balance=wallet + pnl,
        initial_margin=sum((v.initial_margin for v in views), ZERO),
        position_initial_margin=sum((v.position_initial_margin for v in views), ZERO),
        open_order_initial_margin=sum((v.open_order_initial_margin for v in views), ZERO),
        maint_margin=sum((v.maint_margin for v in views), ZERO),
        available=free,
        max_withdraw=min(free, max(account.cross_wallet, ZERO)),
        positions=views,
    )


def sides_of(account: Account) -> tuple[PositionSide, ...]:
    """Return the position sides that the account's mode knows."""
    return (PositionSide.LONG, PositionSide.SHORT) if account.hedge else (PositionSide.BOTH,)


def _shown(account: Account) -> list[tuple[str, PositionSide]]:
    held = {position.symbol for position in account.positions.values() if position.qty}
    ordered = {
        symbol
        for (market, symbol), orders in account.open.items()
        if orders and market is Market.USDM
    }
    return [(symbol, side) for symbol in sorted(held | ordered) for side in sides_of(account)]


def _counts(account: Account, side: PositionSide) -> bool:
    # Hedge mode: the symbol's order margin is shown once, on the long side.
    return not account.hedge or side is PositionSide.LONG


def _break_even(position: Position) -> Decimal:
    if not position.qty:
        return ZERO
    tick = Decimal(1).scaleb(-8)
    return (position.entry_price + position.fees_since_flat / position.qty).quantize(tick)
