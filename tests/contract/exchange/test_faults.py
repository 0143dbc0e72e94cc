"""What the connector makes of a venue that misbehaves. Ids such as U1 name the situations of docs."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from apps.exchange.adapters.spot import SpotConnector
from apps.exchange.adapters.usdm import UsdmConnector
from apps.exchange.core.venue.feeds.merge import Lookahead
from apps.exchange.venue_shell.driver import Driver
from apps.exchange.venue_shell.faults import (
    Answer,
    ApplyThenFail,
    BanIp,
    CloseSockets,
    DelayEvents,
    DropEvents,
    DuplicateEvents,
    ExpireListenKey,
    Hang,
    RequestFault,
    Reset,
    ShiftClock,
)
from apps.exchange.venue_shell.host import FeedPosition
from apps.exchange.venue_shell.server import VenueServer
from chimera.events import (
    AccountReported,
    CancelRejected,
    InstrumentListed,
    MarkPriceChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderStatus,
    OrderUnclear,
    QueryFailed,
    QuoteChanged,
    StreamDisconnected,
    SubmitUnknown,
    TradingHalted,
    TradingResumed,
)
from chimera.events.health import AlertRaised, ServiceState
from chimera.events.orders import OrderState, OrderType, Purpose
from chimera.instruments import Side
from tests.contract.exchange.conftest import COIN, PERP, REQUEST_TIMEOUT_MS, Heard, Wired, running
from tests.contract.exchange.relay import Relay
from tests.contract.venue.conftest import PaperMarket, make_server, wait_until

BUY, SELL = Side.BUY, Side.SELL
ORDER = "POST /fapi/v1/order"
LONGER_MS = REQUEST_TIMEOUT_MS + 400
USER = "exchange:um:user"
SPOT_USER = "exchange:spot:user"


# --- unknown status -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        ApplyThenFail(ORDER),
        ApplyThenFail(ORDER, status=408, code=-1007),
        ApplyThenFail(ORDER, status=503, code=-1000, msg="Unknown error"),
        ApplyThenFail(ORDER, status=400, code=-1006, msg="UNEXPECTED_RESP"),
        Hang(ORDER, ms=LONGER_MS, applied=True),
        Reset(ORDER, applied=True),
    ],
    ids=lambda fault: type(fault).__name__ + str(getattr(fault, "code", "")),
)
async def test_submit_without_answer_is_unknown_and_then_found_by_its_id(
    usdm: Wired, fault: RequestFault
) -> None:  # U1
    usdm.misbehave(DropEvents(n=20), fault)
    order = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(SubmitUnknown, client_order_id=order.client_order_id)
    assert not usdm.heard.of(OrderRejected)
    await usdm.query(order)
    status = await usdm.heard.until(OrderStatus)
    assert status.state is OrderState.FILLED
    assert usdm.heard.of(OrderFilled, client_order_id=order.client_order_id)
    assert usdm.market.host.counts.fills == 1  # sent once


@pytest.mark.parametrize(
    "fault",
    [
        Reset(ORDER),
        Answer(ORDER, status=503, code=-1007),
        Answer(ORDER, status=503, code=-1008),
        Answer(ORDER, status=500, code=-9999, msg="Something new."),
    ],
    ids=["reset", "-1007", "-1008", "5xx with a code we do not know"],
)
async def test_submit_that_never_arrived_is_unknown_and_then_not_found(
    usdm: Wired, fault: RequestFault
) -> None:  # U2
    usdm.misbehave(fault)
    order = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(SubmitUnknown)
    await usdm.query(order)
    assert usdm.heard.of(OrderNotFound, client_order_id=order.client_order_id)
    assert not usdm.heard.of(OrderAccepted)


async def test_submit_that_hangs_is_unknown_while_it_hangs(usdm: Wired) -> None:  # U3
    usdm.misbehave(Hang(ORDER, ms=LONGER_MS))
    order = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(SubmitUnknown)
    await usdm.query(order)
    assert usdm.heard.of(OrderNotFound) or usdm.heard.of(OrderStatus)
    fill = await usdm.heard.until(OrderFilled)  # it was applied after the wait
    assert fill.client_order_id == order.client_order_id


async def test_fill_may_arrive_before_the_answer(usdm: Wired) -> None:
    usdm.misbehave(Hang(ORDER, ms=300, applied=True))
    order = await usdm.submit(PERP, BUY, "0.010")
    kinds = [
        type(e) for e in usdm.heard if getattr(e, "cause", None) == "submit:1" or e.id[:4] == "fill"
    ]
    assert kinds == [OrderFilled, OrderAccepted]
    assert usdm.heard.of(OrderFilled)[0].client_order_id == order.client_order_id


async def test_u9_duplicate_id_means_that_the_first_may_live(usdm: Wired) -> None:
    first = await usdm.submit(PERP, BUY, "0.010", px="59000.0")
    await usdm.submit(PERP, BUY, "0.010", px="59000.0", client_order_id=first.client_order_id)
    await usdm.heard.until(SubmitUnknown, client_order_id=first.client_order_id)
    assert not usdm.heard.of(OrderRejected)
    await usdm.query(first)
    assert (await usdm.heard.until(OrderStatus)).state is OrderState.OPEN


async def test_cancel_without_answer_is_unknown_and_the_order_is_found_canceled(
    usdm: Wired,
) -> None:
    order = await usdm.submit(PERP, BUY, "0.010", px="59000.0")
    usdm.misbehave(ApplyThenFail("DELETE /fapi/v1/order"))
    await usdm.cancel(order)
    await usdm.heard.until(SubmitUnknown)
    assert not usdm.heard.of(CancelRejected)
    await usdm.query(order)
    assert (await usdm.heard.until(OrderStatus)).state is OrderState.CANCELED


async def test_question_that_fails_stays_open(usdm: Wired) -> None:
    order = await usdm.submit(PERP, BUY, "0.010")
    usdm.misbehave(Answer("GET /fapi/v1/order"), Answer("GET /fapi/v1/userTrades"))
    await usdm.query(order)
    await usdm.query(order)
    assert len(usdm.heard.of(QueryFailed)) == 2
    assert not usdm.heard.of(OrderNotFound)
    assert not usdm.heard.of(OrderStatus)


async def test_account_that_cannot_be_read_whole_is_not_reported(usdm: Wired) -> None:
    usdm.misbehave(Answer("GET /fapi/v1/openAlgoOrders"))
    await usdm.query_account()
    await usdm.heard.until(QueryFailed, symbol="ACCOUNT")
    assert not usdm.heard.of(AccountReported)


async def test_account_without_a_row_of_usdt_is_not_reported(
    usdm: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = usdm.connector._client.fapiPrivateV3GetAccount

    async def without(params: dict[str, str]) -> dict[str, Any]:
        return {**await endpoint(params), "assets": []}

    monkeypatch.setattr(usdm.connector._client, "fapiPrivateV3GetAccount", without)
    await usdm.query_account()
    assert "USDT" in (await usdm.heard.until(QueryFailed, symbol="ACCOUNT")).message


# --- clock and limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift_ms", "refused"), [(-30_000, 1), (30_000, 1), (-3_000, 1), (3_000, 0)]
)
async def test_clock_that_jumped_costs_one_refusal_and_no_order(
    usdm: Wired, shift_ms: int, refused: int
) -> None:  # L3
    while usdm.connector._holdings._known is None:  # its question is refused as the order's is
        await asyncio.sleep(0.01)
    usdm.misbehave(ShiftClock(ms=shift_ms))
    refusals = usdm.market.host.counts.refusals
    order = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled, client_order_id=order.client_order_id)
    await usdm.submit(PERP, BUY, "0.010")
    assert usdm.market.host.counts.refusals - refusals == refused
    assert not usdm.heard.of(OrderRejected)


async def test_clock_too_far_off_stops_new_risk_until_it_is_not(usdm: Wired) -> None:
    usdm.misbehave(ShiftClock(ms=5_000))
    await usdm.connector._check_clock(usdm.heard)
    halted = await usdm.heard.until(TradingHalted)
    usdm.misbehave(ShiftClock(ms=0))
    await usdm.connector._check_clock(usdm.heard)
    assert (await usdm.heard.until(TradingResumed)).source == halted.source


async def test_clock_too_far_off_and_listing_are_told_to_every_life_of_the_worker(
    usdm: Wired,
) -> None:
    usdm.misbehave(ShiftClock(ms=5_000))
    await usdm.connector._check_clock(usdm.heard)
    await usdm.heard.until(TradingHalted)
    next_life = Heard()
    task = asyncio.create_task(usdm.connector.run(next_life))  # the lease was lost and taken again
    try:
        await next_life.until(StreamDisconnected, connected=True)
        assert next_life.of(TradingHalted)
        assert next_life.of(InstrumentListed)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_limit_is_obeyed_without_a_request_and_exits_leave_after_it(
    usdm: Wired,
) -> None:  # L2
    entry = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled, client_order_id=entry.client_order_id)
    usdm.misbehave(BanIp(seconds=1))
    await usdm.query(entry)
    halted = await usdm.heard.until(TradingHalted)
    requests = usdm.market.host.counts.requests

    late = await usdm.submit(PERP, BUY, "0.010")
    await usdm.query(entry)
    assert (await usdm.heard.until(OrderRejected)).client_order_id == late.client_order_id
    assert len(usdm.heard.of(QueryFailed)) == 2
    assert usdm.market.host.counts.requests == requests

    out = await usdm.submit(PERP, SELL, "0.010", purpose=Purpose.EXIT, reduce_only=True)
    await usdm.heard.until(OrderFilled, client_order_id=out.client_order_id)
    assert (await usdm.heard.until(TradingResumed)).source == halted.source


async def test_optional_reads_wait_when_the_weight_runs_low(usdm: Wired) -> None:  # L1
    calls = usdm.connector._calls
    minute = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
    calls.budget.learn([{**minute, "limit": 20}])
    order = await usdm.submit(PERP, BUY, "0.010")
    await usdm.query_account()  # more weight than the limit allows
    requests = usdm.market.host.counts.requests
    with pytest.raises(Exception, match="reserved"):
        await usdm.connector.quotes_moved()
    assert usdm.market.host.counts.requests == requests
    await usdm.query(order)  # what an order needs is asked
    await usdm.heard.until(OrderStatus)


async def test_entries_leave_the_last_orders_of_a_window_to_exits(usdm: Wired) -> None:  # L1
    entry = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled, client_order_id=entry.client_order_id)
    window = {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1}
    usdm.connector._calls.budget.learn([window])
    usdm.connector._calls.budget.note({"X-MBX-ORDER-COUNT-1M": "1"})
    late = await usdm.submit(PERP, BUY, "0.010")
    assert (
        "reserved"
        in (await usdm.heard.until(OrderRejected, client_order_id=late.client_order_id)).message
    )
    out = await usdm.submit(PERP, SELL, "0.010", purpose=Purpose.EXIT, reduce_only=True)
    await usdm.heard.until(OrderFilled, client_order_id=out.client_order_id)


@pytest.fixture
def limited_market() -> Iterator[PaperMarket]:
    """A venue that counts request weight as Binance does."""
    server = make_server(unlimited=False).start()
    wait_until(lambda: server.host.feed.next_at is None)
    yield PaperMarket(server)
    server.stop()


async def test_questions_about_the_account_leave_weight_for_a_stop(
    limited_market: PaperMarket,
) -> None:  # L1
    async with running(limited_market) as wired:
        await wired.up()
        entry = await wired.submit(PERP, BUY, "0.010")
        await wired.heard.until(OrderFilled, client_order_id=entry.client_order_id)
        for _ in range(45):  # a minute's end may fall among them
            await wired.query_account()
            if wired.heard.of(QueryFailed):
                break
        assert "reserved" in wired.heard.of(QueryFailed)[0].message
        stop = await wired.submit(
            PERP,
            SELL,
            "0.010",
            purpose=Purpose.STOP,
            order_type=OrderType.STOP_MARKET,
            trigger_px="55000.0",
            reduce_only=True,
        )
        assert wired.heard.of(OrderAccepted, client_order_id=stop.client_order_id)
        assert not wired.heard.of(TradingHalted)  # the venue never had to refuse


# --- words we do not know -----------------------------------------------------------------------------


async def test_unknown_status_keeps_the_question_open(
    usdm: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:  # L6
    order = await usdm.submit(PERP, BUY, "0.010", px="59000.0")
    endpoint = usdm.connector._client.fapiPrivateGetOrder

    async def renamed(params: dict[str, str]) -> dict[str, str]:
        return {**await endpoint(params), "status": "HIBERNATING"}

    monkeypatch.setattr(usdm.connector._client, "fapiPrivateGetOrder", renamed)
    await usdm.query(order)
    assert "HIBERNATING" in (await usdm.heard.until(QueryFailed)).message
    [unclear] = usdm.heard.of(OrderUnclear, client_order_id=order.client_order_id)
    await usdm.query(order)  # as the router does until the venue's word is one of ours
    [alert] = usdm.heard.of(AlertRaised, severity=ServiceState.ERROR)
    assert unclear.raw in alert.detail
    assert "'status': 'HIBERNATING'" in unclear.raw


async def test_unknown_status_on_the_stream_is_told_to_people_once(usdm: Wired) -> None:  # L6
    order = await usdm.submit(PERP, BUY, "0.010", px="59000.0")
    told = {**_NEW, "c": order.client_order_id, "x": "HIBERNATED", "X": "HIBERNATING"}
    for number in (7, 8):
        message = {"e": "ORDER_TRADE_UPDATE", "T": number, "o": {**told, "i": number}}
        usdm.connector._user._hear(message)
    assert len(usdm.heard.of(OrderUnclear, client_order_id=order.client_order_id)) == 2
    [alert] = usdm.heard.of(AlertRaised, severity=ServiceState.ERROR)
    assert repr({**told, "i": 7}) in alert.detail


async def test_unknown_kinds_of_messages_are_told_once_each_and_end_nothing(
    usdm: Wired,
) -> None:  # L6
    news = [{"e": "SOMETHING_NEW", "E": 1}, {"e": "SOMETHING_NEW", "E": 2}, {"e": "ELSE", "E": 3}]
    for message in news:
        usdm.connector._user._hear(message)
    alerts = usdm.heard.of(AlertRaised, severity=ServiceState.ERROR)
    assert [repr(m) in a.detail for m, a in zip(news[::2], alerts, strict=True)] == [True, True]
    assert not usdm.heard.of(StreamDisconnected, stream=USER, connected=False)
    await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled)


async def test_unknown_market_events_change_nothing_and_known_ones_still_arrive(
    usdm: Wired,
) -> None:
    usdm.connector._on_market({"stream": "x", "data": {"e": "new"}}, usdm.heard, None)
    usdm.connector._on_market({"stream": "x", "data": {"e": "kline"}}, usdm.heard, None)
    await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled)


_PAID = {"a": "USDT", "wb": "99.0", "cw": "99.0", "bc": "-0.5"}
_NEW = {"s": "BTCUSDT", "i": 7, "x": "NEW", "X": "NEW"}


@pytest.mark.parametrize(
    "message",
    [
        {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": {"c": "c-x"}},
        {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": _NEW},
        {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": {**_NEW, "c": None}},
        {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": None},
        {"e": "ACCOUNT_UPDATE", "T": 1, "a": {"m": "FUNDING_FEE", "B": [_PAID], "P": []}},
        {"e": "ACCOUNT_UPDATE", "T": 1, "a": {"m": "ORDER", "B": None, "P": []}},
        {"e": "ACCOUNT_UPDATE", "T": 1, "a": {"m": "ORDER", "B": [{"a": "USDT"}], "P": []}},
    ],
    ids=[
        "no symbol",
        "no client id",
        "null id",
        "no report",
        "funding of nothing",
        "no balances",
        "no wallet",
    ],
)
async def test_unreadable_account_message_ends_the_stream_so_that_all_is_asked(
    usdm: Wired, message: dict[str, Any]
) -> None:  # L6
    usdm.connector._user._hear(message)
    alert = await usdm.heard.until(AlertRaised, service="exchange", severity=ServiceState.ERROR)
    assert repr(message) in alert.detail
    await usdm.heard.until(StreamDisconnected, stream=USER, connected=False)
    await usdm.heard.until(StreamDisconnected, stream=USER, connected=True, at_least=2)
    await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled)


# --- events -------------------------------------------------------------------------------------------


async def test_lost_fill_is_found_by_query(usdm: Wired) -> None:
    usdm.misbehave(DropEvents(n=20))
    order = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderAccepted)
    assert not usdm.heard.of(OrderFilled)
    await usdm.query(order)
    await usdm.heard.until(OrderFilled, client_order_id=order.client_order_id)


async def test_doubled_events_have_one_id(usdm: Wired) -> None:  # U8
    usdm.misbehave(DuplicateEvents(n=20))
    await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled, at_least=2)
    assert len({fill.id for fill in usdm.heard.of(OrderFilled)}) == 1


async def test_late_events_still_name_the_order(usdm: Wired) -> None:
    usdm.misbehave(DelayEvents(ms=200, n=1, event="ORDER_TRADE_UPDATE"))
    order = await usdm.submit(PERP, BUY, "0.010", px="59000.0")
    await usdm.cancel(order)
    await usdm.heard.until(OrderCanceled)
    late = await usdm.heard.until(OrderAccepted, at_least=2)
    assert late.client_order_id == order.client_order_id


async def test_finished_stop_whose_fill_was_lost_states_what_traded(usdm: Wired) -> None:
    entry = await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled, client_order_id=entry.client_order_id)
    stop = await usdm.submit(
        PERP,
        SELL,
        "0.010",
        order_type=OrderType.STOP_MARKET,
        purpose=Purpose.STOP,
        trigger_px="59500.0",
        reduce_only=True,
    )
    usdm.misbehave(DropEvents(n=20, event="ORDER_TRADE_UPDATE"))
    usdm.market.step("59400.0")
    ours = stop.client_order_id
    async with asyncio.timeout(5):
        while not any(getattr(e, "id", "") == f"finished:{ours}" for e in usdm.heard):
            await asyncio.sleep(0.01)
    assert not usdm.heard.of(OrderFilled, client_order_id=ours)
    await usdm.query(stop)
    assert usdm.heard.of(OrderFilled, client_order_id=ours)


# --- streams ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sockets", ["user", "market"])
async def test_closed_websocket_is_told_and_comes_back(usdm: Wired, sockets: str) -> None:
    usdm.heard.clear()
    usdm.misbehave(CloseSockets(sockets=sockets))
    lost = await usdm.heard.until(StreamDisconnected, connected=False)
    await usdm.heard.until(StreamDisconnected, stream=lost.stream, connected=True)
    quotes = len(usdm.heard.of(QuoteChanged))
    usdm.market.step("60100.0")
    await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled)
    await usdm.heard.until(QuoteChanged, at_least=quotes + 1)


async def test_every_stream_says_in_every_life_that_it_is_up_and_whether_it_brings_the_account(
    usdm: Wired,
) -> None:
    next_life = Heard()
    task = asyncio.create_task(usdm.connector.run(next_life))
    try:
        await next_life.until(StreamDisconnected, at_least=3)
        up = {
            told.stream: told.account for told in next_life.of(StreamDisconnected, connected=True)
        }
        assert up == {"exchange:um:public-1": False, "exchange:um:market-1": False, USER: True}
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_expired_listen_key_is_noticed_and_replaced(usdm: Wired) -> None:  # R8
    usdm.misbehave(ExpireListenKey())
    await usdm.heard.until(StreamDisconnected, stream=USER, connected=False)
    await usdm.heard.until(StreamDisconnected, stream=USER, connected=True, at_least=2)
    await usdm.submit(PERP, BUY, "0.010")
    await usdm.heard.until(OrderFilled)


async def test_listen_key_is_renewed_and_one_that_is_gone_replaced(
    market: PaperMarket, monkeypatch: pytest.MonkeyPatch
) -> None:  # R8
    monkeypatch.setattr("apps.exchange.adapters.usdm.LISTEN_KEY_RENEWAL_S", 0.2)
    async with running(market) as wired:
        await wired.up()
        # Every key is forgotten without a word, as if its event had been lost.
        wired.misbehave(DropEvents(n=1, event="listenKeyExpired"))
        market.server.call(lambda host: host.user_hub._listen_keys.clear())
        await wired.heard.until(StreamDisconnected, stream=USER, connected=False)
        await wired.heard.until(StreamDisconnected, stream=USER, connected=True, at_least=2)
        await wired.submit(PERP, BUY, "0.010")
        await wired.heard.until(OrderFilled)


async def test_silent_websocket_is_noticed_by_what_the_venue_says_meanwhile(
    market: PaperMarket,
) -> None:  # R9
    relay = await Relay(market.server.port).start()
    try:
        async with running(market, ws_url=relay.ws_url, silence_s=1.5) as wired:
            await wired.up()
            market.step("60010.0")
            await wired.heard.until(QuoteChanged)
            await wired.heard.until(MarkPriceChanged, mark_px=60010.0)
            relay.mute()
            market.step("60500.0")
            for name in ("public", "market"):
                stream = f"exchange:um:{name}-1"
                await wired.heard.until(StreamDisconnected, stream=stream, connected=False)
                await wired.heard.until(
                    StreamDisconnected, stream=stream, connected=True, at_least=2
                )
            await wired.heard.until(MarkPriceChanged, mark_px=60500.0)
    finally:
        await relay.stop()


@pytest.mark.parametrize(
    ("kind", "symbol", "name"), [(UsdmConnector, PERP, USER), (SpotConnector, COIN, SPOT_USER)]
)
async def test_mute_user_stream_is_noticed_by_what_the_account_says(
    market: PaperMarket, kind: Any, symbol: str, name: str
) -> None:  # R9
    relay = await Relay(market.server.port).start()
    try:
        async with running(market, kind, ws_url=relay.ws_url, silence_s=1.0) as wired:
            await wired.up()
            relay.mute()
            await wired.submit(symbol, BUY, "0.010")
            await wired.heard.until(StreamDisconnected, stream=name, connected=False)
            await wired.heard.until(StreamDisconnected, stream=name, connected=True, at_least=2)
    finally:
        await relay.stop()


@pytest.mark.parametrize(("kind", "symbol"), [(UsdmConnector, PERP), (SpotConnector, COIN)])
async def test_quiet_account_is_no_loss(market: PaperMarket, kind: Any, symbol: str) -> None:
    async with running(market, kind, silence_s=0.2) as wired:
        await wired.up()
        await wired.submit(symbol, BUY, "0.010")
        await wired.heard.until(OrderFilled)
        asked = market.host.counts.requests
        async with asyncio.timeout(10):
            while market.host.counts.requests < asked + 8:  # compared some times meanwhile
                await asyncio.sleep(0.05)
        assert not wired.heard.of(StreamDisconnected, connected=False)


async def test_quiet_market_is_no_loss(market: PaperMarket) -> None:
    async with running(market, silence_s=1.0) as wired:
        await wired.up()
        market.step("60010.0")
        await wired.heard.until(QuoteChanged)
        await wired.heard.until(MarkPriceChanged, at_least=5)  # the public stream says nothing
        assert not wired.heard.of(StreamDisconnected, connected=False)


async def test_venue_that_comes_back_is_traded_with_again(market: PaperMarket) -> None:
    async with running(market) as wired:
        await wired.up()
        port = market.server.port
        await asyncio.to_thread(market.server.stop)
        await wired.heard.until(StreamDisconnected, stream=USER, connected=False)
        order = await wired.submit(PERP, BUY, "0.010")
        await wired.heard.until(SubmitUnknown, client_order_id=order.client_order_id)

        market.server = await asyncio.to_thread(_again, market.server, port)
        await wired.heard.until(StreamDisconnected, stream=USER, connected=True, at_least=2)
        for name in ("public", "market"):
            await wired.heard.until(
                StreamDisconnected, stream=f"exchange:um:{name}-1", connected=True, at_least=2
            )
        await wired.query(order)
        assert wired.heard.of(OrderNotFound)
        await wired.submit(PERP, BUY, "0.010")
        await wired.heard.until(OrderFilled)


def _again(stopped: VenueServer, port: int) -> VenueServer:
    """Start the same venue once more, on the port it had."""
    feed, now = Lookahead(()), stopped.host.now()
    driver = Driver(stopped.host, feed, FeedPosition.opening(now, now, feed))
    server = VenueServer(stopped.host, driver, credential=stopped.credential, port=port)
    return server.start()
