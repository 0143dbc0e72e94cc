"""What must hold at all times. Checked by tests after every step, by simulations after every event."""

from collections import defaultdict
from decimal import Decimal

from apps.exchange.core.venue.accounts import SETTLEMENT_ASSET, Account
from apps.exchange.core.venue.floor import Floor, Listing
from chimera.errors import require
from chimera.instruments import Market, Side
from chimera.money import ZERO


def check(floor: Floor) -> None:
    """Raise `InvariantBroken` naming the first thing that does not hold."""
    for listing in floor.listings.values():
        _check_book(listing)
    for account in floor.accounts.values():
        _check_money(account)
        _check_orders(account)
        _check_positions(account)


def _check_book(listing: Listing) -> None:
    book, symbol = listing.book, listing.symbol
    bid, ask = book.best(Side.BUY), book.best(Side.SELL)
    if bid is not None and ask is not None:
        require(bid.price < ask.price, "book is crossed", symbol=symbol)
    for side in Side:
        for level in book.walk(side):
            external = sum((e.qty for e in level.queue if e.order is None), ZERO)
            total = sum((e.qty for e in level.queue), ZERO)
            own = sum(e.order is not None for e in level.queue)
            require(
                (total, external, own) == (level.total, level.external, level.own),
                "level totals do not match its queue",
                symbol=symbol,
                price=str(level.price),
            )
            require(all(e.qty > 0 for e in level.queue), "empty place in a queue", symbol=symbol)
    for _, _, entry in book.orders():
        order = entry.order
        assert order is not None
        require(
            order.status.is_open and entry.qty == order.remaining,
            "resting order does not match its place",
            order_id=order.order_id,
        )


def _check_money(account: Account) -> None:
    sums = defaultdict(Decimal, account.income_forgotten)
    for row in account.income:
        sums[row.market, row.asset] += row.amount
    require(
        sums[Market.USDM, SETTLEMENT_ASSET] == account.wallet_balance,
        "futures wallet differs from its ledger",
        account=account.account_id,
        ledger=str(sums[Market.USDM, SETTLEMENT_ASSET]),
        wallet=str(account.wallet_balance),
    )
    for asset, balance in account.spot.items():
        require(
            sums[Market.SPOT, asset] == balance.total,
            "spot balance differs from its ledger",
            account=account.account_id,
            asset=asset,
        )
        require(balance.free >= 0 and balance.locked >= 0, "negative spot balance", asset=asset)


def _check_orders(account: Account) -> None:
    for key, orders in account.orders.items():
        for order in orders.values():
            require(
                ZERO <= order.executed <= order.quantity,
                "executed beyond the order's quantity",
                order_id=order.order_id,
            )
            require(
                order.executed == sum((fill.qty for fill in order.fills), ZERO),
                "executed differs from the fills",
                order_id=order.order_id,
            )
            require(
                order.status.is_open == (order.order_id in account.open[key]),
                "open index differs from the order's status",
                order_id=order.order_id,
            )


def _check_positions(account: Account) -> None:
    sums = defaultdict(Decimal, account.qty_forgotten)
    for (market, symbol), fills in account.fills.items():
        if market is Market.USDM:
            for fill in fills:
                sums[symbol, fill.position_side] += fill.qty * fill.side.sign
    for key, position in account.positions.items():
        require(sums[key] == position.qty, "position differs from its fills", symbol=key[0])
        require(
            position.qty != 0 or position.isolated_wallet == 0,
            "flat position holds margin",
            symbol=key[0],
        )
