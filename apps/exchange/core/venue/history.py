"""Looking up what an account did: orders, algos and lists by id, and pages of histories."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import Account
from apps.exchange.core.venue.types import AlgoOrder, Order, OrderList
from chimera.clock import Millis
from chimera.instruments import Market

Row = TypeVar("Row")


def find_order(
    account: Account,
    market: Market,
    symbol: str,
    order_id: int | None,
    client_order_id: str | None,
    *,
    open_only: bool = False,
) -> Order | None:
    """Return the order with this id or, failing that, the latest with this client id.

    Raises
    ------
    VenueError
        -1102 without any id; -2039 on spot when the two name different orders.
    """
    if order_id is None and client_order_id is None:
        raise refuse.missing("orderId")
    if order_id is not None:
        order = account.orders.get((market, symbol), {}).get(order_id)
        if (
            order is not None
            and market is Market.SPOT
            and client_order_id not in (None, order.client_order_id)
        ):
            raise refuse.id_mismatch()
    else:
        order = account.by_client_id.get((market, symbol, client_order_id or ""))
    return None if order is not None and open_only and not order.status.is_open else order


def find_algo(
    algos: Iterable[AlgoOrder], algo_id: int | None, client_algo_id: str | None
) -> AlgoOrder | None:
    """Return the first of `algos` with this id or client id."""
    if algo_id is None and client_algo_id is None:
        raise refuse.missing("algoid")
    for algo in algos:
        if algo_id == algo.algo_id or (algo_id is None and client_algo_id == algo.client_algo_id):
            return algo
    return None


def find_list(
    account: Account, order_list_id: int | None, list_client_order_id: str | None
) -> OrderList | None:
    """Return the order list with this id, or the latest with this client id."""
    if order_list_id is None and list_client_order_id is None:
        raise refuse.missing("orderListId")
    if order_list_id is not None:
        return account.lists.get(order_list_id)
    for found in reversed(account.lists.values()):
        if found.list_client_order_id == list_client_order_id:
            return found
    return None


def page(
    rows: Sequence[Row],
    time_of: Callable[[Row], Millis],
    *,
    start: Millis | None,
    end: Millis | None,
    limit: int,
    oldest: bool = False,
) -> list[Row]:
    """Return rows within ``[start, end]``, oldest first.

    With a `start` (or `oldest`) these are the first `limit` rows, otherwise the latest.
    """
    wanted = [
        row
        for row in rows
        if (start is None or time_of(row) >= start) and (end is None or time_of(row) <= end)
    ]
    return wanted[:limit] if start is not None or oldest else wanted[-limit:]
