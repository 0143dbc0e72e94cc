"""Field by field: every key of the reference's payload tables is in the venue's answers.

Missing keys fail, extra keys are allowed. Where a recorded sample matches, its keys and JSON types are
compared too.
"""

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import pytest

from apps.exchange.adapters.pointing import point
from apps.exchange.venue_shell.wire import dumps, eight, num
from chimera.instruments import Market
from tests.contract.venue.conftest import (
    PERP,
    SPOT,
    PaperMarket,
    client_options,
    make_server,
    spot_options,
    wait_until,
)

SPOT_SYMBOL = """symbol status baseAsset baseAssetPrecision quoteAsset quotePrecision quoteAssetPrecision
    baseCommissionPrecision quoteCommissionPrecision orderTypes icebergAllowed ocoAllowed otoAllowed
    quoteOrderQtyMarketAllowed allowTrailingStop cancelReplaceAllowed amendAllowed pegInstructionsAllowed
    isSpotTradingAllowed isMarginTradingAllowed filters permissions permissionSets
    defaultSelfTradePreventionMode allowedSelfTradePreventionModes"""
USDM_SYMBOL = """symbol pair contractType deliveryDate onboardDate status maintMarginPercent
    requiredMarginPercent baseAsset quoteAsset marginAsset pricePrecision quantityPrecision
    baseAssetPrecision quotePrecision underlyingType underlyingSubType settlePlan triggerProtect
    liquidationFee marketTakeBound filters orderTypes timeInForce"""
SPOT_ACK = "symbol orderId orderListId clientOrderId transactTime"
SPOT_RESULT = f"""{SPOT_ACK} price origQty executedQty origQuoteOrderQty cummulativeQuoteQty status
    timeInForce type side workingTime selfTradePreventionMode"""
USDM_ORDER = """orderId symbol status clientOrderId price avgPrice origQty executedQty cumQty cumQuote
    timeInForce type reduceOnly closePosition side positionSide stopPrice workingType priceProtect
    origType priceMatch selfTradePreventionMode goodTillDate updateTime"""
ALGO_ORDER = """algoId clientAlgoId algoType orderType symbol side positionSide timeInForce quantity
    algoStatus triggerPrice price icebergQuantity selfTradePreventionMode workingType priceMatch
    closePosition priceProtect reduceOnly activatePrice callbackRate createTime updateTime triggerTime
    goodTillDate"""
ACCOUNT_V3 = """totalInitialMargin totalMaintMargin totalWalletBalance totalUnrealizedProfit
    totalMarginBalance totalPositionInitialMargin totalOpenOrderInitialMargin totalCrossWalletBalance
    totalCrossUnPnl availableBalance maxWithdrawAmount assets positions"""
ORDER_TRADE_UPDATE = """s S o f q p ap sp x X i l z L N n T t b a m R wt ot ps cp rp V pm gtd pP si ss
    er c"""
EXECUTION_REPORT = "e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q W V"

PUBLIC = {
    "fapiPublicGetExchangeInfo": "timezone serverTime rateLimits exchangeFilters assets futuresType symbols",
    "fapiPublicGetDepth": "lastUpdateId E T bids asks",
    "fapiPublicGetAggTrades": "a p q nq f l T m",
    "fapiPublicGetPremiumIndex": """symbol markPrice indexPrice estimatedSettlePrice lastFundingRate
        interestRate nextFundingTime time""",
    "fapiPublicGetFundingInfo": """symbol adjustedFundingRateCap adjustedFundingRateFloor
        fundingIntervalHours disclaimer""",
    "fapiPublicGetTicker24hr": """symbol priceChange priceChangePercent weightedAvgPrice lastPrice lastQty
        openPrice highPrice lowPrice volume quoteVolume openTime closeTime firstId lastId count""",
    "publicGetExchangeInfo": "timezone serverTime rateLimits exchangeFilters symbols",
    "publicGetDepth": "lastUpdateId bids asks",
    "publicGetAggTrades": "a p q f l T m M",
    "publicGetTicker24hr": """symbol priceChange priceChangePercent weightedAvgPrice prevClosePrice
        lastPrice lastQty bidPrice bidQty askPrice askQty openPrice highPrice lowPrice volume quoteVolume
        openTime closeTime firstId lastId count""",
}
PRIVATE = {
    "privateGetAccount": """makerCommission takerCommission commissionRates canTrade canWithdraw canDeposit
        brokered requireSelfTradePrevention updateTime accountType balances permissions uid""",
    "privateGetMyTrades": """symbol id orderId orderListId price qty quoteQty commission commissionAsset
        time isBuyer isMaker isBestMatch""",
    "privateGetAllOrders": f"{SPOT_RESULT} time updateTime isWorking".replace("transactTime", ""),
    "sapiGetAssetTradeFee": "symbol makerCommission takerCommission",
    "fapiPrivateGetAllOrders": f"{USDM_ORDER} time".replace("cumQty", ""),
    "fapiPrivateGetUserTrades": """buyer commission commissionAsset id maker orderId price qty quoteQty
        realizedPnl side positionSide symbol time""",
    "fapiPrivateV3GetPositionRisk": """symbol positionSide positionAmt entryPrice breakEvenPrice markPrice
        unRealizedProfit liquidationPrice isolatedMargin notional marginAsset isolatedWallet initialMargin
        maintMargin positionInitialMargin openOrderInitialMargin adl bidNotional askNotional updateTime""",
    "fapiPrivateV2GetPositionRisk": "leverage marginType isAutoAddMargin maxNotionalValue symbol",
    "fapiPrivateV3GetAccount": ACCOUNT_V3,
    "fapiPrivateV3GetBalance": """accountAlias asset balance crossWalletBalance crossUnPnl availableBalance
        maxWithdrawAmount marginAvailable updateTime""",
    "fapiPrivateGetLeverageBracket": "symbol notionalCoef brackets",
    "fapiPrivateGetSymbolConfig": "symbol marginType isAutoAddMargin leverage maxNotionalValue",
    "fapiPrivateGetAccountConfig": """feeTier canTrade canDeposit canWithdraw dualSidePosition updateTime
        multiAssetsMargin tradeGroupId""",
    "fapiPrivateGetCommissionRate": "symbol makerCommissionRate takerCommissionRate rpiCommissionRate",
    "fapiPrivateGetIncome": "symbol incomeType income asset info time tranId tradeId",
    "fapiPrivateGetAllAlgoOrders": f"""{ALGO_ORDER} actualOrderId actualPrice actualQty actualType
        tpOrderType""",
}


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    """Clients of a venue where each market has an order, a trade and, on futures, a position."""
    server = make_server().start()
    wait_until(lambda: server.host.feed.next_at is None)
    usdm = point(ccxt.binanceusdm(client_options(server)), server.rest_url, server.ws_url)
    spot = point(ccxt.binance(spot_options(server)), server.rest_url, server.ws_url)
    usdm.load_markets()
    spot.load_markets()
    usdm.create_order(PERP, "market", "buy", 0.01)
    usdm.create_order(PERP, "market", "sell", 0.01, None, {"stopLossPrice": 59_000})
    spot.create_order(SPOT, "market", "buy", 0.01)
    yield {"fapi": usdm, "spot": spot}
    server.stop()


def client_of(clients: dict[str, Any], method: str) -> Any:
    return clients["fapi" if method.startswith("fapi") else "spot"]


def first_row(answer: Any) -> dict[str, Any]:
    return answer[0] if isinstance(answer, list) else answer


def missing(keys: str, row: dict[str, Any]) -> set[str]:
    return set(keys.split()) - set(row)


@pytest.mark.parametrize("method", PUBLIC)
def test_public_answer_has_every_field(clients: dict[str, Any], method: str) -> None:
    call = getattr(client_of(clients, method), method)

    assert not missing(PUBLIC[method], first_row(call({"symbol": "BTCUSDT"})))


@pytest.mark.parametrize("method", PRIVATE)
def test_private_answer_has_every_field(clients: dict[str, Any], method: str) -> None:
    call = getattr(client_of(clients, method), method)
    params = {} if method.endswith("Income") else {"symbol": "BTCUSDT"}

    assert not missing(PRIVATE[method], first_row(call(params)))


def test_listed_symbols_have_every_field(usdm: Any, spot: Any) -> None:
    assert not missing(USDM_SYMBOL, usdm.fapiPublicGetExchangeInfo()["symbols"][0])
    assert not missing(SPOT_SYMBOL, spot.publicGetExchangeInfo()["symbols"][0])


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("ACK", SPOT_ACK),
        ("RESULT", SPOT_RESULT),
        ("FULL", f"{SPOT_RESULT} fills"),
    ],
)
def test_spot_order_answers_by_response_type(spot: Any, kind: str, keys: str) -> None:
    answer = spot.privatePostOrder(
        {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "MARKET",
            "quantity": "0.01",
            "newOrderRespType": kind,
        }
    )

    assert not missing(keys, answer)
    assert ("fills" in answer) is (kind == "FULL")


def test_usdm_order_answers_have_every_field(usdm: Any) -> None:
    order = usdm.create_order(PERP, "market", "buy", 0.01)
    algo = usdm.create_order(PERP, "market", "sell", 0.01, None, {"stopLossPrice": 59_000})

    assert not missing(USDM_ORDER, order["info"])
    assert not missing(ALGO_ORDER, algo["info"])
    assert algo["info"]["icebergQuantity"] is None


STREAMS = {
    Market.USDM: {
        "btcusdt@aggTrade": "e E s a p q nq f l T m",
        "btcusdt@trade": "e E T s t p q m X",
        "btcusdt@kline_1m": "e E s k",
        "btcusdt@depth@100ms": "e E T s U u pu b a",
        "btcusdt@depth5@100ms": "e E T s U u pu b a",
        "btcusdt@bookTicker": "e E T u s b B a A",
        "btcusdt@markPrice@1s": "e E s p i P r T ap",
        "btcusdt@miniTicker": "e E s c o h l v q",
        "btcusdt@ticker": "e E s p P w c Q o h l v q O C F L n",
        "!markPrice@arr@1s": "e E s p i P r T ap",
        "!miniTicker@arr": "e E s c o h l v q",
    },
    Market.SPOT: {
        "btcusdt@aggTrade": "e E s a p q f l T m M",
        "btcusdt@trade": "e E s t p q T m M",
        "btcusdt@kline_1m": "e E s k",
        "btcusdt@depth@100ms": "e E s U u b a",
        "btcusdt@depth5@100ms": "lastUpdateId bids asks",
        "btcusdt@bookTicker": "u s b B a A",
        "btcusdt@ticker": "e E s p P w c Q o h l v q O C F L n x b B a A",
    },
}
CATEGORY = {"trade": "public", "depth": "public", "depth5": "public", "bookTicker": "public"}


@pytest.mark.parametrize(
    ("of", "stream"), [(of, stream) for of, streams in STREAMS.items() for stream in streams]
)
async def test_stream_event_has_every_field(market: PaperMarket, of: Market, stream: str) -> None:
    category = CATEGORY.get(stream.split("@")[1], "market")
    path = f"/{category}/ws/{stream}" if of is Market.USDM else f"/ws/{stream}"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(market.server.ws_url + path) as ws,
    ):
        task = asyncio.ensure_future(ws.receive())
        async with asyncio.timeout(5):
            while not task.done():
                await asyncio.to_thread(market.tick, market=of)
                await asyncio.wait([task], timeout=0.05)

    event = first_row(json.loads(task.result().data))
    assert not missing(STREAMS[of][stream], event)
    if "@kline" in stream:
        assert not missing("t T s i f L o c h l v n x q V Q B", event["k"])


async def test_user_events_have_every_field(usdm_pro: Any, market: PaperMarket) -> None:
    key = (await usdm_pro.fapiPrivatePostListenKey())["listenKey"]
    seen: dict[str, dict[str, Any]] = {}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}/private/ws?listenKey={key}") as ws,
    ):
        await usdm_pro.set_leverage(7, PERP)
        await usdm_pro.create_order(PERP, "market", "buy", 0.01)
        await usdm_pro.create_order(PERP, "market", "sell", 0.01, None, {"stopLossPrice": 59_000})
        async with asyncio.timeout(5):
            while "ALGO_UPDATE" not in seen:
                event = json.loads((await ws.receive()).data)
                seen[event["e"]] = event

    assert not missing(ORDER_TRADE_UPDATE, seen["ORDER_TRADE_UPDATE"]["o"])
    account = seen["ACCOUNT_UPDATE"]["a"]
    assert not missing("m B P", account)
    assert not missing("a wb cw bc", account["B"][0])
    assert not missing("s pa ep bep cr up mt iw ps", account["P"][0])
    assert not missing(
        "caid aid at o s S ps f q X ai ap aq act tp p V wt pm cp pP R tt gtd rm ia",
        seen["ALGO_UPDATE"]["o"],
    )
    assert not missing("E T s q p m c S L l t i", seen["TRADE_LITE"])
    assert seen["ACCOUNT_CONFIG_UPDATE"]["ac"] == {"s": "BTCUSDT", "l": 7}


async def test_spot_user_events_have_every_field(spot_pro: Any, market: PaperMarket) -> None:
    task = asyncio.ensure_future(spot_pro.watch_orders(SPOT))
    async with asyncio.timeout(5):
        while not market.host.user_hub.has_listeners():
            await asyncio.sleep(0.005)
    await spot_pro.create_order(SPOT, "limit", "buy", 0.01, 59_000)
    report = (await task)[-1]["info"]

    assert not missing(EXECUTION_REPORT, report)


SAMPLES = {
    "http_futures_market_premium_index": "fapiPublicGetPremiumIndex",
    "http_futures_market_depth": "fapiPublicGetDepth",
    "http_futures_market_trades": "fapiPublicGetTrades",
    "http_futures_market_agg_trades": "fapiPublicGetAggTrades",
    "http_futures_market_ticker_24hr": "fapiPublicGetTicker24hr",
    "http_futures_market_ticker_price": "fapiPublicGetTickerPrice",
    "http_futures_market_book_ticker": "fapiPublicGetTickerBookTicker",
    "http_futures_market_klines": "fapiPublicGetKlines",
    "http_futures_account_orders": "fapiPrivateGetAllOrders",
    "http_futures_account_trades": "fapiPrivateGetUserTrades",
    "http_futures_account_positions_one_way": "fapiPrivateV2GetPositionRisk",
    "http_futures_account_symbol_config": "fapiPrivateGetSymbolConfig",
    "http_futures_account_position_side_dual": "fapiPrivateGetPositionSideDual",
    "http_futures_wallet_commission_rate_btcusdt": "fapiPrivateGetCommissionRate",
    "http_spot_market_depth": "publicGetDepth",
    "http_spot_market_trades": "publicGetTrades",
    "http_spot_market_agg_trades": "publicGetAggTrades",
    "http_spot_market_book_ticker": "publicGetTickerBookTicker",
    "http_spot_market_ticker_price": "publicGetTickerPrice",
    "http_spot_market_avg_price": "publicGetAvgPrice",
    "http_spot_market_klines": "publicGetKlines",
    "http_spot_wallet_account": "privateGetAccount",
    "http_wallet_trading_fee": "sapiGetAssetTradeFee",
}
ONLY_IN_SAMPLE = {
    # a trailing order's own fields: since the Algo service it is never among plain orders
    "http_futures_account_orders": {"activatePrice", "priceRate"},
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_answer_has_the_keys_and_types_of_a_recorded_payload(
    clients: dict[str, Any], data_dir: Path, monkeypatch: pytest.MonkeyPatch, sample: str
) -> None:
    path = data_dir / "payloads" / "nautilus" / "http_responses" / f"{sample}.json"
    if not path.is_file():
        pytest.skip(f"no recorded payload {path.name}")
    method = SAMPLES[sample]
    client = client_of(clients, method)
    monkeypatch.setattr(client, "parse_json", json.loads)  # ccxt turns numbers into text

    answer = first_row(getattr(client, method)({"symbol": "BTCUSDT", "interval": "1m"}))
    recorded = first_row(json.loads(path.read_text()))

    if isinstance(recorded, list):
        assert [type(v) for v in answer] == [type(v) for v in recorded]
        return
    expected = {k: type(v) for k, v in recorded.items() if k not in ONLY_IN_SAMPLE.get(sample, ())}
    assert {k: type(answer.get(k)) for k in expected} == expected


def test_encoder_writes_plain_decimals() -> None:
    assert num(Decimal("0E-8")) == "0.00000000"
    assert num(Decimal("1E+3")) == "1000"
    assert eight(Decimal("1E-9")) == "0.00000000"
    assert dumps({"a": None, "b": True}) == '{"a":null,"b":true}'
