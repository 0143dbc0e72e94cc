"""Orders on the futures connector: what is sent, and which reports come back under our own id."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from apps.exchange.core.venue.actions import SetFunding
from apps.exchange.core.venue.types import MarginType, NewOrder, VenueOrderType
from apps.exchange.venue_shell.faults import Answer, CloseSockets, DropEvents
from chimera.events import (
    AccountReported,
    CancelRejected,
    FundingPaid,
    InstrumentListed,
    MarginSettingsChanged,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderStatus,
    OrderTriggered,
    StreamDisconnected,
    SymbolPrepared,
)
from chimera.events.orders import (
    LiquiditySide,
    OrderState,
    OrderType,
    Purpose,
    Refusal,
    TimeInForce,
)
from chimera.instruments import Market, Side
from tests.contract.exchange.conftest import PERP, Wired

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
STOP = {"order_type": OrderType.STOP_MARKET, "purpose": Purpose.STOP, "reduce_only": True}

REFUSALS = {"-2021": Refusal.WOULD_TRIGGER, "-2022": Refusal.NOTHING_HELD}


async def opened(usdm: Wired, qty: str = "0.010") -> None:
    order = await usdm.submit(PERP, BUY, qty)
    await usdm.heard.until(OrderFilled, client_order_id=order.client_order_id)


# --- plain orders -------------------------------------------------------------------------------------


async def test_market_order_is_accepted_and_filled_with_fee_and_realised_pnl(usdm: Wired) -> None:
    entry = await usdm.submit(PERP, BUY, "0.010")
    fill = await usdm.heard.until(OrderFilled, client_order_id=entry.client_order_id)
    assert usdm.heard.of(OrderAccepted, client_order_id=entry.client_order_id)
    assert (fill.side, fill.last_qty, fill.last_px, fill.filled_qty) == (
        BUY,
        D("0.010"),
        D("60000.0"),
        D("0.010"),
    )
    assert (fill.fee, fill.fee_asset) == (D("0.3"), "USDT")
    assert fill.liquidity_side is LiquiditySide.TAKER

    usdm.market.step("60500.0")
    out = await usdm.submit(PERP, SELL, "0.010", purpose=Purpose.EXIT, reduce_only=True)
    closed = await usdm.heard.until(OrderFilled, client_order_id=out.client_order_id)
    assert closed.realised_pnl == (closed.last_px - D(60_000)) * D("0.010")


async def test_resting_limit_order_is_filled_as_maker(usdm: Wired) -> None:
    order = await usdm.submit(PERP, BUY, "0.010", px="59900.0", time_in_force=TimeInForce.GTX)
    await usdm.heard.until(OrderAccepted, client_order_id=order.client_order_id)
    usdm.market.step("59800.0")
    fill = await usdm.heard.until(OrderFilled, client_order_id=order.client_order_id)
    assert (fill.liquidity_side, fill.last_px) == (LiquiditySide.MAKER, D("59900.0"))
    assert fill.fee == D("0.010") * D("59900.0") * D("0.0002")


async def test_post_only_order_that_would_take_is_rejected(usdm: Wired) -> None:
    await usdm.submit(PERP, BUY, "0.010", px="60100.0", time_in_force=TimeInForce.GTX)
    assert (await usdm.heard.until(OrderRejected)).code == "-5022"


async def test_ioc_remainder_expires_after_its_fill(usdm: Wired) -> None:
    best = usdm.market.host.venue.depth(Market.USDM, "BTCUSDT", 5)[2][0]
    qty = best[1] + D("1")
    order = await usdm.submit(
        PERP, BUY, f"{qty:f}", px=f"{best[0]:f}", time_in_force=TimeInForce.IOC
    )
    expired = await usdm.heard.until(OrderExpired, client_order_id=order.client_order_id)
    fills = usdm.heard.of(OrderFilled, client_order_id=order.client_order_id)
    assert sum(fill.last_qty for fill in fills) == expired.filled_qty == best[1]
    assert expired.reason == "2"


async def test_cancel_is_reported_once_and_the_second_is_refused(usdm: Wired) -> None:
    order = await usdm.submit(PERP, BUY, "0.010", px="59000.0")
    await usdm.cancel(order)
    # From the answer and from the stream: the same fact has the same id.
    canceled = await usdm.heard.until(OrderCanceled, at_least=2)
    assert {e.id for e in usdm.heard.of(OrderCanceled)} == {canceled.id}
    await usdm.cancel(order)
    assert (await usdm.heard.until(CancelRejected)).code == "-2011"


@pytest.mark.parametrize(
    ("qty", "more", "code"),
    [
        ("0.0100001", {}, "-1111"),
        ("100", {}, "-2019"),
        ("0.001", {"px": "59000.0"}, "-4164"),
        ("0.010", {"px": "59000.07"}, "-4014"),
        ("2000", {}, "-4005"),
        ("0.010", {"reduce_only": True}, "-2022"),
        ("0.010", {**STOP, "trigger_px": "60500.0", "reduce_only": False}, "-2021"),
    ],
)
async def test_refused_order_carries_the_venues_code(
    usdm: Wired, qty: str, more: dict[str, Any], code: str
) -> None:
    order = await usdm.submit(PERP, SELL, qty, **more)
    refused = await usdm.heard.until(OrderRejected, client_order_id=order.client_order_id)
    assert refused.code == code
    assert refused.refusal is REFUSALS.get(code, Refusal.OTHER)
    assert refused.message


async def test_query_tells_fills_before_the_status(usdm: Wired) -> None:
    order = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled)
    usdm.heard.clear()
    await usdm.query(order)
    fill, status = usdm.heard
    assert isinstance(fill, OrderFilled)
    assert isinstance(status, OrderStatus)
    assert (status.state, status.filled_qty) == (OrderState.FILLED, D("0.010"))
    assert fill.fee == D("0.3")


async def test_fill_has_one_id_whether_streamed_or_queried(usdm: Wired) -> None:
    order = await usdm.submit(PERP, BUY, "0.010")
    streamed = await usdm.heard.until(OrderFilled)
    await usdm.query(order)
    queried = await usdm.heard.until(OrderFilled, at_least=2)
    same = ("id", "trade_id", "last_qty", "last_px", "fee", "side", "liquidity_side")
    assert [getattr(streamed, f) for f in same] == [getattr(queried, f) for f in same]


@pytest.mark.parametrize("conditional", [False, True])
async def test_query_for_an_order_that_never_was_finds_nothing(
    usdm: Wired, conditional: bool
) -> None:
    ghost = await usdm.submit(PERP, SELL, "0.0100001", **_stop(conditional))
    await usdm.heard.until(OrderRejected)
    await usdm.query(ghost)
    assert usdm.heard.of(OrderNotFound, client_order_id=ghost.client_order_id)


# --- conditional orders -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "trigger", "px"),
    [
        (OrderType.STOP_MARKET, "59500.0", "59400.0"),
        (OrderType.TAKE_PROFIT_MARKET, "60500.0", "60600.0"),
    ],
)
async def test_triggered_order_fills_under_our_own_id(
    usdm: Wired, kind: OrderType, trigger: str, px: str
) -> None:
    await opened(usdm)
    order = await usdm.submit(
        PERP, SELL, "0.010", **{**STOP, "order_type": kind}, trigger_px=trigger
    )
    ours = order.client_order_id
    accepted = await usdm.heard.until(OrderAccepted, client_order_id=ours)
    usdm.market.step(px)
    triggered = await usdm.heard.until(OrderTriggered, client_order_id=ours)
    fill = await usdm.heard.until(OrderFilled, client_order_id=ours)
    assert triggered.venue_order_id == fill.venue_order_id != accepted.venue_order_id
    assert (fill.last_qty, fill.side) == (D("0.010"), SELL)
    finished = await usdm.heard.until(OrderExpired, client_order_id=ours)
    assert finished.filled_qty == D("0.010")

    usdm.heard.clear()
    await usdm.query(order)
    [again], [status] = usdm.heard.of(OrderFilled), usdm.heard.of(OrderStatus)
    assert again.id == fill.id  # its child is found through the parent
    assert status.state is OrderState.FILLED


async def test_child_under_a_foreign_id_is_reported_under_its_parents(usdm: Wired) -> None:
    await opened(usdm)
    stop = await usdm.submit(PERP, SELL, "0.010", **STOP, trigger_px="59500.0")
    stray = {
        "e": "ORDER_TRADE_UPDATE",
        "T": 1,
        "o": _child_fill(order_id=77, client_id="venue-made-up", trade_id=901),
    }
    usdm.connector._on_user(stray, usdm.heard)  # the child's fill overtakes its parent's trigger
    parent = {"e": "ALGO_UPDATE", "T": 1, "o": _triggered(stop.client_order_id, child_id=77)}
    usdm.connector._on_user(parent, usdm.heard)
    fill = await usdm.heard.until(OrderFilled, trade_id="901")
    assert fill.client_order_id == stop.client_order_id


async def test_order_by_hand_is_reported_under_its_own_id(usdm: Wired) -> None:
    def trade(host: Any) -> None:
        by_hand = NewOrder(
            symbol="BTCUSDT",
            side=BUY,
            type=VenueOrderType.MARKET,
            quantity=D("0.020"),
            client_order_id="web_123",
        )
        host.venue.place_order("demo", Market.USDM, by_hand, host.now())

    usdm.market.server.call(trade)
    fill = await usdm.heard.until(OrderFilled)
    assert (fill.client_order_id, fill.last_qty) == ("web_123", D("0.020"))


async def test_s1_conditional_order_is_queried_and_canceled_in_its_own_service(usdm: Wired) -> None:
    await opened(usdm)
    stop = await usdm.submit(PERP, SELL, "0.010", **STOP, trigger_px="59500.0")
    await usdm.query(stop)
    assert (await usdm.heard.until(OrderStatus)).state is OrderState.OPEN
    await usdm.cancel(stop)
    await usdm.heard.until(OrderCanceled, client_order_id=stop.client_order_id)
    await usdm.query(stop)
    assert (await usdm.heard.until(OrderStatus, at_least=2)).state is OrderState.CANCELED
    await usdm.cancel(stop)
    assert (await usdm.heard.until(CancelRejected)).code == "-2011"


async def test_s1_conditional_order_that_is_accepted_rests(
    usdm: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(usdm)
    stop = await usdm.submit(PERP, SELL, "0.010", **STOP, trigger_px="59500.0")
    endpoint = usdm.connector._client.fapiPrivateGetAlgoOrder

    async def accepted(params: dict[str, str]) -> dict[str, Any]:
        return {**await endpoint(params), "algoStatus": "ACCEPTED"}

    monkeypatch.setattr(usdm.connector._client, "fapiPrivateGetAlgoOrder", accepted)
    await usdm.query(stop)
    assert (await usdm.heard.until(OrderStatus)).state is OrderState.OPEN


# --- account ------------------------------------------------------------------------------------------


async def test_account_says_what_is_listed_of_what_is_held(usdm: Wired) -> None:
    """Whoever asks may be a router that began after the listing was told."""
    await usdm.prepare(PERP, 20)
    await opened(usdm)
    usdm.heard.clear()
    await usdm.query_account()
    await usdm.heard.until(AccountReported)
    assert [event.instrument.symbol for event in usdm.heard.of(InstrumentListed)] == [PERP]


async def test_s1_account_reports_wallet_positions_and_both_books(usdm: Wired) -> None:
    await usdm.prepare(PERP, 20)
    await opened(usdm)
    usdm.market.step("60100.0")
    limit = await usdm.submit(PERP, BUY, "0.010", px="59000.0")
    stop = await usdm.submit(PERP, SELL, "0.010", **STOP, trigger_px="59500.0")
    await usdm.query_account()
    account = await usdm.heard.until(AccountReported)
    assert account.wallet_usdt == D("9999.7")
    (held,) = account.positions
    assert (held.symbol, held.qty, held.entry_px) == (PERP, D("0.010"), D("60000"))
    assert held.unrealised_pnl == D("1")
    assert (held.leverage, held.isolated) == (20, True)
    plain, conditional = sorted(account.orders, key=lambda order: order.conditional)
    assert (plain.client_order_id, plain.trigger_px) == (limit.client_order_id, None)
    assert (conditional.client_order_id, conditional.trigger_px) == (
        stop.client_order_id,
        D("59500.0"),
    )


async def test_funding_is_reported_with_its_symbol_and_sign(usdm: Wired) -> None:
    await opened(usdm)

    def settle(host: Any) -> None:
        due = host.now()
        host.venue.apply(SetFunding(Market.USDM, "BTCUSDT", D("0.0001"), due), due)
        host.venue.advance(due + 1)

    usdm.market.server.call(settle)
    paid = await usdm.heard.until(FundingPaid)
    assert (paid.symbol, paid.asset) == (PERP, "USDT")
    assert paid.amount == -D("0.0001") * D("0.010") * D("60000")


async def test_prepared_symbol_has_what_was_asked_and_asks_only_once(usdm: Wired) -> None:
    await usdm.prepare(PERP, 15)
    done = await usdm.heard.until(SymbolPrepared)
    assert (done.leverage, done.isolated, done.one_way, done.problem) == (15, True, True, None)
    requests = usdm.market.host.counts.requests
    await usdm.prepare(PERP, 15)
    again = await usdm.heard.until(SymbolPrepared, at_least=2)
    assert again.problem is None
    assert usdm.market.host.counts.requests - requests <= 2  # read, and nothing to change


async def test_hedge_mode_is_switched_off_while_nothing_is_held(usdm: Wired) -> None:
    usdm.market.server.call(lambda host: host.venue.set_position_mode("demo", True, host.now()))
    await usdm.prepare(PERP, 20)
    assert (await usdm.heard.until(SymbolPrepared)).problem is None


async def test_settings_that_a_position_holds_in_place_are_named(usdm: Wired) -> None:
    def cross(host: Any) -> None:
        host.venue.set_margin_type("demo", "BTCUSDT", MarginType.CROSSED, host.now())

    await usdm.prepare(PERP, 20)
    usdm.market.server.call(cross)
    await opened(usdm)
    await usdm.query_account()  # which is how a change that nothing announced is noticed
    await usdm.prepare(PERP, 20)
    refused = await usdm.heard.until(SymbolPrepared, at_least=2)
    assert not refused.isolated
    assert refused.problem is not None
    assert "crossed" in refused.problem
    assert "position" in refused.problem


@pytest.mark.parametrize(
    ("endpoint", "setting", "named"),
    [
        ("fapiPrivateGetAccountConfig", {"multiAssetsMargin": "true"}, "single-asset mode"),
        ("fapiPrivateGetAccountConfig", {"multiAssetsMargin": True}, "single-asset mode"),
        ("fapiPrivateGetFeeBurn", {"feeBurn": True}, "fees are paid in BNB"),
    ],
)
async def test_l4_setting_that_only_people_can_change_is_refused_with_the_fix_named(
    usdm: Wired, monkeypatch: pytest.MonkeyPatch, endpoint: str, setting: Any, named: str
) -> None:
    client = usdm.connector._client
    ask = getattr(client, endpoint)

    async def changed(params: dict[str, str]) -> dict[str, Any]:
        return {**await ask(params), **setting}

    monkeypatch.setattr(client, endpoint, changed)
    await usdm.prepare(PERP, 20)
    refused = await usdm.heard.until(SymbolPrepared)
    assert refused.problem is not None
    assert named in refused.problem


async def test_l4_fee_burn_that_the_venue_does_not_tell_fails_the_preflight(usdm: Wired) -> None:
    usdm.misbehave(Answer("GET /fapi/v1/feeBurn", status=404, code=-5000, msg="no such path"))
    await usdm.prepare(PERP, 20)
    refused = await usdm.heard.until(SymbolPrepared)
    assert refused.problem is not None
    assert "no such path" in refused.problem


@pytest.mark.parametrize("fails", [False, True])
async def test_settings_of_many_symbols_are_read_at_the_weight_of_one(
    usdm: Wired, fails: bool
) -> None:
    await by_hand(usdm, 20)
    if fails:
        usdm.misbehave(Answer("GET /fapi/v1/feeBurn", times=100))
    requests = usdm.market.host.counts.requests
    await asyncio.gather(*(usdm.prepare(symbol, 20) for symbol in (PERP, "ETHUSDT-PERP") * 5))
    prepared = usdm.heard.of(SymbolPrepared)
    assert [told.problem is not None for told in prepared] == [fails] * 10
    assert usdm.market.host.counts.requests - requests == 3  # symbols, account, fees


async def test_setting_that_is_heard_to_change_is_read_again_at_once(usdm: Wired) -> None:
    await by_hand(usdm, 20)
    await usdm.prepare(PERP, 20)
    await by_hand(usdm, 7)
    await usdm.prepare(PERP, 20)
    assert leverage(usdm) == 20
    assert [told.problem for told in usdm.heard.of(SymbolPrepared)] == [None]


async def test_settings_are_read_again_once_the_user_stream_was_lost(usdm: Wired) -> None:
    await by_hand(usdm, 20)
    await usdm.prepare(PERP, 20)
    usdm.misbehave(DropEvents(event="ACCOUNT_CONFIG_UPDATE"))
    usdm.market.server.call(lambda host: host.venue.set_leverage("demo", "BTCUSDT", 7, host.now()))
    usdm.misbehave(CloseSockets(sockets="user"))
    lost = await usdm.heard.until(StreamDisconnected, connected=False)
    await usdm.heard.until(StreamDisconnected, stream=lost.stream, connected=True)
    await usdm.prepare(PERP, 20)
    assert leverage(usdm) == 20


async def test_leverage_changed_by_hand_is_told(usdm: Wired) -> None:
    usdm.market.server.call(lambda host: host.venue.set_leverage("demo", "BTCUSDT", 7, host.now()))
    await usdm.heard.until(MarginSettingsChanged, symbol=PERP)


async def by_hand(usdm: Wired, leverage: int) -> None:
    """Set both symbols to isolated margin and this leverage, and wait until we heard of it."""

    def change(host: Any) -> None:
        for symbol in ("BTCUSDT", "ETHUSDT"):
            if host.venue.positions("demo", symbol)[0].margin_type is not MarginType.ISOLATED:
                host.venue.set_margin_type("demo", symbol, MarginType.ISOLATED, host.now())
            host.venue.set_leverage("demo", symbol, leverage, host.now())

    usdm.heard.clear()
    usdm.market.server.call(change)
    await usdm.heard.until(MarginSettingsChanged, symbol="ETHUSDT-PERP")


def leverage(usdm: Wired) -> int:
    return usdm.market.server.call(lambda host: host.venue.positions("demo", "BTCUSDT")[0].leverage)


def _stop(conditional: bool) -> dict[str, Any]:
    return {**STOP, "trigger_px": "59500.0"} if conditional else {}


def _child_fill(*, order_id: int, client_id: str, trade_id: int) -> dict[str, Any]:
    return {
        "s": "BTCUSDT",
        "c": client_id,
        "S": "SELL",
        "o": "MARKET",
        "x": "TRADE",
        "X": "FILLED",
        "i": order_id,
        "l": "0.010",
        "z": "0.010",
        "L": "59499.0",
        "t": trade_id,
        "m": False,
        "rp": "-5",
        "n": "0.29",
        "N": "USDT",
    }


def _triggered(client_algo_id: str, *, child_id: int) -> dict[str, Any]:
    return {"caid": client_algo_id, "aid": 5, "s": "BTCUSDT", "X": "TRIGGERED", "ai": str(child_id)}
