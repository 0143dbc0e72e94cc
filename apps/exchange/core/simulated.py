"""The exchange inside a simulation: the paper venue's core behind the commands that services send.

The simulated runtime hands it commands and market actions; what the venue does comes back as effects.
It is a service like any other, so a backtest trades against the same venue as the demo does.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import ClassVar

from apps.exchange.core import translate
from apps.exchange.core.refusal import refusal_of
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import IncomeKind
from apps.exchange.core.venue.actions import Action, Bar
from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.types import (
    MarginType,
    NewOrder,
    Order,
    TimeInForce,
    VenueError,
    VenueOrderType,
)
from chimera.clock import Millis
from chimera.events import COMMANDS
from chimera.events.base import Event
from chimera.events.market import BarClosed, DepthChanged
from chimera.events.orders import (
    CancelOrder,
    CancelRejected,
    OrderNotFound,
    OrderRejected,
    OrderStatus,
    OrderType,
    PrepareSymbol,
    QueryAccount,
    QueryOrder,
    SubmitOrder,
    SymbolPrepared,
)
from chimera.events.positions import AccountReported
from chimera.ids import bar_id
from chimera.instruments import Market, market_of, symbol_of, venue_symbol
from chimera.runtime.contract import Effect, Publish

_DUPLICATE_IDS = frozenset({str(refuse.client_id_taken()), str(refuse.spot_duplicate())})
_SETTING_UNCHANGED = frozenset({-4046, -4059})
_SPOT_CONDITIONAL = {
    OrderType.STOP_MARKET: VenueOrderType.STOP_LOSS,
    OrderType.TAKE_PROFIT_MARKET: VenueOrderType.TAKE_PROFIT,
}


class SimulatedExchange:
    """Carries out commands of one account on a venue in the same process.

    Parameters
    ----------
    venue : with `account_id` opened
    depth_levels : publish this many levels of the book after every market action; 0 for none
    """

    name: ClassVar[str] = "exchange"
    consumes: ClassVar[tuple[type[Event], ...]] = COMMANDS

    def __init__(self, venue: Venue, account_id: str, *, depth_levels: int = 0) -> None:
        self.venue = venue
        self.account_id = account_id
        self._depth_levels = depth_levels
        self._inside_bar = False
        self._symbols = {
            (market, symbol): symbol_of(symbol, market) for market, symbol in venue.floor.listings
        }

    # --- the market ---------------------------------------------------------------------------------

    def market(self, action: Action, now: Millis) -> Iterator[list[Effect]]:
        """Let the market do something, and yield what follows, stage by stage.

        The market goes on when a stage has been dealt with. A bar pauses wherever it met an order of
        ours, so that a stop is there before the price goes on: the pessimistic path, not the lucky one.
        A whole bar is published as `BarClosed`, with the mark price it leaves behind, at its end.
        """
        venue, floor = self.venue, self.venue.floor
        bar = action if type(action) is Bar and not floor.publish_market else None
        if bar is not None:
            for _ in venue.live_through(bar, now):
                self._inside_bar = True
                yield self._drain(now, cause="")
            self._inside_bar = False
        else:
            venue.apply(action, now)
            if floor.publish_market:
                venue.advance(now)
        published = self._drain(now, cause="") if floor.outbox else []
        if self._depth_levels:
            published += [Publish(event) for event in self._depth(action, now)]
        if bar is not None:
            published.append(Publish(self._bar(bar, now)))
        yield published

    def advance(self, now: Millis) -> list[Effect]:
        """Let time pass without a market action: funding, expiries."""
        self.venue.advance(now)
        return self._drain(now, cause="")

    # --- commands -----------------------------------------------------------------------------------

    def handle(self, event: Event, now: Millis) -> Iterable[Effect]:
        """Carry out a command and return its answer, after what it set off."""
        at = self.venue.floor.now if self._inside_bar else now
        match event:
            case SubmitOrder():
                answers = self._submit(event, at)
            case CancelOrder():
                answers = self._cancel(event, at)
            case QueryOrder():
                answers = self._query(event, at)
            case QueryAccount():
                answers = self._report_account(event, at)
            case PrepareSymbol():
                answers = self._prepare(event, at)
            case _:
                answers = ()
        # Answers are computed before the venue is drained, but told after what caused them.
        told = [Publish(answer) for answer in answers]
        return [*self._drain(now, cause=event.id), *told]

    def _submit(self, command: SubmitOrder, now: Millis) -> Iterable[Event]:
        try:
            request = _request(command)
            if command.trigger_px is not None and market_of(command.symbol) is Market.USDM:
                self.venue.place_algo(self.account_id, request, now)
            else:
                self.venue.place_order(self.account_id, market_of(command.symbol), request, now)
        except VenueError as refused:
            if str(refused) in _DUPLICATE_IDS:
                return self._describe(command, command.trigger_px is not None, now)
            return [
                OrderRejected(
                    id=f"rejected:{command.id}",
                    cause=command.id,
                    ts_event=now,
                    ts_init=now,
                    symbol=command.symbol,
                    client_order_id=command.client_order_id,
                    code=str(refused.code),
                    message=refused.message,
                    refusal=refusal_of(str(refused.code)),
                )
            ]
        return ()

    def _cancel(self, command: CancelOrder, now: Millis) -> Iterable[Event]:
        market, symbol = market_of(command.symbol), venue_symbol(command.symbol)
        client_id = command.client_order_id
        try:
            if command.conditional and market is Market.USDM:
                self.venue.cancel_algo(self.account_id, now, client_algo_id=client_id)
            else:
                self.venue.cancel_order(
                    self.account_id, market, symbol, now, client_order_id=client_id
                )
        except VenueError as refused:
            return [
                CancelRejected(
                    id=f"cancel_rejected:{command.id}",
                    cause=command.id,
                    ts_event=now,
                    ts_init=now,
                    symbol=command.symbol,
                    client_order_id=client_id,
                    code=str(refused.code),
                    message=refused.message,
                )
            ]
        return ()

    def _query(self, command: QueryOrder, now: Millis) -> Iterable[Event]:
        try:
            return self._describe(command, command.conditional, now)
        except VenueError:
            return [
                OrderNotFound(
                    id=f"not_found:{command.id}",
                    cause=command.id,
                    ts_event=now,
                    ts_init=now,
                    symbol=command.symbol,
                    client_order_id=command.client_order_id,
                )
            ]

    def _describe(
        self, command: QueryOrder | SubmitOrder, conditional: bool, now: Millis
    ) -> list[Event]:
        """Return an order's fills so far, then its status."""
        market, symbol = market_of(command.symbol), venue_symbol(command.symbol)
        client_id = command.client_order_id
        order: Order | None
        if conditional and market is Market.USDM:
            algo = self.venue.get_algo(self.account_id, client_algo_id=client_id)
            order, state, venue_id = algo.child, translate.algo_state_of(algo), str(algo.algo_id)
        else:
            order = self.venue.get_order(self.account_id, market, symbol, client_order_id=client_id)
            state, venue_id = translate.state_of(order), str(order.order_id)
        fills = order.fills if order is not None else []
        told: list[Event] = [
            translate.filled(order, fill, now, command.id) for fill in fills if order is not None
        ]
        return [
            *told,
            OrderStatus(
                id=f"status:{command.id}",
                cause=command.id,
                ts_event=now,
                ts_init=now,
                symbol=command.symbol,
                client_order_id=client_id,
                venue_order_id=venue_id,
                state=state,
                filled_qty=order.executed if order is not None else Decimal(0),
            ),
        ]

    def _report_account(self, command: QueryAccount, now: Millis) -> Iterable[Event]:
        account = self.venue.account(self.account_id)
        for row in self.venue.income(self.account_id, kind=IncomeKind.FUNDING_FEE):
            symbol = self._symbols[Market.USDM, row.symbol]
            yield translate.funding_paid(symbol, row.amount, row.asset, row.ts, now, command.id)
        plain = [
            order for market in Market for order in self.venue.open_orders(self.account_id, market)
        ]
        yield AccountReported(
            id=f"account:{command.id}",
            cause=command.id,
            ts_event=now,
            ts_init=now,
            wallet_usdt=account.wallet_balance,
            positions=tuple(
                translate.held(view)
                for view in self.venue.account_view(self.account_id).positions
                if view.qty
            ),
            orders=(
                *(translate.resting(order) for order in plain),
                *(translate.resting_algo(algo) for algo in self.venue.open_algos(self.account_id)),
            ),
        )

    def _prepare(self, command: PrepareSymbol, now: Millis) -> Iterable[Event]:
        symbol, account = venue_symbol(command.symbol), self.account_id
        books = self.venue.account(account)
        settings = books.settings[symbol]
        changes: list[Callable[[], object]] = [
            lambda: self.venue.set_position_mode(account, False, now),
            lambda: self.venue.set_margin_type(account, symbol, MarginType.ISOLATED, now),
        ]
        if settings.leverage != command.leverage:  # each setting is announced, changed or not
            changes.append(lambda: self.venue.set_leverage(account, symbol, command.leverage, now))
        problems = [told for change in changes if (told := _problem(change)) is not None]
        yield SymbolPrepared(
            id=f"prepared:{command.id}",
            cause=command.id,
            ts_event=now,
            ts_init=now,
            symbol=command.symbol,
            leverage=settings.leverage,
            isolated=settings.margin_type is MarginType.ISOLATED,
            one_way=not books.hedge,
            problem="; ".join(problems) or None,
            instrument=self.venue.listing(market_of(command.symbol), symbol).instrument.filters,
        )

    # --- telling ------------------------------------------------------------------------------------

    def _drain(self, now: Millis, *, cause: str) -> list[Effect]:
        return [
            Publish(told)
            for event in self.venue.drain()
            if getattr(event, "account_id", self.account_id) == self.account_id
            for told in translate.events_of(event, now, cause)
        ]

    def _depth(self, action: Action, now: Millis) -> Iterator[Event]:
        listing = self.venue.listing(action.market, action.symbol)
        symbol = self._symbols[action.market, action.symbol]
        bids, asks = (
            tuple((float(price), float(qty)) for price, qty in levels)
            for levels in self.venue.floor.touch(listing, self._depth_levels)
        )
        if bids and asks:
            yield DepthChanged(
                id=f"depth:{symbol}:{now}",
                ts_event=now,
                ts_init=now,
                symbol=symbol,
                bids=bids,
                asks=asks,
            )

    def _bar(self, bar: Bar, now: Millis) -> BarClosed:
        symbol = self._symbols[bar.market, bar.symbol]
        return BarClosed(
            id=bar_id(symbol, bar.interval, bar.close_time),
            ts_event=bar.close_time,
            ts_init=now,
            symbol=symbol,
            interval=bar.interval,
            open_time=bar.open_time,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            mark_px=self.venue.floor.listings[bar.market, bar.symbol].mark_told,
        )


def _request(command: SubmitOrder) -> NewOrder:
    spot = market_of(command.symbol) is Market.SPOT
    limit = command.order_type is OrderType.LIMIT
    tif = TimeInForce(command.time_in_force.value) if limit else None
    kind = VenueOrderType(command.order_type.value)
    if spot:
        kind = _SPOT_CONDITIONAL.get(command.order_type, kind)
        if tif is TimeInForce.GTX:
            kind, tif = VenueOrderType.LIMIT_MAKER, None
    return NewOrder(
        symbol=venue_symbol(command.symbol),
        side=command.side,
        type=kind,
        quantity=command.qty,
        price=command.px,
        stop_price=command.trigger_px,
        time_in_force=tif,
        client_order_id=command.client_order_id,
        reduce_only=command.reduce_only and not spot,
    )


def _problem(change: Callable[[], object]) -> str | None:
    """Make a change and return why the venue refused it; unchanged is as good as changed."""
    try:
        change()
    except VenueError as refused:
        return None if refused.code in _SETTING_UNCHANGED else str(refused)
    return None
