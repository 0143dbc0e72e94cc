"""What may be read of a venue: accounts, orders, the market. Reading changes nothing.

The base of `exchange.Venue`, apart because there is much of it.
"""

from collections.abc import Sequence
from decimal import Decimal

from apps.exchange.core.venue import history, portfolio
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import Account, AccountView, IncomeRow
from apps.exchange.core.venue.floor import Floor, Listing, Rate
from apps.exchange.core.venue.outbound import FundingPayment, Kline, PositionView, Ticker, Traded
from apps.exchange.core.venue.tape import Tape
from apps.exchange.core.venue.types import AlgoOrder, Fill, Order, OrderList, PreventedMatch
from chimera.clock import Millis
from chimera.instruments import Market, Side
from chimera.money import ZERO

Levels = list[tuple[Decimal, Decimal]]


class VenueReads:
    """Queries over the floor."""

    floor: Floor

    # --- accounts ---------------------------------------------------------------------------------

    def account(self, account_id: str) -> Account:
        return self.floor.account(account_id)

    def account_view(self, account_id: str) -> AccountView:
        """Return the futures account page."""
        return portfolio.account_view(self.floor, self.account(account_id))

    def positions(self, account_id: str, symbol: str | None = None) -> list[PositionView]:
        """Return a view for every futures symbol and side, flat ones included."""
        account = self.account(account_id)
        symbols = [
            listed
            for market, listed in self.floor.listings
            if market is Market.USDM and symbol in (None, listed)
        ]
        return [
            portfolio.position_view(self.floor, account, listed, side)
            for listed in symbols
            for side in portfolio.sides_of(account)
        ]

    def income(
        self,
        account_id: str,
        *,
        market: Market = Market.USDM,
        symbol: str | None = None,
        kind: str | None = None,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 100,
    ) -> list[IncomeRow]:
        """Return ledger rows, oldest first; the latest `limit` of them, or the first from `start`."""
        rows = [
            row
            for row in self.account(account_id).income
            if row.market is market and symbol in (None, row.symbol) and kind in (None, row.kind)
        ]
        return history.page(rows, lambda row: row.ts, start=start, end=end, limit=limit)

    # --- orders -----------------------------------------------------------------------------------

    def get_order(
        self,
        account_id: str,
        market: Market,
        symbol: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
    ) -> Order:
        self.listing(market, symbol)
        order = history.find_order(
            self.account(account_id), market, symbol, order_id, client_order_id
        )
        if order is None:
            raise refuse.query_unknown()
        return order

    def open_orders(
        self, account_id: str, market: Market, symbol: str | None = None
    ) -> list[Order]:
        if symbol is not None:
            self.listing(market, symbol)
        return [
            order
            for (of_market, of_symbol), orders in self.account(account_id).open.items()
            if of_market is market and symbol in (None, of_symbol)
            for order in orders.values()
        ]

    def all_orders(
        self,
        account_id: str,
        market: Market,
        symbol: str,
        *,
        order_id: int | None = None,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 500,
    ) -> list[Order]:
        self.listing(market, symbol)
        orders = self.account(account_id).orders.get((market, symbol), {}).values()
        wanted = [o for o in orders if order_id is None or o.order_id >= order_id]
        from_start = order_id is not None
        return history.page(
            wanted, lambda o: o.created, start=start, end=end, limit=limit, oldest=from_start
        )

    def my_trades(
        self,
        account_id: str,
        market: Market,
        symbol: str,
        *,
        order_id: int | None = None,
        from_id: int | None = None,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 500,
    ) -> list[Fill]:
        self.listing(market, symbol)
        fills = self.account(account_id).fills.get((market, symbol), ())
        wanted = [
            fill
            for fill in fills
            if order_id in (None, fill.order_id) and (from_id is None or fill.trade_id >= from_id)
        ]
        return history.page(
            wanted, lambda f: f.ts, start=start, end=end, limit=limit, oldest=from_id is not None
        )

    def prevented_matches(
        self,
        account_id: str,
        symbol: str,
        *,
        order_id: int | None = None,
        match_id: int | None = None,
        from_id: int | None = None,
        limit: int = 500,
    ) -> list[PreventedMatch]:
        """Return what self-trade prevention kept apart on spot, of one order or by its own id."""
        self.listing(Market.SPOT, symbol)
        return [
            match
            for match in self.account(account_id).prevented
            if match.symbol == symbol
            and order_id in (None, match.taker_order_id, match.maker_order_id)
            and match_id in (None, match.match_id)
            and (from_id is None or match.match_id >= from_id)
        ][:limit]

    def get_algo(
        self, account_id: str, *, algo_id: int | None = None, client_algo_id: str | None = None
    ) -> AlgoOrder:
        """Return a conditional order, the latest under this client id."""
        algos = reversed(self.account(account_id).algos.values())
        algo = history.find_algo(algos, algo_id, client_algo_id)
        if algo is None:
            raise refuse.query_unknown()
        return algo

    def open_algos(self, account_id: str, symbol: str | None = None) -> list[AlgoOrder]:
        algos = self.account(account_id).open_algos.values()
        return [algo for algo in algos if symbol in (None, algo.symbol)]

    def all_algos(
        self,
        account_id: str,
        symbol: str,
        *,
        algo_id: int | None = None,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 500,
    ) -> list[AlgoOrder]:
        self.listing(Market.USDM, symbol)
        wanted = [
            algo
            for algo in self.account(account_id).algos.values()
            if algo.symbol == symbol and (algo_id is None or algo.algo_id >= algo_id)
        ]
        return history.page(
            wanted,
            lambda a: a.created,
            start=start,
            end=end,
            limit=limit,
            oldest=algo_id is not None,
        )

    def get_list(
        self,
        account_id: str,
        *,
        order_list_id: int | None = None,
        list_client_order_id: str | None = None,
    ) -> OrderList:
        found = history.find_list(self.account(account_id), order_list_id, list_client_order_id)
        if found is None:
            raise refuse.query_unknown()
        return found

    def open_lists(self, account_id: str) -> list[OrderList]:
        return [found for found in self.account(account_id).lists.values() if found.is_open]

    def all_lists(self, account_id: str, *, limit: int = 500) -> list[OrderList]:
        return list(self.account(account_id).lists.values())[-limit:]

    # --- the market -------------------------------------------------------------------------------

    def listing(self, market: Market, symbol: str) -> Listing:
        """Return a symbol's live state (last, mark, index, funding).

        Raises
        ------
        VenueError
            -1121 when it is not listed.
        """
        return self.floor.listing(market, symbol)

    def depth(self, market: Market, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        """Return the book's update id and up to `limit` bids and asks, best first."""
        book = self.floor.book(self.listing(market, symbol))
        return book.update_id, book.depth(Side.BUY, limit), book.depth(Side.SELL, limit)

    def book_ticker(self, market: Market, symbol: str) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Return best bid, its quantity, best ask, its quantity; 0 at 0 where a side is empty."""
        _, bids, asks = self.depth(market, symbol, 1)
        return (*(bids[0] if bids else (ZERO, ZERO)), *(asks[0] if asks else (ZERO, ZERO)))

    def trades(self, market: Market, symbol: str, limit: int) -> list[Traded]:
        return list(self.tape(market, symbol).trades)[-limit:]

    def klines(
        self,
        market: Market,
        symbol: str,
        interval: str,
        *,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 500,
    ) -> list[Kline]:
        """Return candles oldest first: the latest `limit`, or the first `limit` from `start`."""
        return self.tape(market, symbol).klines(interval, start=start, end=end, limit=limit)

    def price_klines(
        self,
        symbol: str,
        interval: str,
        *,
        of: Rate,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 500,
    ) -> list[Kline]:
        """Return candles of a mark, an index or a premium as `klines` does, from the feed's start on.

        The premium is what last is above the index, as a fraction of it. None has volume; `trades` counts
        the samples.
        """
        tape = self.listing(Market.USDM, symbol).rates.get(of)
        if tape is None:
            raise refuse.bad_symbol()
        return tape.klines(interval, start=start, end=end, limit=limit)

    def open_interest(self, symbol: str) -> Decimal:
        """Return the contracts outstanding, in base units.

        Every contract has a long and a short. Strangers stand opposite the accounts and are taken to
        hold nothing beside that, so it is the larger side of what the accounts hold.
        """
        self.listing(Market.USDM, symbol)
        held = [p.qty for a in self.floor.accounts.values() for p in a.positions_of(symbol)]
        longs = sum((qty for qty in held if qty > 0), ZERO)
        return max(longs, longs - sum(held, ZERO))

    def ticker24h(self, market: Market, symbol: str, now: Millis) -> Ticker:
        return self.tape(market, symbol).ticker(now)

    def funding_history(self, symbol: str) -> Sequence[FundingPayment]:
        return self.listing(Market.USDM, symbol).funding_history

    def tape(self, market: Market, symbol: str) -> Tape:
        """Return a symbol's public history; only a venue that publishes its market keeps one."""
        tape = self.listing(market, symbol).tape
        if tape is None:
            raise refuse.bad_symbol()
        return tape
