"""The venue's words in Chimera's: venue events become events that cross services' borders.

Ids are pure functions of what happened (`fill:BTCUSDT-PERP:42`), so a repeated report is recognised.
Used by the simulated exchange.
"""

from collections.abc import Iterator
from decimal import Decimal

from apps.exchange.core.origin import origin_of
from apps.exchange.core.venue.outbound import (
    AccountChanged,
    AlgoUpdated,
    KlineMoved,
    LeverageChanged,
    MarkMoved,
    OrderUpdated,
    PositionView,
    QuoteMoved,
    Traded,
    VenueEvent,
)
from apps.exchange.core.venue.types import (
    AlgoOrder,
    AlgoStatus,
    Execution,
    Fill,
    MarginType,
    Order,
    VenueOrderStatus,
)
from chimera.clock import HOUR, Millis
from chimera.events.base import Event
from chimera.events.market import BarClosed, Level, MarkPriceChanged, QuoteChanged, TradePrinted
from chimera.events.orders import (
    LiquiditySide,
    MarginSettingsChanged,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderState,
    OrderTriggered,
)
from chimera.events.positions import (
    FundingPaid,
    HeldPosition,
    RestingOrder,
    WalletTransferred,
)
from chimera.ids import bar_id
from chimera.instruments import Market, Side, symbol_of
from chimera.money import ZERO

_STATE = {
    VenueOrderStatus.NEW: OrderState.OPEN,
    VenueOrderStatus.PENDING_NEW: OrderState.OPEN,
    VenueOrderStatus.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    VenueOrderStatus.FILLED: OrderState.FILLED,
    VenueOrderStatus.CANCELED: OrderState.CANCELED,
    VenueOrderStatus.EXPIRED: OrderState.EXPIRED,
    VenueOrderStatus.EXPIRED_IN_MATCH: OrderState.EXPIRED,
    VenueOrderStatus.REJECTED: OrderState.REJECTED,
}
_ALGO_STATE = {
    AlgoStatus.NEW: OrderState.OPEN,
    AlgoStatus.TRIGGERING: OrderState.OPEN,
    AlgoStatus.TRIGGERED: OrderState.OPEN,
    AlgoStatus.FINISHED: OrderState.FILLED,
    AlgoStatus.CANCELED: OrderState.CANCELED,
    AlgoStatus.EXPIRED: OrderState.EXPIRED,
    AlgoStatus.REJECTED: OrderState.REJECTED,
}


def events_of(event: VenueEvent, now: Millis, cause: str) -> Iterator[Event]:
    """Yield what services are told about one venue event; much of it concerns nobody."""
    match event:
        case OrderUpdated():
            yield from _order(event, now, cause)
        case AlgoUpdated():
            yield from _algo(event, now, cause)
        case AccountChanged():
            yield from _account(event, now, cause)
        case LeverageChanged():
            symbol = symbol_of(event.symbol, Market.USDM)
            yield MarginSettingsChanged(
                id=f"settings:{symbol}:{event.ts}",
                cause=cause,
                ts_event=event.ts,
                ts_init=now,
                symbol=symbol,
            )
        case MarkMoved():
            symbol = symbol_of(event.symbol, Market.USDM)
            yield MarkPriceChanged(
                id=f"mark:{symbol}:{event.ts}",
                ts_event=event.ts,
                ts_init=now,
                symbol=symbol,
                mark_px=float(event.mark),
                index_px=float(event.index),
                funding_rate=float(event.funding_rate),
                next_funding_time=event.next_funding_time,
            )
        case KlineMoved(closed=True):
            yield _bar(event, now)
        case QuoteMoved():
            bid = float(event.bid), float(event.bid_qty)
            ask = float(event.ask), float(event.ask_qty)
            yield quote(symbol_of(event.symbol, event.market), bid, ask, now)
        case Traded():
            symbol = symbol_of(event.symbol, event.market)
            yield TradePrinted(
                id=f"trade:{symbol}:{event.trade_id}",
                ts_event=event.ts,
                ts_init=now,
                symbol=symbol,
                trade_id=event.trade_id,
                px=float(event.price),
                qty=float(event.qty),
                aggressor=Side.SELL if event.buyer_is_maker else Side.BUY,
            )


def quote(symbol: str, bid: Level, ask: Level, now: Millis) -> QuoteChanged:
    """Return the best bid and ask as of now."""
    return QuoteChanged(
        id=f"quote:{symbol}:{now}:{bid[0]}:{bid[1]}:{ask[0]}:{ask[1]}",
        ts_event=now,
        ts_init=now,
        symbol=symbol,
        bid_px=bid[0],
        bid_qty=bid[1],
        ask_px=ask[0],
        ask_qty=ask[1],
    )


def filled(order: Order, fill: Fill, now: Millis, cause: str) -> OrderFilled:
    """Return the report of one fill; equal for equal fills, whenever it is asked for."""
    symbol = symbol_of(fill.symbol, fill.market)
    # The cumulative quantity as of this fill, not as of now.
    done = sum((f.qty for f in order.fills if f.trade_id <= fill.trade_id), ZERO)
    return OrderFilled(
        id=f"fill:{symbol}:{fill.trade_id}",
        cause=cause,
        ts_event=fill.ts,
        ts_init=now,
        symbol=symbol,
        client_order_id=order.client_order_id,
        venue_order_id=str(order.order_id),
        trade_id=str(fill.trade_id),
        side=fill.side,
        last_qty=fill.qty,
        last_px=fill.price,
        filled_qty=done,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        liquidity_side=LiquiditySide.MAKER if fill.is_maker else LiquiditySide.TAKER,
        realised_pnl=fill.realized_pnl,
        origin=origin_of(order.client_order_id),
    )


def state_of(order: Order) -> OrderState:
    return _STATE[order.status]


def algo_state_of(algo: AlgoOrder) -> OrderState:
    """Return the state of a conditional order: once it fired, its child's."""
    if algo.child is not None:
        return state_of(algo.child)
    return _ALGO_STATE[algo.status]


def held(view: PositionView) -> HeldPosition:
    return HeldPosition(
        symbol=symbol_of(view.symbol, Market.USDM),
        qty=view.qty,
        entry_px=view.entry_price,
        mark_px=view.mark_price,
        unrealised_pnl=view.unrealized_pnl,
        leverage=view.leverage,
        isolated=view.margin_type is MarginType.ISOLATED,
    )


def resting(order: Order) -> RestingOrder:
    return RestingOrder(
        symbol=symbol_of(order.symbol, order.market),
        client_order_id=order.client_order_id,
        venue_order_id=str(order.order_id),
        conditional=False,
        side=order.side,
        qty=order.quantity,
        filled_qty=order.executed,
        trigger_px=order.stop_price or None,
    )


def resting_algo(algo: AlgoOrder) -> RestingOrder:
    request = algo.request
    return RestingOrder(
        symbol=symbol_of(algo.symbol, Market.USDM),
        client_order_id=algo.client_algo_id,
        venue_order_id=str(algo.algo_id),
        conditional=True,
        side=request.side,
        qty=request.quantity or ZERO,
        filled_qty=ZERO,
        trigger_px=request.stop_price,
    )


def funding_paid(
    symbol: str, amount: Decimal, asset: str, ts: Millis, now: Millis, cause: str
) -> FundingPaid:
    """Return a funding payment, named by its hour: the stream and the ledger may differ by moments."""
    return FundingPaid(
        id=f"funding:{symbol}:{ts - ts % HOUR}",
        cause=cause,
        ts_event=ts,
        ts_init=now,
        symbol=symbol,
        amount=amount,
        asset=asset,
    )


def _order(event: OrderUpdated, now: Millis, cause: str) -> Iterator[Event]:
    order = event.order
    symbol = symbol_of(order.symbol, order.market)
    name = f"{symbol}:{order.order_id}"
    ts, client_id = event.ts, order.client_order_id
    match event.execution_type:
        case Execution.NEW if order.algo_id is not None:
            yield OrderTriggered(
                id=f"triggered:{name}",
                cause=cause,
                ts_event=ts,
                ts_init=now,
                symbol=symbol,
                client_order_id=client_id,
                venue_order_id=str(order.order_id),
            )
        case Execution.NEW:
            yield OrderAccepted(
                id=f"accepted:{name}",
                cause=cause,
                ts_event=ts,
                ts_init=now,
                symbol=symbol,
                client_order_id=client_id,
                venue_order_id=str(order.order_id),
            )
        case Execution.TRADE | Execution.CALCULATED if event.fill is not None:
            yield filled(order, event.fill, now, cause)
        case Execution.CANCELED:
            yield OrderCanceled(
                id=f"canceled:{name}",
                cause=cause,
                ts_event=ts,
                ts_init=now,
                symbol=symbol,
                client_order_id=client_id,
                filled_qty=order.executed,
            )
        case Execution.EXPIRED:
            yield OrderExpired(
                id=f"expired:{name}",
                cause=cause,
                ts_event=ts,
                ts_init=now,
                symbol=symbol,
                client_order_id=client_id,
                filled_qty=order.executed,
                reason=order.expiry_reason.value,
            )


def _algo(event: AlgoUpdated, now: Millis, cause: str) -> Iterator[Event]:
    algo = event.algo
    symbol = symbol_of(algo.symbol, Market.USDM)
    name, client_id = f"{symbol}:algo-{algo.algo_id}", algo.client_algo_id
    if algo.status is AlgoStatus.NEW:
        yield OrderAccepted(
            id=f"accepted:{name}",
            cause=cause,
            ts_event=event.ts,
            ts_init=now,
            symbol=symbol,
            client_order_id=client_id,
            venue_order_id=str(algo.algo_id),
        )
    elif algo.status is AlgoStatus.CANCELED:
        yield OrderCanceled(
            id=f"canceled:{name}",
            cause=cause,
            ts_event=event.ts,
            ts_init=now,
            symbol=symbol,
            client_order_id=client_id,
        )
    elif algo.status is AlgoStatus.EXPIRED:
        yield OrderExpired(
            id=f"expired:{name}",
            cause=cause,
            ts_event=event.ts,
            ts_init=now,
            symbol=symbol,
            client_order_id=client_id,
            reason=algo.reject_reason,
        )
    elif algo.status is AlgoStatus.REJECTED:
        yield OrderRejected(
            id=f"rejected:{name}",
            cause=cause,
            ts_event=event.ts,
            ts_init=now,
            symbol=symbol,
            client_order_id=client_id,
            code="rejected_at_trigger",
            message=algo.reject_reason,
        )


def _account(event: AccountChanged, now: Millis, cause: str) -> Iterator[Event]:
    if event.market is not Market.USDM:
        return
    for balance in event.balances:
        symbol = symbol_of(event.symbol, Market.USDM)
        if event.reason == "FUNDING_FEE":
            yield funding_paid(symbol, balance.change, balance.asset, event.ts, now, cause)
        if event.reason == "ASSET_TRANSFER":
            yield WalletTransferred(
                id=f"transfer:um:{balance.asset}:{event.ts}:{balance.change}",
                cause=cause,
                ts_event=event.ts,
                ts_init=now,
                asset=balance.asset,
                amount=balance.change,
            )


def _bar(event: KlineMoved, now: Millis) -> BarClosed:
    kline, symbol = event.kline, symbol_of(event.symbol, event.market)
    closed_at = kline.close_time + 1
    return BarClosed(
        id=bar_id(symbol, event.interval, closed_at),
        ts_event=closed_at,
        ts_init=now,
        symbol=symbol,
        interval=event.interval,
        open_time=kline.open_time,
        open=float(kline.open),
        high=float(kline.high),
        low=float(kline.low),
        close=float(kline.close),
        volume=float(kline.volume),
    )
