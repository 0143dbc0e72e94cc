"""What an account forgets, when Binance would: called at every request and every look at the time.

Each history is a queue in order of time, so only the fronts are looked at; a few rows at a time go, and
the sums of what went stay, so that the ledger still explains the wallet and the fills the positions.
"""

from apps.exchange.core.venue.accounts import Account, Ended
from apps.exchange.core.venue.types import AlgoOrder, Order
from chimera.clock import DAY, Millis
from chimera.instruments import Market

KEPT = 90 * DAY  # ended orders, order lists, fills, prevented matches, ledger rows
UNFILLED_KEPT = 3 * DAY  # futures orders, plain and conditional, that ended without a fill
ROWS_AT_ONCE = 256  # far more than one request adds


def forget(account: Account, now: Millis) -> None:
    """Drop what ended longer ago than it is kept; what is open stays, however old it is.

    Fills go before the orders they belong to, so that every fill has its order.
    """
    since, left = now - KEPT, ROWS_AT_ONCE
    while left and (ended := account.ended_unfilled) and ended[0][0] < now - UNFILLED_KEPT:
        _drop(account, ended.popleft()[1])
        left -= 1
    for fills in account.fills.values():
        while left and fills and fills[0].ts < since:
            fill = fills.popleft()
            if fill.market is Market.USDM:
                account.qty_forgotten[fill.symbol, fill.position_side] += fill.qty * fill.side.sign
            left -= 1
    while left and (prevented := account.prevented) and prevented[0].ts < since:
        prevented.popleft()
        left -= 1
    while left and (ended := account.ended) and ended[0][0] < since:
        _drop(account, ended.popleft()[1])
        left -= 1
    while left and (rows := account.income) and rows[0].ts < since:
        row = rows.popleft()
        account.income_forgotten[row.market, row.asset] += row.amount
        left -= 1


def _drop(account: Account, ended: Ended) -> None:
    if isinstance(ended, Order):
        key = ended.market, ended.symbol
        del account.orders[key][ended.order_id]
        # A later order may have taken the client id over.
        if account.by_client_id.get((*key, ended.client_order_id)) is ended:
            del account.by_client_id[(*key, ended.client_order_id)]
    elif isinstance(ended, AlgoOrder):
        del account.algos[ended.algo_id]
    else:
        del account.lists[ended.order_list_id]
