"""What the order desk asks of a market's clearing: may this order come in, how much of it may trade, and
who pays whom for a fill."""

from decimal import Decimal
from typing import Protocol

from apps.exchange.core.venue.accounts import Account
from apps.exchange.core.venue.floor import Listing
from apps.exchange.core.venue.types import Fill, NewOrder, Order


class Clearing(Protocol):
    def admit(
        self,
        account: Account,
        listing: Listing,
        request: NewOrder,
        *,
        instead_of: Order | None = None,
    ) -> None:
        """Raise `VenueError` unless the account may place this order. Changes nothing."""
        ...

    def hold(self, account: Account, listing: Listing, order: Order) -> None:
        """Set aside what an admitted order needs."""
        ...

    def release(self, account: Account, listing: Listing, order: Order) -> None:
        """Give back what an order that ended no longer needs."""
        ...

    def room(self, account: Account, listing: Listing, order: Order, price: Decimal) -> Decimal:
        """Return how much of the order may trade at `price` now."""
        ...

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
        """Move the money and assets of one fill, tell the account, and return the fill."""
        ...
