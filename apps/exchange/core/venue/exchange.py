"""The paper venue's door: everything its shell and the simulated exchange may ask of it.

A venue is a deterministic state machine: requests and market actions come in with the time, events pile
up in causal order until `drain`. Requests that Binance would refuse raise `VenueError`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from apps.exchange.core.venue import history, portfolio, settings
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import (
    SETTLEMENT_ASSET,
    Account,
    AccountView,
    IncomeKind,
    IncomeRow,
)
from apps.exchange.core.venue.actions import Action
from apps.exchange.core.venue.algos import AlgoDesk
from apps.exchange.core.venue.clearing_spot import SpotClearing
from apps.exchange.core.venue.clearing_usdm import UsdmClearing
from apps.exchange.core.venue.desk import OrderDesk
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.instruments import FeeSchedule, VenueInstrument
from apps.exchange.core.venue.invariants import check
from apps.exchange.core.venue.ladder import LadderShape
from apps.exchange.core.venue.liquidation import RiskEngine
from apps.exchange.core.venue.lists import ListDesk
from apps.exchange.core.venue.outbound import (
    FundingPayment,
    Kline,
    PositionView,
    Ticker,
    Traded,
    VenueEvent,
)
from apps.exchange.core.venue.pricing import Pricing
from apps.exchange.core.venue.tape import Candle, Tape
from apps.exchange.core.venue.types import (
    AlgoOrder,
    AlgoStatus,
    Fill,
    MarginType,
    NewOrder,
    Order,
    OrderList,
    PositionSide,
)
from chimera.clock import Millis
from chimera.instruments import Market, Side
from chimera.money import ZERO

Levels = list[tuple[Decimal, Decimal]]
Listings = Mapping[Market, Mapping[str, VenueInstrument]]


class Venue:
    """A local exchange for USDT-M futures and spot.

    Parameters
    ----------
    instruments : what is listed, by market and the venue's own symbol
    fees : fractions of notional
    publish_market : keep candles and tape, and emit public events after every action. Off, only private
        events and mark prices come out, and a bar that touches no order costs next to nothing.
    ladder : shape of the synthetic depth under feeds that carry prices only
    interest_rate : the funding rate that applies where none is fed
    """

    def __init__(
        self,
        *,
        instruments: Listings,
        fees: FeeSchedule | None = None,
        publish_market: bool = False,
        ladder: LadderShape | None = None,
        interest_rate: Decimal = Decimal("0.0001"),
    ) -> None:
        self.floor = Floor(
            instruments=instruments,
            fees=fees or FeeSchedule(),
            publish_market=publish_market,
            ladder=ladder or LadderShape(),
            interest_rate=interest_rate,
        )
        self._usdm = UsdmClearing(self.floor)
        self._spot = SpotClearing(self.floor)
        self._desk = OrderDesk(self.floor, usdm=self._usdm, spot=self._spot)
        self._lists = ListDesk(self.floor, self._desk, self._spot)
        self._algos = AlgoDesk(self.floor, self._desk)
        self._risk = RiskEngine(self.floor, desk=self._desk, algos=self._algos, clearing=self._usdm)
        self._pricing = Pricing(self.floor, desk=self._desk, algos=self._algos, risk=self._risk)

    # --- accounts -----------------------------------------------------------------------------------

    def open_account(
        self,
        account_id: str,
        *,
        futures_usdt: Decimal,
        spot: Mapping[str, Decimal],
        now: Millis = 0,
    ) -> Account:
        """Create an account and pay in its opening balances, as ledger rows of kind TRANSFER."""
        self._at(now)
        account = self.floor.accounts[account_id] = Account(account_id)
        deposits = [(Market.USDM, SETTLEMENT_ASSET, futures_usdt)]
        deposits += [(Market.SPOT, asset, amount) for asset, amount in spot.items()]
        for market, asset, amount in deposits:
            self.floor.post(account, market, asset, amount, IncomeKind.TRANSFER)
        return account

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

    # --- the market ---------------------------------------------------------------------------------

    def apply(self, action: Action, now: Millis) -> None:
        """Let the market do something at `now`."""
        self._pricing.apply(action, now)

    def advance(self, now: Millis) -> None:
        """Do what is due by `now`: funding, good-till-date, countdowns; candles roll on."""
        self._pricing.advance(now)
        for listing in self.floor.listings.values():
            if listing.tape is not None:
                self.floor.emit_candles(listing)

    def drain(self) -> list[VenueEvent]:
        """Return everything that happened since the last drain, in causal order."""
        events, self.floor.outbox = self.floor.outbox, []
        return events

    # --- plain orders -------------------------------------------------------------------------------

    def place_order(self, account_id: str, market: Market, request: NewOrder, now: Millis) -> Order:
        """Place a plain order; what it does at once is in the returned order and in the events."""
        account = self._begin(account_id, now)
        order = self._desk.place(account, market, request)
        self._settle(market, request.symbol)
        return order

    def test_order(self, account_id: str, market: Market, request: NewOrder, now: Millis) -> None:
        """Check a request as `place_order` would, and do nothing."""
        account = self._begin(account_id, now)
        self._desk.check(account, self.listing(market, request.symbol), request)

    def amend_order(
        self,
        account_id: str,
        market: Market,
        symbol: str,
        now: Millis,
        *,
        side: Side,
        price: Decimal,
        quantity: Decimal,
        order_id: int | None = None,
        client_order_id: str | None = None,
    ) -> Order:
        """Change a resting limit order. Futures: it queues anew. Spot: only its quantity can shrink."""
        account = self._begin(account_id, now)
        self.listing(market, symbol)
        order = history.find_order(
            account, market, symbol, order_id, client_order_id, open_only=True
        )
        if order is None or order.side is not side:
            raise refuse.query_unknown()
        self._desk.amend(account, order, price=price, qty=quantity)
        self._settle(market, symbol)
        return order

    def cancel_order(
        self,
        account_id: str,
        market: Market,
        symbol: str,
        now: Millis,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
    ) -> Order:
        account = self._begin(account_id, now)
        self.listing(market, symbol)
        order = history.find_order(
            account, market, symbol, order_id, client_order_id, open_only=True
        )
        if order is None:
            raise refuse.cancel_unknown()
        self._desk.cancel(order)
        self._settle(market, symbol)
        return order

    def cancel_all(self, account_id: str, market: Market, symbol: str, now: Millis) -> list[Order]:
        """Cancel every plain order of a symbol; conditional futures orders stay."""
        account = self._begin(account_id, now)
        self.listing(market, symbol)
        orders = list(account.open[market, symbol].values())
        for order in orders:
            if order.status.is_open:  # its list may have ended it already
                self._desk.cancel(order)
        self._settle(market, symbol)
        return orders

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
        orders = self.account(account_id).orders[market, symbol].values()
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
        fills = self.account(account_id).fills[market, symbol]
        wanted = [
            fill
            for fill in fills
            if order_id in (None, fill.order_id) and (from_id is None or fill.trade_id >= from_id)
        ]
        return history.page(
            wanted, lambda f: f.ts, start=start, end=end, limit=limit, oldest=from_id is not None
        )

    # --- conditional futures orders -----------------------------------------------------------------

    def place_algo(self, account_id: str, request: NewOrder, now: Millis) -> AlgoOrder:
        account = self._begin(account_id, now)
        return self._algos.place(account, request)

    def cancel_algo(
        self,
        account_id: str,
        now: Millis,
        *,
        algo_id: int | None = None,
        client_algo_id: str | None = None,
    ) -> AlgoOrder:
        account = self._begin(account_id, now)
        algo = history.find_algo(account.open_algos.values(), algo_id, client_algo_id)
        if algo is None:
            raise refuse.cancel_unknown()
        self._algos.end(algo, AlgoStatus.CANCELED)
        return algo

    def cancel_all_algo(self, account_id: str, symbol: str, now: Millis) -> list[AlgoOrder]:
        account = self._begin(account_id, now)
        self.listing(Market.USDM, symbol)
        algos = [algo for algo in account.open_algos.values() if algo.symbol == symbol]
        for algo in algos:
            self._algos.end(algo, AlgoStatus.CANCELED)
        return algos

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

    # --- spot order lists ---------------------------------------------------------------------------

    def place_oco(
        self,
        account_id: str,
        symbol: str,
        side: Side,
        quantity: Decimal,
        above: NewOrder,
        below: NewOrder,
        now: Millis,
        *,
        list_client_order_id: str | None = None,
    ) -> OrderList:
        """Place a one-cancels-the-other pair; symbol, side and quantity of the legs are overridden."""
        account = self._begin(account_id, now)
        order_list = self._lists.place(
            account, symbol, side, quantity, above, below, client_id=list_client_order_id
        )
        self._settle(Market.SPOT, symbol)
        return order_list

    def cancel_list(
        self,
        account_id: str,
        symbol: str,
        now: Millis,
        *,
        order_list_id: int | None = None,
        list_client_order_id: str | None = None,
    ) -> OrderList:
        account = self._begin(account_id, now)
        order_list = history.find_list(account, order_list_id, list_client_order_id)
        if order_list is None or not order_list.is_open or order_list.symbol != symbol:
            raise refuse.cancel_unknown()
        self._lists.cancel(order_list)
        self._settle(Market.SPOT, symbol)
        return order_list

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

    # --- futures settings and money -----------------------------------------------------------------

    def set_leverage(self, account_id: str, symbol: str, leverage: int, now: Millis) -> Decimal:
        """Set a symbol's leverage and return the largest notional it allows."""
        account = self._begin(account_id, now)
        return settings.set_leverage(
            self.floor, account, self.listing(Market.USDM, symbol), leverage
        )

    def set_margin_type(
        self, account_id: str, symbol: str, margin_type: MarginType, now: Millis
    ) -> None:
        account = self._begin(account_id, now)
        self.listing(Market.USDM, symbol)
        settings.set_margin_type(account, symbol, margin_type)

    def set_position_mode(self, account_id: str, hedge: bool, now: Millis) -> None:
        settings.set_position_mode(self._begin(account_id, now), hedge)

    def position_margin(
        self,
        account_id: str,
        symbol: str,
        amount: Decimal,
        add: bool,
        now: Millis,
        *,
        position_side: PositionSide = PositionSide.BOTH,
    ) -> None:
        """Move `amount` between the cross wallet and an isolated position."""
        account = self._begin(account_id, now)
        self.listing(Market.USDM, symbol)
        position = settings.move_margin(
            self.floor, account, symbol, position_side, amount if add else -amount
        )
        self._usdm.tell(account, "MARGIN_TRANSFER", position)

    def transfer(
        self, account_id: str, asset: str, amount: Decimal, direction: str, now: Millis
    ) -> int:
        """Move money between wallets (`MAIN_UMFUTURE`, `UMFUTURE_MAIN`); return the transfer's id."""
        account = self._begin(account_id, now)
        tran_id = settings.transfer(self.floor, account, asset, amount, direction)
        self._usdm.tell(account, "ASSET_TRANSFER")
        self._spot.tell(account, asset, reason="TRANSFER")
        return tran_id

    def countdown_cancel_all(
        self, account_id: str, symbol: str, countdown_ms: Millis, now: Millis
    ) -> None:
        """Cancel a symbol's orders when this long passes without another call; 0 calls it off."""
        account = self._begin(account_id, now)
        self.listing(Market.USDM, symbol)
        account.countdowns.pop(symbol, None)
        if countdown_ms:
            account.countdowns[symbol] = now + countdown_ms
            self.floor.wake(now + countdown_ms)

    # --- market reads -------------------------------------------------------------------------------

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
        listing = self.listing(market, symbol)
        self.floor.publish_book(listing)
        book = self.floor.book(listing)
        return book.update_id, book.depth(Side.BUY, limit), book.depth(Side.SELL, limit)

    def book_ticker(self, market: Market, symbol: str) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Return best bid, its quantity, best ask, its quantity; 0 at 0 where a side is empty."""
        _, bids, asks = self.depth(market, symbol, 1)
        return (*(bids[0] if bids else (ZERO, ZERO)), *(asks[0] if asks else (ZERO, ZERO)))

    def trades(self, market: Market, symbol: str, limit: int) -> list[Traded]:
        return list(self._tape(market, symbol).trades)[-limit:]

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
        return self._tape(market, symbol).klines(interval, start=start, end=end, limit=limit)

    def ticker24h(self, market: Market, symbol: str, now: Millis) -> Ticker:
        return self._tape(market, symbol).ticker(now)

    def funding_history(self, symbol: str) -> Sequence[FundingPayment]:
        return self.listing(Market.USDM, symbol).funding_history

    def load_history(self, market: Market, symbol: str, candles: Iterable[Candle]) -> None:
        """Put minutes before the feed's start, so that clients can warm up."""
        self._tape(market, symbol).load(candles)

    def watch_klines(self, market: Market, symbol: str, interval: str) -> Callable[[], None]:
        """Emit `KlineMoved` of this interval from now on; call the result to stop."""
        tape = self._tape(market, symbol)
        tape.watch(interval)
        return lambda: tape.unwatch(interval)

    def check_invariants(self) -> None:
        """Raise `InvariantBroken` unless money, books, orders and positions are consistent."""
        check(self.floor)

    # --- small change -------------------------------------------------------------------------------

    def _at(self, now: Millis) -> None:
        self.floor.now = max(self.floor.now, now)

    def _begin(self, account_id: str, now: Millis) -> Account:
        if self.floor.due < now:
            self._pricing.advance(now)
        self._at(now)
        self.floor.epoch += 1
        return self.floor.account(account_id)

    def _settle(self, market: Market, symbol: str) -> None:
        """Let triggers see what a request traded, and publish the book."""
        listing = self.listing(market, symbol)
        if not listing.synthetic:
            self._pricing.react(listing)
        self.floor.publish_book(listing)

    def _tape(self, market: Market, symbol: str) -> Tape:
        tape = self.listing(market, symbol).tape
        if tape is None:
            raise refuse.bad_symbol()
        return tape
