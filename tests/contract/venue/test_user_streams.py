"""User streams and websocket requests through unmodified ccxt.pro: both markets."""

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
import ccxt
import pytest

from apps.exchange.venue_shell.faults import (
    DelayEvents,
    DropEvents,
    DuplicateEvents,
    ExpireListenKey,
    ReorderEvents,
    ServerShutdown,
    ShiftClock,
    TerminateStreams,
)
from chimera.clock import DAY, MINUTE
from chimera.instruments import Market
from tests.contract.venue.conftest import PERP, SPOT, PaperMarket, eventually

BOTH = pytest.mark.parametrize(("name", "symbol"), [("usdm_pro", PERP), ("spot_pro", SPOT)])


@pytest.fixture
def pro(request: pytest.FixtureRequest, name: str) -> Any:
    return request.getfixturevalue(name)


async def listening(market: PaperMarket, task: asyncio.Task[Any]) -> None:
    """Return when a user stream is open."""
    hub = market.host.user_hub
    async with asyncio.timeout(5):
        while not hub.has_listeners() and not task.done():
            await asyncio.sleep(0.005)


async def watched(market: PaperMarket, watch: Any, act: Any) -> Any:
    task = asyncio.ensure_future(watch)
    await listening(market, task)
    await act
    async with asyncio.timeout(5):
        return await task


@BOTH
async def test_watch_orders_shows_new_then_filled(
    pro: Any, symbol: str, market: PaperMarket
) -> None:
    orders = await watched(
        market, pro.watch_orders(symbol), pro.create_order(symbol, "limit", "buy", 0.01, 59_000)
    )
    assert orders[-1]["status"] == "open"

    filled = asyncio.ensure_future(_watch_until_filled(pro, symbol))
    await pro.create_order(symbol, "market", "buy", 0.01)
    async with asyncio.timeout(5):
        assert (await filled)["average"] > 59_000


@BOTH
async def test_watch_my_trades_carries_the_fee(pro: Any, symbol: str, market: PaperMarket) -> None:
    trades = await watched(
        market, pro.watch_my_trades(symbol), pro.create_order(symbol, "market", "buy", 0.01)
    )

    assert trades[-1]["symbol"] == symbol
    assert trades[-1]["fee"]["cost"] > 0


@BOTH
async def test_watch_balance_moves_with_a_trade(pro: Any, symbol: str, market: PaperMarket) -> None:
    balance = await watched(
        market, pro.watch_balance(), pro.create_order(symbol, "market", "buy", 0.01)
    )

    before = 10_000 if symbol == PERP else 100_000
    assert balance["USDT"]["total"] < before


async def test_watch_positions_shows_size_and_side(usdm_pro: Any, market: PaperMarket) -> None:
    usdm_pro.options["watchPositions"] = {"fetchPositionsSnapshot": False}
    positions = await watched(
        market,
        usdm_pro.watch_positions([PERP]),
        usdm_pro.create_order(PERP, "market", "sell", 0.02),
    )

    assert (positions[-1]["side"], positions[-1]["contracts"]) == ("short", 0.02)


async def test_algo_order_stream_tells_the_whole_life(usdm_pro: Any, market: PaperMarket) -> None:
    await usdm_pro.create_order(PERP, "market", "buy", 0.01)
    seen: list[str] = []
    url = await _listen_url(usdm_pro, market)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        await usdm_pro.create_order(
            PERP, "market", "sell", 0.01, None, {"stopLossPrice": 59_500, "reduceOnly": True}
        )
        await asyncio.to_thread(market.step, "59400")
        async with asyncio.timeout(5):
            while "FINISHED" not in seen:
                event = json.loads((await ws.receive()).data)
                if event["e"] == "ALGO_UPDATE":
                    seen.append(event["o"]["X"])
                    last = event["o"]

    assert seen == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
    assert last["ai"]
    assert float(last["aq"]) == 0.01


@BOTH
async def test_create_and_cancel_by_websocket(pro: Any, symbol: str) -> None:
    placed = await pro.create_order_ws(symbol, "limit", "buy", 0.01, 59_000)
    assert placed["status"] == "open"
    assert [o["id"] for o in await pro.fetch_open_orders(symbol)] == [placed["id"]]

    canceled = await pro.cancel_order_ws(placed["id"], symbol)
    assert canceled["status"] == "canceled"


async def test_algo_order_by_websocket_is_placed_and_canceled(usdm_pro: Any) -> None:
    placed = await usdm_pro.create_order_ws(
        PERP, "market", "buy", 0.01, None, {"stopLossPrice": 61_000}
    )

    assert await usdm_pro.fetch_open_orders(PERP, params={"trigger": True})
    await usdm_pro.cancel_order_ws(placed["id"], PERP, {"trigger": True})
    assert await usdm_pro.fetch_open_orders(PERP, params={"trigger": True}) == []


async def test_websocket_api_refuses_with_code_and_class(usdm_pro: Any) -> None:
    import ccxt

    with pytest.raises(ccxt.InsufficientFunds):
        await usdm_pro.create_order_ws(PERP, "limit", "buy", 100, 59_000)


async def test_spot_websocket_reads_orders_trades_and_balance(spot_pro: Any) -> None:
    placed = await spot_pro.create_order_ws(SPOT, "limit", "buy", 0.01, 59_000)
    await spot_pro.create_order(SPOT, "market", "buy", 0.01)

    assert (await spot_pro.fetch_order_ws(placed["id"], SPOT))["status"] == "open"
    assert len(await spot_pro.fetch_open_orders_ws(SPOT)) == 1
    assert len(await spot_pro.fetch_my_trades_ws(SPOT)) >= 1
    account = await spot_pro.fetch_balance_ws()  # ccxt leaves the parsed part of spot empty
    assert {row["asset"] for row in account["info"]["balances"]} == {"USDT", "BTC", "ETH"}


async def test_listen_key_expiry_tells_once_then_falls_silent(
    usdm_pro: Any, market: PaperMarket
) -> None:
    url = await _listen_url(usdm_pro, market)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        market.server.call(lambda host: host.misbehave(ExpireListenKey()))
        await usdm_pro.create_order(PERP, "market", "buy", 0.01)
        first = json.loads((await ws.receive()).data)
        assert first["e"] == "listenKeyExpired"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ws.receive()


async def test_listen_key_post_again_gives_the_same_key(usdm_pro: Any) -> None:
    first = await usdm_pro.fapiPrivatePostListenKey()

    assert await usdm_pro.fapiPrivatePostListenKey() == first
    assert (await usdm_pro.fapiPrivatePutListenKey()) == first


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (DropEvents(event="ORDER_TRADE_UPDATE"), 1),
        (DuplicateEvents(event="ORDER_TRADE_UPDATE"), 3),
        (DelayEvents(ms=50, event="ORDER_TRADE_UPDATE"), 2),
        (ReorderEvents(event="ORDER_TRADE_UPDATE"), 2),
    ],
)
async def test_event_faults_drop_repeat_delay_and_reorder(
    usdm_pro: Any, market: PaperMarket, fault: Any, count: int
) -> None:
    url = await _listen_url(usdm_pro, market)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        market.server.call(lambda host: host.misbehave(fault))
        await usdm_pro.create_order(PERP, "limit", "buy", 0.01, 59_000)
        await usdm_pro.cancel_all_orders(PERP)
        updates = await _received_within(ws, 0.4)

    kinds = [u["o"]["x"] for u in updates if u["e"] == "ORDER_TRADE_UPDATE"]
    assert len(kinds) == count
    if isinstance(fault, DelayEvents | ReorderEvents):
        assert kinds == ["CANCELED", "NEW"]


async def test_margin_call_comes_once_before_the_liquidation(
    usdm_pro: Any, market: PaperMarket
) -> None:
    await usdm_pro.set_leverage(20, PERP)
    await usdm_pro.set_margin_mode("isolated", PERP)
    await usdm_pro.create_order(PERP, "market", "buy", 0.1)
    url = await _listen_url(usdm_pro, market)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        for price in ("58000", "57270", "57260", "59000", "57270", "56000"):
            await asyncio.to_thread(market.step, price)
        events = await _received_within(ws, 0.4)

    kinds = [event["e"] for event in events if event["e"] in ("MARGIN_CALL", "ORDER_TRADE_UPDATE")]
    assert kinds[:3] == ["MARGIN_CALL", "MARGIN_CALL", "ORDER_TRADE_UPDATE"]
    assert kinds.count("MARGIN_CALL") == 2
    called = next(event for event in events if event["e"] == "MARGIN_CALL")
    assert "cw" not in called
    [row] = called["p"]
    assert set(row) == {"s", "ps", "pa", "mt", "iw", "mp", "up", "mm"}
    assert (row["s"], row["ps"], row["mt"]) == ("BTCUSDT", "BOTH", "ISOLATED")
    balance = float(row["iw"]) + float(row["up"])
    assert 0.8 * balance <= float(row["mm"]) < balance


async def test_margin_call_of_a_cross_position_names_the_wallet(
    usdm_pro: Any, market: PaperMarket
) -> None:
    await usdm_pro.set_leverage(100, PERP)
    await usdm_pro.create_order(PERP, "market", "buy", 5)
    url = await _listen_url(usdm_pro, market)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        await asyncio.to_thread(market.step, "58350")
        events = await _received_within(ws, 0.4)

    [called] = [event for event in events if event["e"] == "MARGIN_CALL"]
    wallet = (await usdm_pro.fetch_balance())["info"]["totalCrossWalletBalance"]
    assert called["cw"] == wallet
    assert called["p"][0]["iw"] == "0.00000000"


async def test_terminated_spot_stream_tells_once_and_is_taken_up_again(
    spot_pro: Any, market: PaperMarket
) -> None:
    first = await watched(
        market,
        spot_pro.watch_orders(SPOT),
        spot_pro.create_order(SPOT, "limit", "buy", 0.01, 59_000),
    )
    [client] = [c for url, c in spot_pro.clients.items() if "ws-api" in url]
    assert "spot" in client.subscriptions
    market.server.call(lambda host: host.misbehave(TerminateStreams()))
    assert not market.host.user_hub.has_listeners()
    async with asyncio.timeout(5):
        while "spot" in client.subscriptions:
            await asyncio.sleep(0.005)

    again = await watched(
        market,
        spot_pro.watch_orders(SPOT),
        spot_pro.create_order(SPOT, "limit", "buy", 0.01, 58_000),
    )

    assert (first[-1]["price"], again[-1]["price"]) == (59_000, 58_000)


async def test_spot_stream_that_is_given_up_ends_with_a_notice(
    spot_pro: Any, market: PaperMarket
) -> None:
    await watched(
        market,
        spot_pro.watch_orders(SPOT),
        spot_pro.create_order(SPOT, "limit", "buy", 0.01, 59_000),
    )
    [client] = [c for url, c in spot_pro.clients.items() if "ws-api" in url]

    await client.send({"id": "bye", "method": "userDataStream.unsubscribe", "params": {}})
    async with asyncio.timeout(5):
        while "spot" in client.subscriptions:  # ccxt forgets it at the notice
            await asyncio.sleep(0.005)

    assert not market.host.user_hub.has_listeners()


async def test_day_old_sockets_are_cut_and_the_client_comes_back(
    usdm_pro: Any, market: PaperMarket
) -> None:
    await eventually(usdm_pro.watch_trades(PERP), market.tick)
    [socket] = market.host.sockets

    market.server.call(lambda host: host.misbehave(ShiftClock(DAY - MINUTE)))
    await eventually(usdm_pro.watch_trades(PERP), market.tick)
    assert market.host.sockets == {socket}

    waiting = asyncio.ensure_future(usdm_pro.watch_trades(PERP))
    market.server.call(lambda host: host.misbehave(ShiftClock(DAY)))
    with pytest.raises(ccxt.NetworkError):
        async with asyncio.timeout(5):
            await waiting
    assert await eventually(usdm_pro.watch_trades(PERP), market.tick)


async def test_shutdown_is_announced_on_spot_before_every_socket_closes(
    spot_pro: Any, market: PaperMarket
) -> None:
    watching = asyncio.ensure_future(spot_pro.watch_trades(SPOT))
    async with aiohttp.ClientSession() as session:
        urls = ("/stream.spot/ws/btcusdt@trade", "/ws-api/v3", "/public/ws/btcusdt@trade")
        opened = [await session.ws_connect(f"{market.server.ws_url}{url}") for url in urls]
        async with asyncio.timeout(5):
            while len(market.host.sockets) < 4:
                await asyncio.sleep(0.005)
        market.server.call(lambda host: host.misbehave(ServerShutdown(ms=50)))
        heard = [
            [json.loads(m.data) async for m in ws if m.type is aiohttp.WSMsgType.TEXT]
            for ws in opened
        ]

    [[stream], [api], futures] = heard
    assert (stream["e"], api["event"]["e"], futures) == ("serverShutdown", "serverShutdown", [])
    with pytest.raises(ccxt.NetworkError):
        async with asyncio.timeout(5):
            await watching


async def test_spot_cancel_report_names_both_ids(spot_pro: Any, market: PaperMarket) -> None:
    task = asyncio.ensure_future(spot_pro.watch_orders(SPOT))
    await listening(market, task)
    order = await spot_pro.create_order(
        SPOT, "limit", "buy", 0.01, 59_000, {"clientOrderId": "mine"}
    )
    canceled = await spot_pro.cancel_order(order["id"], SPOT)
    orders = await task
    async with asyncio.timeout(5):
        while orders[-1]["status"] != "canceled":
            orders = await spot_pro.watch_orders(SPOT)

    assert orders[-1]["info"]["C"] == "mine"
    assert orders[-1]["info"]["c"] == canceled["info"]["clientOrderId"]


async def test_oco_stream_reports_the_list(spot_pro: Any, market: PaperMarket) -> None:
    task = asyncio.ensure_future(spot_pro.watch_orders(SPOT))
    await listening(market, task)
    await spot_pro.privatePostOrderListOco(
        {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "quantity": "0.01",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": "61000",
            "belowType": "STOP_LOSS",
            "belowStopPrice": "59000",
        }
    )
    await asyncio.to_thread(market.step, "61100", market=Market.SPOT)
    orders = await task
    async with asyncio.timeout(5):
        while {o["status"] for o in orders} != {"closed", "expired"}:
            orders = await spot_pro.watch_orders(SPOT)


async def _received_within(ws: Any, seconds: float) -> list[dict[str, Any]]:
    received = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                received.append(json.loads((await ws.receive()).data))
    return received


async def _watch_until_filled(client: Any, symbol: str) -> dict[str, Any]:
    while True:
        for order in await client.watch_orders(symbol):
            if order["status"] == "closed" and order["filled"] == 0.01:
                return dict(order)


async def _listen_url(client: Any, market: PaperMarket) -> str:
    key = (await client.fapiPrivatePostListenKey())["listenKey"]
    return f"{market.server.ws_url}/private/ws?listenKey={key}"
