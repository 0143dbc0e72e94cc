"""The paper venue's door: everything its shell and the simulated exchange may ask of it.

A venue is a deterministic state machine: requests and market actions come in with the time, events pile
up in causal order until `drain`. Requests that Binance would refuse raise `VenueError`.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from apps.exchange.core.venue.accounts import Account, AccountView, IncomeRow
from apps.exchange.core.venue.actions import Action
from apps.exchange.core.venue.algos import AlgoDesk
from apps.exchange.core.venue.clearing_spot import SpotClearing
from apps.exchange.core.venue.clearing_usdm import UsdmClearing
from apps.exchange.core.venue.desk import OrderDesk
from apps.exchange.core.venue.floor import Floor, Listing
from apps.exchange.core.venue.instruments import FeeSchedule, VenueInstrument
from apps.exchange.core.venue.invariants import check
from apps.exchange.core.venue.ladder import LadderShape
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
from apps.exchange.core.venue.types import (
    AlgoOrder,
    Fill,
    MarginType,
    NewOrder,
    Order,
    OrderList,
)
from chimera.clock import Millis
from chimera.instruments import Market, Side

Levels = list[tuple[Decimal, Decimal]]
Listings = Mapping[Market, Mapping[str, VenueInstrument]]


class Venue:
    """A local exchange for USDT-M futures and spot.

    Parameters
    ----------
    instruments : what is listed, by market and the venue's own symbol
    fees : fractions of notional
    publish_market : keep candles and tape, and emit public events after every action. Off, only private
        events come out and a bar that touches no order costs next to nothing.
    ladder : shape of the synthetic depth under feeds that carry prices only
    interest_rate : the funding rate that applies where no recorded one is fed
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
        self._lists = ListDesk(self.floor, self._desk)
        self._algos = AlgoDesk(self.floor, self._desk)
        self._pricing = Pricing(
            self.floor, desk=self._desk, algos=self._algos, lists=self._lists, usdm=self._usdm
        )

    # --- accounts -----------------------------------------------------------------------------------

    def open_account(
        self, account_id: str, *, futures_usdt: Decimal, spot: Mapping[str, Decimal], now: Millis = 0
    ) -> Account:
        """Create an account and pay in its opening balances, as ledger rows of kind TRANSFER."""
        ...

    # --- the market ---------------------------------------------------------------------------------

    def apply(self, action: Action, now: Millis) -> None:
        """Let the market do something at `now`."""
        ...

    def advance(self, now: Millis) -> None:
        """Do what is due by `now`: funding, good-till-date, countdowns, candles that closed."""
        ...

    def drain(self) -> list[VenueEvent]:
        """Return everything that happened since the last drain, in causal order."""
        ...

    # --- plain orders -------------------------------------------------------------------------------

    def place_order(self, account_id: str, market: Market, request: NewOrder, now: Millis) -> Order: ...
    def test_order(self, account_id: str, market: Market, request: NewOrder, now: Millis) -> None: ...
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
    ) -> Order: ...
    def cancel_order(
        self,
        account_id: str,
        market: Market,
        symbol: str,
        now: Millis,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
    ) -> Order: ...
    def cancel_all(
        self, account_id: str, market: Market, symbol: str, now: Millis
    ) -> list[Order]: ...
    def get_order(
        self,
        account_id: str,
        market: Market,
        symbol: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
    ) -> Order: ...
    def open_orders(
        self, account_id: str, market: Market, symbol: str | None = None
    ) -> list[Order]: ...
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
    ) -> list[Order]: ...
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
    ) -> list[Fill]: ...

    # --- conditional futures orders -----------------------------------------------------------------

    def place_algo(self, account_id: str, request: NewOrder, now: Millis) -> AlgoOrder: ...
    def cancel_algo(
        self,
        account_id: str,
        now: Millis,
        *,
        algo_id: int | None = None,
        client_algo_id: str | None = None,
    ) -> AlgoOrder: ...
    def cancel_all_algo(self, account_id: str, symbol: str, now: Millis) -> list[AlgoOrder]: ...
    def get_algo(
        self, account_id: str, *, algo_id: int | None = None, client_algo_id: str | None = None
    ) -> AlgoOrder: ...
    def open_algos(self, account_id: str, symbol: str | None = None) -> list[AlgoOrder]: ...
    def all_algos(
        self,
        account_id: str,
        symbol: str,
        *,
        algo_id: int | None = None,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 500,
    ) -> list[AlgoOrder]: ...

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
    ) -> OrderList: ...
    def cancel_list(
        self,
        account_id: str,
        symbol: str,
        now: Millis,
        *,
        order_list_id: int | None = None,
        list_client_order_id: str | None = None,
    ) -> OrderList: ...
    def get_list(
        self,
        account_id: str,
        *,
        order_list_id: int | None = None,
        list_client_order_id: str | None = None,
    ) -> OrderList: ...
    def open_lists(self, account_id: str) -> list[OrderList]: ...
    def all_lists(self, account_id: str, *, limit: int = 500) -> list[OrderList]: ...

    # --- futures settings and money -----------------------------------------------------------------

    def set_leverage(self, account_id: str, symbol: str, leverage: int, now: Millis) -> Decimal:
        """Return the largest notional that the leverage allows."""
        ...

    def set_margin_type(
        self, account_id: str, symbol: str, margin_type: MarginType, now: Millis
    ) -> None: ...
    def set_position_mode(self, account_id: str, hedge: bool, now: Millis) -> None: ...
    def position_margin(
        self, account_id: str, symbol: str, amount: Decimal, add: bool, now: Millis
    ) -> None: ...
    def transfer(
        self, account_id: str, asset: str, amount: Decimal, direction: str, now: Millis
    ) -> int:
        """Move money between wallets (`MAIN_UMFUTURE`, `UMFUTURE_MAIN`); return the transfer's id."""
        ...

    def countdown_cancel_all(
        self, account_id: str, symbol: str, countdown_ms: Millis, now: Millis
    ) -> None: ...

    # --- account reads ------------------------------------------------------------------------------

    def account(self, account_id: str) -> Account: ...
    def account_view(self, account_id: str) -> AccountView: ...
    def positions(self, account_id: str, symbol: str | None = None) -> list[PositionView]:
        """Return a view for every symbol and side, flat ones included."""
        ...

    def income(
        self,
        account_id: str,
        *,
        symbol: str | None = None,
        kind: str | None = None,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 100,
    ) -> list[IncomeRow]: ...

    # --- market reads -------------------------------------------------------------------------------

    def listing(self, market: Market, symbol: str) -> Listing:
        """Return a symbol's live state (last, mark, index, funding) or raise -1121."""
        ...

    def depth(self, market: Market, symbol: str, limit: int) -> tuple[int, Levels, Levels]: ...
    def trades(self, market: Market, symbol: str, limit: int) -> list[Traded]: ...
    def klines(
        self,
        market: Market,
        symbol: str,
        interval: str,
        *,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 500,
    ) -> list[Kline]: ...
    def ticker24h(self, market: Market, symbol: str, now: Millis) -> Ticker: ...
    def funding_history(self, symbol: str) -> Sequence[FundingPayment]: ...
    def load_history(self, market: Market, symbol: str, bars: Sequence[object]) -> None:
        """Put candles before the feed's start, so that clients can warm up."""
        ...

    def watch_klines(self, market: Market, symbol: str, interval: str) -> Callable[[], None]:
        """Emit `KlineMoved` of this interval from now on; call the result to stop."""
        ...

    def check_invariants(self) -> None:
        """Raise `InvariantBroken` unless money, books, orders and positions are consistent."""
        check(self.floor)
