"""User streams and websocket requests through unmodified ccxt.pro: both markets."""

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
import pytest

from apps.exchange.venue_shell.faults import (
    DelayEvents,
    DropEvents,
    DuplicateEvents,
    ExpireListenKey,
)
from chimera.instruments import Market
from tests.contract.venue.conftest import PERP, SPOT, PaperMarket

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
    ],
)
async def test_event_faults_drop_repeat_and_delay(
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
    if isinstance(fault, DelayEvents):
        assert kinds == ["CANCELED", "NEW"]


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
