"""The spot connector, and both markets behind one port."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from apps.exchange.adapters.markets import Connectors
from apps.exchange.adapters.spot import SpotConnector
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.venue_shell.faults import ApplyThenFail, CloseSockets, DropEvents, ShiftClock
from apps.exchange.worker import connect
from chimera.clock import MINUTE
from chimera.errors import ConfigInvalid
from chimera.events import (
    AccountReported,
    BarClosed,
    CancelRejected,
    DepthChanged,
    HistoryLoaded,
    InstrumentListed,
    MarkPriceChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderStatus,
    OrderTriggered,
    QueryFailed,
    QuoteChanged,
    StreamDisconnected,
    SubmitUnknown,
    SymbolPrepared,
    TradePrinted,
)
from chimera.events.orders import LiquiditySide, OrderState, OrderType, Purpose, TimeInForce
from chimera.instruments import Market, Side
from tests.contract.exchange.conftest import COIN, PERP, Wired, running
from tests.contract.venue.conftest import PaperMarket

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
USER = "exchange:spot:user"


# --- market -------------------------------------------------------------------------------------------


async def test_spot_market_is_brought_under_spot_names(spot: Wired) -> None:
    listed = await spot.heard.until(InstrumentListed)
    assert listed.instrument == list_symbols(Market.SPOT, ["BTCUSDT"])["BTCUSDT"].filters
    history = await spot.heard.until(HistoryLoaded)
    assert len(history.bars) == 50
    spot.market.step("61000.00", market=Market.SPOT)
    quote = await spot.heard.until(QuoteChanged)
    depth = await spot.heard.until(DepthChanged, at_least=2)
    assert {listed.instrument.symbol, history.symbol, quote.symbol, depth.symbol} == {COIN}
    assert depth.bids[0] == (quote.bid_px, quote.bid_qty)


async def test_spot_bars_come_once_each_and_without_a_gap(fast_market: PaperMarket) -> None:
    async with running(fast_market, SpotConnector) as wired:
        await wired.heard.until(BarClosed, at_least=3)
        wired.misbehave(CloseSockets(sockets="market"))
        await wired.heard.until(BarClosed, at_least=10)
        bars = wired.heard.of(BarClosed)
        end = wired.heard.of(HistoryLoaded)[0].bars[-1].ts_event
        assert [bar.open_time for bar in bars] == [end + n * MINUTE for n in range(len(bars))]


# --- orders -------------------------------------------------------------------------------------------


async def test_spot_trades_are_brought(spot: Wired) -> None:
    order = await spot.submit(COIN, BUY, "0.010")
    fill = await spot.heard.until(OrderFilled, client_order_id=order.client_order_id)
    trade = await spot.heard.until(TradePrinted, qty=0.01)
    assert (trade.symbol, trade.px, trade.aggressor) == (COIN, float(fill.last_px), BUY)


async def test_spot_fill_costs_a_fee_in_what_was_received(spot: Wired) -> None:
    order = await spot.submit(COIN, BUY, "0.010")
    bought = await spot.heard.until(OrderFilled, client_order_id=order.client_order_id)
    assert (bought.fee, bought.fee_asset) == (D("0.00001"), "BTC")
    assert bought.realised_pnl is None

    out = await spot.submit(COIN, SELL, "0.010", purpose=Purpose.EXIT)
    sold = await spot.heard.until(OrderFilled, client_order_id=out.client_order_id)
    assert sold.fee_asset == "USDT"


async def test_spot_query_finds_fills_with_the_ids_of_the_stream(spot: Wired) -> None:
    order = await spot.submit(COIN, BUY, "0.010")
    streamed = await spot.heard.until(OrderFilled)
    await spot.query(order)
    queried = await spot.heard.until(OrderFilled, at_least=2)
    same = ("id", "trade_id", "last_qty", "last_px", "fee", "fee_asset", "side", "liquidity_side")
    assert [getattr(streamed, f) for f in same] == [getattr(queried, f) for f in same]
    assert (await spot.heard.until(OrderStatus)).state is OrderState.FILLED


async def test_spot_post_only_order_rests_or_is_rejected(spot: Wired) -> None:
    taker = {"time_in_force": TimeInForce.GTX}
    await spot.submit(COIN, BUY, "0.010", px="60100.00", **taker)
    refused = await spot.heard.until(OrderRejected)
    assert (refused.code, refused.message) == ("-2010", "Order would immediately match and take.")
    order = await spot.submit(COIN, BUY, "0.010", px="59900.00", **taker)
    spot.market.step("59800.00", market=Market.SPOT)
    fill = await spot.heard.until(OrderFilled, client_order_id=order.client_order_id)
    assert fill.liquidity_side is LiquiditySide.MAKER


async def test_spot_cancel_names_the_order_and_not_the_cancel(spot: Wired) -> None:
    order = await spot.submit(COIN, BUY, "0.010", px="59000.00")
    await spot.cancel(order)
    await spot.heard.until(OrderCanceled, at_least=2, client_order_id=order.client_order_id)
    assert len(spot.heard.of(OrderCanceled)) == 2
    await spot.cancel(order)
    assert (await spot.heard.until(CancelRejected)).code == "-2011"


@pytest.mark.parametrize(
    ("kind", "trigger", "px", "limit"),
    [
        (OrderType.STOP_MARKET, "59500.00", "59400.00", None),
        (OrderType.STOP_MARKET, "59500.00", "59400.00", "59000.00"),
        (OrderType.TAKE_PROFIT_MARKET, "60500.00", "60600.00", None),
    ],
)
async def test_spot_stop_triggers_and_fills_under_our_own_id(
    spot: Wired, kind: OrderType, trigger: str, px: str, limit: str | None
) -> None:
    more = {"order_type": kind, "trigger_px": trigger, "purpose": Purpose.STOP}
    order = await spot.submit(COIN, SELL, "0.010", **more, **({"px": limit} if limit else {}))
    ours = order.client_order_id
    await spot.heard.until(OrderAccepted, client_order_id=ours)
    await spot.query(order)
    assert (await spot.heard.until(OrderStatus)).state is OrderState.OPEN
    spot.market.step(px, market=Market.SPOT)
    await spot.heard.until(OrderTriggered, client_order_id=ours)
    fill = await spot.heard.until(OrderFilled, client_order_id=ours)
    assert (fill.last_qty, fill.side) == (D("0.010"), SELL)


@pytest.mark.parametrize(
    ("qty", "px", "code"),
    [
        ("0.0100001", None, "-1013"),
        ("50", None, "-2010"),
        ("0.010", "59000.005", "-1013"),
        ("0.00001", None, "-1013"),
    ],
)
async def test_spot_refusal_carries_the_venues_code(
    spot: Wired, qty: str, px: str | None, code: str
) -> None:
    await spot.submit(COIN, SELL, qty, **({"px": px} if px else {}))
    assert (await spot.heard.until(OrderRejected)).code == code


async def test_spot_duplicate_id_means_that_the_first_may_live(spot: Wired) -> None:  # U9
    first = await spot.submit(COIN, BUY, "0.010", px="59000.00")
    await spot.submit(COIN, BUY, "0.010", px="59000.00", client_order_id=first.client_order_id)
    await spot.heard.until(SubmitUnknown, client_order_id=first.client_order_id)


async def test_spot_submit_without_answer_is_found_by_its_id(spot: Wired) -> None:  # U1
    spot.misbehave(DropEvents(n=20), ApplyThenFail("POST /api/v3/order"))
    order = await spot.submit(COIN, BUY, "0.010")
    await spot.heard.until(SubmitUnknown)
    await spot.query(order)
    assert (await spot.heard.until(OrderStatus)).state is OrderState.FILLED
    assert spot.heard.of(OrderFilled)


async def test_spot_order_that_never_was_is_not_found(spot: Wired) -> None:
    ghost = await spot.submit(COIN, SELL, "50")
    await spot.query(ghost)
    assert spot.heard.of(OrderNotFound)


async def test_spot_account_reports_resting_orders_and_no_money(spot: Wired) -> None:
    limit = await spot.submit(COIN, BUY, "0.010", px="59000.00")
    stop = await spot.submit(
        COIN, SELL, "0.010", order_type=OrderType.STOP_MARKET, trigger_px="59500.00"
    )
    await spot.query_account()
    account = await spot.heard.until(AccountReported)
    assert (account.wallet_usdt, account.positions) == (D(0), ())
    triggers = {order.client_order_id: order.trigger_px for order in account.orders}
    assert triggers == {limit.client_order_id: None, stop.client_order_id: D("59500")}


async def test_spot_symbol_needs_no_margin(spot: Wired) -> None:
    await spot.prepare(COIN, 20)
    done = await spot.heard.until(SymbolPrepared)
    assert (done.leverage, done.problem) == (1, None)
    assert done.instrument == spot.heard.of(InstrumentListed)[0].instrument


async def test_spot_user_stream_comes_back_whatever_the_clock(spot: Wired) -> None:
    spot.heard.clear()
    spot.misbehave(ShiftClock(ms=-30_000), CloseSockets(sockets="api"))
    await spot.heard.until(StreamDisconnected, stream=USER, connected=False)
    await spot.heard.until(StreamDisconnected, stream=USER, connected=True)
    await spot.submit(COIN, BUY, "0.010")
    await spot.heard.until(OrderFilled)


async def test_spot_user_stream_that_the_venue_terminates_is_opened_again(spot: Wired) -> None:
    spot.heard.clear()
    spot.connector._user._hear({"event": {"e": "eventStreamTerminated", "E": 1}})
    await spot.heard.until(StreamDisconnected, stream=USER, connected=False)
    await spot.heard.until(StreamDisconnected, stream=USER, connected=True)


# --- both markets -------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def both(market: PaperMarket) -> AsyncIterator[Wired]:
    connectors = _connect(market, [PERP, COIN])
    wired = Wired(connectors, market, market.host.clock)
    task = asyncio.create_task(connectors.run(wired.heard))
    await wired.heard.until(StreamDisconnected, account=True, connected=True, at_least=2)
    yield wired
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await connectors.close()


async def test_each_command_goes_to_the_market_of_its_symbol(both: Wired) -> None:
    await both.submit(PERP, BUY, "0.010")
    await both.submit(COIN, BUY, "0.020")
    assert (await both.heard.until(OrderFilled, symbol=PERP)).last_qty == D("0.010")
    assert (await both.heard.until(OrderFilled, symbol=COIN)).last_qty == D("0.020")
    await both.heard.until(MarkPriceChanged, symbol=PERP)


async def test_account_of_both_markets_is_one_report(both: Wired) -> None:
    await both.submit(PERP, BUY, "0.010")
    await both.submit(COIN, BUY, "0.010", px="59000.00")
    await both.heard.until(OrderFilled)
    await both.query_account()
    (account,) = both.heard.of(AccountReported)
    assert account.wallet_usdt == D("9999.7"), "what lies on spot is not the books' business"
    assert [held.symbol for held in account.positions] == [PERP]
    assert [order.symbol for order in account.orders] == [COIN]


async def test_command_for_a_market_not_connected_is_answered(market: PaperMarket) -> None:
    connectors = _connect(market, [PERP])
    wired = Wired(connectors, market, market.host.clock)
    order = await wired.submit(COIN, BUY, "0.010")
    await wired.query(order)
    await wired.cancel(order)
    await wired.prepare(COIN, 20)
    await connectors.close()
    kinds = [type(event) for event in wired.heard]
    assert kinds == [OrderRejected, QueryFailed, CancelRejected, SymbolPrepared]
    assert wired.heard[-1].problem  # type: ignore[attr-defined]


async def test_connecting_without_a_key_or_a_symbol_is_refused(market: PaperMarket) -> None:
    with pytest.raises(ConfigInvalid, match="SECRET"):
        _connect(market, [PERP], secret="")
    with pytest.raises(ConfigInvalid, match="no symbol"):
        _connect(market, [])


def _connect(market: PaperMarket, symbols: list[str], **more: Any) -> Connectors:
    credential = market.server.credential
    options = {"key": credential.key, "secret": credential.secret, **more}
    return connect(
        url=market.server.rest_url,
        symbols=symbols,
        interval="1m",
        clock=market.host.clock,
        **options,
    )
