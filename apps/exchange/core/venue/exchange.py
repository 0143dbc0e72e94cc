"""The paper venue's door: everything its shell and the simulated exchange may ask of it.

A venue is a deterministic state machine: requests and market actions come in with the time, events pile
up in causal order until `drain`. Requests that Binance would refuse raise `VenueError`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

from apps.exchange.core.venue import history, settings
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import (
    SETTLEMENT_ASSET,
    Account,
    IncomeKind,
)
from apps.exchange.core.venue.actions import Action, Bar
from apps.exchange.core.venue.algos import AlgoDesk
from apps.exchange.core.venue.candles import Candle
from apps.exchange.core.venue.clearing import Clearing
from apps.exchange.core.venue.clearing_spot import SpotClearing
from apps.exchange.core.venue.clearing_usdm import UsdmClearing
from apps.exchange.core.venue.desk import OrderDesk
from apps.exchange.core.venue.floor import Floor
from apps.exchange.core.venue.instruments import FeeSchedule, VenueInstrument
from apps.exchange.core.venue.intake import Intake
from apps.exchange.core.venue.invariants import check
from apps.exchange.core.venue.ladder import LadderShape
from apps.exchange.core.venue.liquidation import RiskEngine
from apps.exchange.core.venue.lists import ListDesk
from apps.exchange.core.venue.outbound import (
    VenueEvent,
)
from apps.exchange.core.venue.pricing import Pricing
from apps.exchange.core.venue.reads import VenueReads
from apps.exchange.core.venue.retention import forget
from apps.exchange.core.venue.types import (
    AlgoOrder,
    AlgoStatus,
    MarginType,
    NewOrder,
    Order,
    OrderList,
    PositionSide,
    PriceMatch,
)
from chimera.clock import Millis
from chimera.instruments import Market, Side

Levels = list[tuple[Decimal, Decimal]]
Listings = Mapping[Market, Mapping[str, VenueInstrument]]


class Venue(VenueReads):
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
        clearing: dict[Market, Clearing] = {Market.USDM: self._usdm, Market.SPOT: self._spot}
        self._intake = Intake(self.floor, clearing)
        self._desk = OrderDesk(self.floor, self._intake, clearing)
        self._lists = ListDesk(self.floor, self._intake, self._desk, self._spot)
        self._algos = AlgoDesk(self.floor, self._desk)
        self._risk = RiskEngine(
            self.floor,
            intake=self._intake,
            desk=self._desk,
            algos=self._algos,
            clearing=self._usdm,
        )
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

    # --- the market ---------------------------------------------------------------------------------

    def apply(self, action: Action, now: Millis) -> None:
        """Let the market do something at `now`."""
        self._pricing.apply(action, now)

    def live_through(self, bar: Bar, now: Millis) -> Iterator[None]:
        """Let a whole bar happen that closes at `now`, and pause wherever it met somebody's orders.

        Whoever is told then, and asks for something, is served at `floor.now`: in the middle of the bar.
        """
        return self._pricing.live_through(bar, now)

    def advance(self, now: Millis) -> None:
        """Do what is due by `now`: funding, good-till-date, countdowns; candles roll on, accounts forget."""
        self._pricing.advance(now)
        for account in self.floor.accounts.values():
            forget(account, self.floor.now)
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
        listing = self.listing(market, request.symbol)
        self._intake.check(account, listing, self._intake.price(listing, request))

    def amend_order(
        self,
        account_id: str,
        symbol: str,
        now: Millis,
        *,
        side: Side,
        price: Decimal | None,
        quantity: Decimal,
        price_match: PriceMatch = PriceMatch.NONE,
        order_id: int | None = None,
        client_order_id: str | None = None,
    ) -> Order:
        """Change a resting futures limit order; it queues anew."""
        account = self._begin(account_id, now)
        self.listing(Market.USDM, symbol)
        order = history.find_order(
            account, Market.USDM, symbol, order_id, client_order_id, open_only=True
        )
        if order is None or order.side is not side:
            raise refuse.query_unknown()
        self._desk.amend(account, order, price=price, qty=quantity, price_match=price_match)
        self._settle(Market.USDM, symbol)
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
        change = amount if direction == "MAIN_UMFUTURE" else -amount
        self._usdm.tell(account, "ASSET_TRANSFER", change=change)
        self._spot.tell(account, asset, reason="TRANSFER", change=-change)
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

    def load_history(self, market: Market, symbol: str, candles: Iterable[Candle]) -> None:
        """Put minutes before the feed's start, so that clients can warm up."""
        self.tape(market, symbol).load(candles)

    def watch_klines(self, market: Market, symbol: str, interval: str) -> Callable[[], None]:
        """Emit `KlineMoved` of this interval from now on; call the result to stop."""
        tape = self.tape(market, symbol)
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
        account = self.floor.account(account_id)
        forget(account, self.floor.now)
        return account

    def _settle(self, market: Market, symbol: str) -> None:
        """Let triggers see what a request traded, and publish the book."""
        listing = self.listing(market, symbol)
        if not listing.synthetic:
            self._pricing.react(listing)
        self.floor.publish_book(listing)
