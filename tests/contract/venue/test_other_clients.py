"""Other unmodified clients than ccxt trade at the venue too: python-binance and Binance's own SDK."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from binance import AsyncClient, BinanceSocketManager, Client
from binance.exceptions import BinanceAPIException
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures import (
    derivatives_trading_usds_futures as official,
)

from chimera.instruments import Market
from tests.contract.venue.conftest import PaperMarket, eventually

SYMBOL = "BTCUSDT"


# --- python-binance ------------------------------------------------------------------------------------


@pytest.fixture
def pointed(market: PaperMarket, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Point python-binance's classes at the venue; return key and secret."""
    rest, ws = market.server.rest_url, market.server.ws_url
    for kind in (Client, AsyncClient):
        monkeypatch.setattr(kind, "API_URL", f"{rest}/api")
        monkeypatch.setattr(kind, "MARGIN_API_URL", f"{rest}/sapi")
        monkeypatch.setattr(kind, "FUTURES_URL", f"{rest}/fapi")
        monkeypatch.setattr(kind, "WS_API_URL", f"{ws}/ws-api/v3")
        monkeypatch.setattr(kind, "WS_FUTURES_URL", f"{ws}/ws-fapi/v1")
    monkeypatch.setattr(BinanceSocketManager, "STREAM_URL", f"{ws}/")
    monkeypatch.setattr(BinanceSocketManager, "FSTREAM_URL", f"{ws}/")
    return market.server.credential.key, market.server.credential.secret


@pytest.fixture
def client(pointed: tuple[str, str]) -> Iterator[Client]:
    client = Client(*pointed)
    yield client
    client.close_connection()


@pytest_asyncio.fixture
async def async_client(pointed: tuple[str, str]) -> AsyncIterator[AsyncClient]:
    client = await AsyncClient.create(*pointed)
    yield client
    await client.close_connection()


def test_python_binance_reads_the_market(client: Client) -> None:
    symbols = {row["symbol"] for row in client.futures_exchange_info()["symbols"]}
    bars = client.futures_klines(symbol=SYMBOL, interval="1m", limit=10)
    spot_bars = client.get_klines(symbol=SYMBOL, interval="1m", limit=10)

    assert SYMBOL in symbols
    assert len(bars) == len(spot_bars) == 10
    assert float(client.futures_mark_price(symbol=SYMBOL)["markPrice"]) == 60_000
    assert client.get_symbol_info(SYMBOL)["quoteAsset"] == "USDT"


def test_python_binance_trades_futures_with_a_stop(client: Client) -> None:
    client.futures_change_leverage(symbol=SYMBOL, leverage=20)
    client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010")
    stop = client.futures_create_order(
        symbol=SYMBOL,
        side="SELL",
        type="STOP_MARKET",
        triggerPrice="59000",
        quantity="0.010",
        reduceOnly="true",
    )

    (held,) = [row for row in client.futures_position_information() if float(row["positionAmt"])]
    assert (held["symbol"], float(held["positionAmt"])) == (SYMBOL, 0.01)
    assert stop["orderType"] == "STOP_MARKET", "conditional orders have a service of their own"
    (resting,) = client.futures_get_open_algo_orders(symbol=SYMBOL)
    assert resting["algoId"] == stop["algoId"]
    client.futures_cancel_algo_order(symbol=SYMBOL, algoId=stop["algoId"])
    assert client.futures_get_open_algo_orders(symbol=SYMBOL) == []


def test_python_binance_trades_spot(client: Client) -> None:
    bought = client.order_market_buy(symbol=SYMBOL, quantity="0.010")
    resting = client.order_limit_sell(symbol=SYMBOL, quantity="0.010", price="61000.00")

    assert bought["status"] == "FILLED"
    assert [row["orderId"] for row in client.get_open_orders(symbol=SYMBOL)] == [resting["orderId"]]
    cancelled = client.cancel_order(symbol=SYMBOL, orderId=resting["orderId"])
    assert cancelled["status"] == "CANCELED"
    assert float(client.get_asset_balance("BTC")["free"]) > 2


def test_python_binance_knows_the_refusals(client: Client) -> None:
    with pytest.raises(BinanceAPIException) as refused:
        client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.00001")
    assert refused.value.code in (-1111, -4003)


async def test_python_binance_hears_both_markets(
    async_client: AsyncClient, market: PaperMarket
) -> None:
    sockets = BinanceSocketManager(async_client)
    async with sockets.futures_multiplex_socket(["btcusdt@aggTrade"]) as futures:
        traded = await eventually(futures.recv(), market.tick)
    async with sockets.multiplex_socket(["btcusdt@bookTicker"]) as spot:
        quoted = await eventually(spot.recv(), lambda: market.tick(market=Market.SPOT))

    assert (traded["data"]["e"], traded["data"]["s"]) == ("aggTrade", SYMBOL)
    assert quoted["data"]["s"] == SYMBOL


async def test_python_binance_hears_of_its_orders(async_client: AsyncClient) -> None:
    sockets = BinanceSocketManager(async_client)
    async with sockets.futures_user_socket() as user, asyncio.timeout(10):
        await async_client.futures_create_order(
            symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010"
        )
        kinds: set[str] = set()
        while not {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"} <= kinds:
            kinds.add((await user.recv())["e"])


# --- Binance's own SDK ------------------------------------------------------------------------------------


@pytest.fixture
def sdk(market: PaperMarket) -> official.DerivativesTradingUsdsFutures:
    credential = market.server.credential
    return official.DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(
            api_key=credential.key,
            api_secret=credential.secret,
            base_path=market.server.rest_url,
            timeout=5_000,
            retries=0,
        ),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=market.server.ws_url),
    )


def test_official_sdk_reads_typed_answers_and_limits(sdk: Any) -> None:
    rest = sdk.rest_api
    info = rest.exchange_information()
    bars = rest.kline_candlestick_data(symbol=SYMBOL, interval="1m", limit=5).data()

    assert SYMBOL in {row.symbol for row in info.data().symbols}
    assert len(bars) == 5
    assert {limit.rateLimitType for limit in info.rate_limits} == {"REQUEST_WEIGHT"}
    assert float(rest.account_information_v3().data().total_wallet_balance) == 10_000


def test_official_sdk_trades_with_a_stop(sdk: Any) -> None:
    rest = sdk.rest_api
    bought = rest.new_order(
        symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.01, new_order_resp_type="RESULT"
    ).data()
    stop = rest.new_algo_order(
        algo_type="CONDITIONAL",
        symbol=SYMBOL,
        side="SELL",
        type="STOP_MARKET",
        trigger_price=59_000.0,
        quantity=0.01,
        reduce_only="true",
    ).data()

    assert (bought.status, float(bought.executed_qty)) == ("FILLED", 0.01)
    (held,) = rest.position_information_v3(symbol=SYMBOL).data()
    assert float(held.position_amt) == 0.01
    (resting,) = rest.current_all_algo_open_orders(symbol=SYMBOL).data()
    assert resting.algo_id == stop.algo_id


async def test_official_sdk_hears_the_market(sdk: Any, market: PaperMarket) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    connection = await sdk.websocket_streams.create_connection()
    try:
        trades = await connection.aggregate_trade_streams(symbol=SYMBOL.lower())
        trades.on("message", heard.put_nowait)
        trade = await eventually(heard.get(), market.tick)
        assert (trade.e, trade.s) == ("aggTrade", SYMBOL)
    finally:
        await connection.close_connection(close_session=True)
