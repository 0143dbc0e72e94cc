"""Market streams through unmodified ccxt.pro, and the paths and frames other clients use."""

import asyncio
import json
from decimal import Decimal as D
from typing import Any

import aiohttp
import ccxt
import pytest

from apps.exchange.core.venue.actions import StepPrice
from apps.exchange.venue_shell import transport
from apps.exchange.venue_shell.faults import CloseSockets, DepthGap
from chimera.clock import MINUTE
from chimera.instruments import Market
from tests.contract.venue.conftest import (
    PERP,
    SPOT,
    START_PX,
    PaperMarket,
    eventually,
    make_server,
)

BOTH = pytest.mark.parametrize(
    ("name", "symbol", "of"),
    [("usdm_pro", PERP, Market.USDM), ("spot_pro", SPOT, Market.SPOT)],
)


@pytest.fixture
def pro(request: pytest.FixtureRequest, name: str) -> Any:
    return request.getfixturevalue(name)


@BOTH
async def test_watch_trades_gives_what_was_printed(
    pro: Any, symbol: str, of: Market, market: PaperMarket
) -> None:
    trades = await eventually(pro.watch_trades(symbol), lambda: market.tick(market=of))

    assert trades[-1]["symbol"] == symbol
    assert trades[-1]["price"] > 59_000


@BOTH
async def test_watch_order_book_follows_the_venue(
    pro: Any, symbol: str, of: Market, market: PaperMarket
) -> None:
    await eventually(pro.watch_order_book(symbol, 20), lambda: market.tick(market=of))
    market.step("60123", market=of)

    def agrees() -> bool:
        update_id, bids, _ = market.host.venue.depth(of, "BTCUSDT", 20)
        book = pro.orderbooks[symbol]
        seen = [[px, qty] for px, qty in book["bids"][:20]]
        return book["nonce"] == update_id and seen == [[float(p), float(q)] for p, q in bids]

    async with asyncio.timeout(5):
        while not agrees():
            await pro.watch_order_book(symbol, 20)


@BOTH
async def test_watch_order_book_after_a_gap_raises_then_recovers(
    pro: Any, symbol: str, of: Market, market: PaperMarket
) -> None:
    await eventually(pro.watch_order_book(symbol), lambda: market.tick(market=of))
    market.server.call(lambda host: host.misbehave(DepthGap(of, "BTCUSDT")))

    async def watch_until_gap() -> None:
        while True:
            await pro.watch_order_book(symbol)

    with pytest.raises(ccxt.ChecksumError):
        await eventually(watch_until_gap(), lambda: market.tick(market=of))
    book = await eventually(pro.watch_order_book(symbol), lambda: market.tick(market=of))
    assert book["nonce"] > 0


@BOTH
async def test_watch_ohlcv_gives_the_running_bar(
    pro: Any, symbol: str, of: Market, market: PaperMarket
) -> None:
    bars = await eventually(pro.watch_ohlcv(symbol, "1m"), lambda: market.tick(market=of))

    opened, o, high, low, c, _ = bars[-1]
    assert opened % MINUTE == 0
    assert low <= o <= high
    assert low <= c <= high


@BOTH
async def test_watch_ticker_and_bids_asks_show_the_quote(
    pro: Any, symbol: str, of: Market, market: PaperMarket
) -> None:
    ticker = await eventually(pro.watch_ticker(symbol), lambda: market.tick(market=of))
    quotes = await eventually(pro.watch_bids_asks([symbol]), lambda: market.tick(market=of))

    assert ticker["last"] > 59_000
    assert quotes[symbol]["bid"] < quotes[symbol]["ask"]


async def test_watch_mark_price_flows_without_trades(usdm_pro: Any) -> None:
    async with asyncio.timeout(5):
        mark = await usdm_pro.watch_mark_price(PERP)

    assert mark["markPrice"] == 60_000
    assert float(mark["info"]["r"]) == 0.0001


async def test_watch_liquidations_shows_a_forced_order(usdm_pro: Any, market: PaperMarket) -> None:
    await usdm_pro.set_leverage(20, PERP)
    await usdm_pro.set_margin_mode("isolated", PERP)
    await usdm_pro.create_order(PERP, "market", "buy", 0.1)
    watch = asyncio.ensure_future(usdm_pro.watch_liquidations(PERP))
    async with asyncio.timeout(5):
        while not market.host.market_hub.sockets():
            await asyncio.sleep(0.01)
    await asyncio.to_thread(market.step, "56900")

    async with asyncio.timeout(5):
        liquidations = await watch

    assert liquidations[-1]["side"] == "sell"


async def test_server_close_rejects_then_the_next_watch_reconnects(
    usdm_pro: Any, market: PaperMarket
) -> None:
    await eventually(usdm_pro.watch_trades(PERP), market.tick)
    pending = asyncio.ensure_future(usdm_pro.watch_trades(PERP))
    await asyncio.sleep(0)
    market.server.call(lambda host: host.misbehave(CloseSockets("market")))

    with pytest.raises(ccxt.NetworkError):
        async with asyncio.timeout(5):
            await pending
    assert await eventually(usdm_pro.watch_trades(PERP), market.tick)


async def frames(ws: Any, count: int, *, timeout_s: float = 5.0) -> list[dict[str, Any]]:
    async with asyncio.timeout(timeout_s):
        return [json.loads((await ws.receive()).data) for _ in range(count)]


@pytest.mark.parametrize(
    ("path", "wraps", "of"),
    [
        ("/public/ws/btcusdt@trade", False, Market.USDM),
        ("/public/stream?streams=btcusdt@trade/ethusdt@trade", True, Market.USDM),
        ("/fstream/public/ws/btcusdt@trade", False, Market.USDM),
        ("/ws/btcusdt@trade", False, Market.SPOT),
        ("/stream?streams=btcusdt@trade", True, Market.SPOT),
    ],
)
async def test_streams_named_in_the_path_flow_at_once(
    market: PaperMarket, path: str, wraps: bool, of: Market
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(market.server.ws_url + path) as ws,
    ):
        while not market.host.market_hub.sockets():
            await asyncio.sleep(0.005)
        await asyncio.to_thread(market.step, "60010", market=of)
        (frame,) = await frames(ws, 1)

    event = frame["data"] if wraps else frame
    assert event["e"] == "trade"
    assert ("stream" in frame) is wraps


async def test_subscribe_list_unsubscribe_answer_with_any_id(market: PaperMarket) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}/public/stream") as ws,
    ):
        await ws.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": "a-1"})
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        await ws.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 3})
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 4})
        await ws.send_json({"method": "NOPE", "id": 5})
        await ws.send_str("{")
        answers = await frames(ws, 6)

    assert answers[0] == {"result": None, "id": "a-1"}
    assert answers[1]["result"] == ["btcusdt@depth@100ms"]
    assert answers[3] == {"result": [], "id": 4}
    assert answers[4]["error"]["code"] == 2
    assert answers[5]["error"]["code"] == 3


async def test_wrong_category_is_acknowledged_and_silent(market: PaperMarket) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}/market/ws") as ws,
    ):
        await ws.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
        assert await frames(ws, 1) == [{"result": None, "id": 1}]
        await asyncio.to_thread(market.step, "60010")
        with pytest.raises(TimeoutError):
            await frames(ws, 1, timeout_s=0.2)


async def test_unrouted_futures_path_is_refused(market: PaperMarket) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{market.server.ws_url}/fstream/ws/btcusdt@trade")


async def test_closed_bars_are_never_skipped_at_speed(market: PaperMarket) -> None:
    origin = 1_746_374_040_000 - 1_746_374_040_000 % MINUTE
    steps = [
        (
            origin + i * 15_000,
            StepPrice(Market.USDM, "BTCUSDT", START_PX["BTCUSDT"] + i % 7, D(5), D(9)),
        )
        for i in range(4 * 22)
    ]
    with make_server(steps, speed=1_200, origin=origin, history=False) as server:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{server.ws_url}/market/ws/btcusdt@kline_1m") as ws,
        ):
            closed: list[int] = []
            async with asyncio.timeout(10):
                while not closed or closed[-1] < origin + 20 * MINUTE:
                    event = json.loads((await ws.receive()).data)
                    if event["k"]["x"]:
                        closed.append(event["k"]["t"])

    assert closed == list(range(closed[0], closed[-1] + 1, MINUTE))


@pytest.mark.parametrize(
    ("path", "pace"), [("/ws/btcusdt@trade", "SPOT_PING_S"), ("/public/ws", "USDM_PING_S")]
)
async def test_server_pings_at_the_pace_of_the_market(
    market: PaperMarket, monkeypatch: pytest.MonkeyPatch, path: str, pace: str
) -> None:
    monkeypatch.setattr(transport, pace, 0.02)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(market.server.ws_url + path, autoping=False) as ws,
    ):
        for _ in range(2):
            async with asyncio.timeout(2):
                message = await ws.receive()
            assert message.type is aiohttp.WSMsgType.PING
            await ws.pong(message.data)
