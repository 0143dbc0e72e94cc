"""The route tables: every REST endpoint of the venue with its weight, security and handler."""

from functools import partial

from apps.exchange.venue_shell import market_handlers as market
from apps.exchange.venue_shell import spot_handlers as spot
from apps.exchange.venue_shell import usdm_account_handlers as account
from apps.exchange.venue_shell import usdm_handlers as usdm
from apps.exchange.venue_shell import wallet_handlers as wallet
from apps.exchange.venue_shell.endpoint import Endpoint, Security, its_symbol
from apps.exchange.venue_shell.market_handlers import depth_weight, weight_by_symbol
from chimera.instruments import Market

KEY, SIGNED = Security.KEY, Security.SIGNED

_um = partial(Endpoint, market=Market.USDM)
_spot = partial(Endpoint, market=Market.SPOT)

_UM_DEPTH = depth_weight(((50, 2), (100, 5), (500, 10), (1_000, 20)), 500)
_UM_KLINES = depth_weight(((99, 1), (499, 2), (1_000, 5), (1_500, 10)), 500)
_SPOT_DEPTH = depth_weight(((100, 5), (500, 25), (1_000, 50), (5_000, 250)), 100)


def _get(make: partial[Endpoint], path: str, handler: object, **kw: object) -> Endpoint:
    return make(method="GET", path=path, handler=handler, **kw)


def _post(make: partial[Endpoint], path: str, handler: object, **kw: object) -> Endpoint:
    return make(method="POST", path=path, handler=handler, **kw)


def _put(make: partial[Endpoint], path: str, handler: object, **kw: object) -> Endpoint:
    return make(method="PUT", path=path, handler=handler, **kw)


def _delete(make: partial[Endpoint], path: str, handler: object, **kw: object) -> Endpoint:
    return make(method="DELETE", path=path, handler=handler, **kw)


USDM_MARKET = (
    _get(_um, "/fapi/v1/ping", market.ping),
    _get(_um, "/fapi/v1/time", market.time),
    _get(_um, "/fapi/v1/exchangeInfo", wallet.usdm_exchange_info),
    _get(_um, "/fapi/v1/depth", market.usdm_depth, weight=_UM_DEPTH),
    _get(_um, "/fapi/v1/rpiDepth", market.usdm_depth, weight=20),
    _get(_um, "/fapi/v1/trades", market.trades, weight=5),
    _get(_um, "/fapi/v1/historicalTrades", market.trades, weight=200, security=KEY),
    _get(_um, "/fapi/v1/aggTrades", market.agg_trades, weight=20),
    _get(_um, "/fapi/v1/klines", market.klines, weight=_UM_KLINES),
    _get(_um, "/fapi/v1/markPriceKlines", market.mark_klines, weight=_UM_KLINES),
    _get(_um, "/fapi/v1/indexPriceKlines", market.index_klines, weight=_UM_KLINES),
    _get(_um, "/fapi/v1/premiumIndexKlines", market.premium_klines, weight=_UM_KLINES),
    _get(_um, "/fapi/v1/ticker/24hr", market.ticker_24h, weight=weight_by_symbol(1, 40)),
    _get(_um, "/fapi/v1/ticker/price", market.ticker_price, weight=weight_by_symbol(1, 2)),
    _get(_um, "/fapi/v2/ticker/price", market.ticker_price, weight=weight_by_symbol(1, 2)),
    _get(_um, "/fapi/v1/ticker/bookTicker", market.book_ticker, weight=weight_by_symbol(2, 5)),
    _get(_um, "/fapi/v1/premiumIndex", market.premium_index, weight=weight_by_symbol(1, 10)),
    _get(_um, "/fapi/v1/openInterest", market.open_interest, weight=1),
    _get(_um, "/fapi/v1/fundingRate", market.funding_rate, weight=1),
    _get(_um, "/fapi/v1/fundingInfo", market.funding_info, weight=1),
)

USDM_ORDERS = (
    _post(
        _um,
        "/fapi/v1/order",
        usdm.place_order,
        security=SIGNED,
        weight=0,
        orders=1,
        places=its_symbol,
    ),
    _post(_um, "/fapi/v1/order/test", usdm.test_order, security=SIGNED, weight=0),
    _post(
        _um,
        "/fapi/v1/batchOrders",
        usdm.place_batch,
        security=SIGNED,
        weight=5,
        orders=usdm.batch_size,
        places=usdm.batch_symbols,
    ),
    _put(
        _um,
        "/fapi/v1/order",
        usdm.amend_order,
        security=SIGNED,
        weight=0,
        orders=1,
        places=its_symbol,
    ),
    _delete(_um, "/fapi/v1/order", usdm.cancel_order, security=SIGNED),
    _delete(_um, "/fapi/v1/batchOrders", usdm.cancel_batch, security=SIGNED),
    _delete(_um, "/fapi/v1/allOpenOrders", usdm.cancel_all, security=SIGNED),
    _post(
        _um,
        "/fapi/v1/countdownCancelAll",
        usdm.countdown_cancel_all,
        security=SIGNED,
        weight=10,
    ),
    _get(_um, "/fapi/v1/order", usdm.get_order, security=SIGNED),
    _get(_um, "/fapi/v1/openOrder", usdm.get_open_order, security=SIGNED),
    _get(
        _um,
        "/fapi/v1/openOrders",
        usdm.open_orders,
        security=SIGNED,
        weight=weight_by_symbol(1, 40),
    ),
    _get(_um, "/fapi/v1/allOrders", usdm.all_orders, security=SIGNED, weight=5),
    _get(_um, "/fapi/v1/userTrades", usdm.user_trades, security=SIGNED, weight=5),
    _get(
        _um,
        "/fapi/v1/forceOrders",
        usdm.force_orders,
        security=SIGNED,
        weight=weight_by_symbol(20, 50),
    ),
    _post(
        _um,
        "/fapi/v1/algoOrder",
        usdm.place_algo,
        security=SIGNED,
        weight=0,
        orders=1,
        places=its_symbol,
    ),
    _delete(_um, "/fapi/v1/algoOrder", usdm.cancel_algo, security=SIGNED),
    _delete(_um, "/fapi/v1/algoOpenOrders", usdm.cancel_all_algo, security=SIGNED),
    _get(_um, "/fapi/v1/algoOrder", usdm.get_algo, security=SIGNED),
    _get(
        _um,
        "/fapi/v1/openAlgoOrders",
        usdm.open_algos,
        security=SIGNED,
        weight=weight_by_symbol(1, 40),
    ),
    _get(_um, "/fapi/v1/allAlgoOrders", usdm.all_algos, security=SIGNED, weight=5),
)

USDM_ACCOUNT = (
    _get(_um, "/fapi/v3/account", account.account, security=SIGNED, weight=5),
    _get(_um, "/fapi/v2/account", account.account_v2, security=SIGNED, weight=5),
    _get(_um, "/fapi/v3/balance", account.balance, security=SIGNED, weight=5),
    _get(_um, "/fapi/v2/balance", account.balance, security=SIGNED, weight=5),
    _get(_um, "/fapi/v3/positionRisk", account.position_risk, security=SIGNED, weight=5),
    _get(_um, "/fapi/v2/positionRisk", account.position_risk_v2, security=SIGNED, weight=5),
    _get(_um, "/fapi/v1/symbolConfig", account.symbol_config, security=SIGNED, weight=5),
    _get(_um, "/fapi/v1/accountConfig", account.account_config, security=SIGNED, weight=5),
    _get(_um, "/fapi/v1/commissionRate", account.commission_rate, security=SIGNED, weight=20),
    _get(_um, "/fapi/v1/leverageBracket", account.leverage_bracket, security=SIGNED),
    _post(_um, "/fapi/v1/leverage", account.set_leverage, security=SIGNED),
    _post(_um, "/fapi/v1/marginType", account.set_margin_type, security=SIGNED),
    _get(_um, "/fapi/v1/positionSide/dual", account.position_mode, security=SIGNED, weight=30),
    _post(_um, "/fapi/v1/positionSide/dual", account.set_position_mode, security=SIGNED),
    _get(_um, "/fapi/v1/multiAssetsMargin", account.multi_assets_mode, security=SIGNED, weight=30),
    _post(_um, "/fapi/v1/multiAssetsMargin", account.set_multi_assets_mode, security=SIGNED),
    _get(_um, "/fapi/v1/feeBurn", account.fee_burn, security=SIGNED, weight=30),
    _post(_um, "/fapi/v1/feeBurn", account.set_fee_burn, security=SIGNED),
    _post(_um, "/fapi/v1/positionMargin", account.position_margin, security=SIGNED),
    _get(_um, "/fapi/v1/income", account.income, security=SIGNED, weight=30),
    _get(_um, "/fapi/v1/rateLimit/order", account.order_rate_limits, security=SIGNED),
    _post(_um, "/fapi/v1/listenKey", account.open_listen_key, security=KEY),
    _put(_um, "/fapi/v1/listenKey", account.extend_listen_key, security=KEY),
    _delete(_um, "/fapi/v1/listenKey", account.close_listen_key, security=KEY),
)

SPOT_MARKET = (
    _get(_spot, "/api/v3/ping", market.ping),
    _get(_spot, "/api/v3/time", market.time),
    _get(_spot, "/api/v3/exchangeInfo", wallet.spot_exchange_info, weight=20),
    _get(_spot, "/api/v3/depth", market.spot_depth, weight=_SPOT_DEPTH),
    _get(_spot, "/api/v3/trades", market.trades, weight=25),
    _get(_spot, "/api/v3/historicalTrades", market.trades, weight=25, security=KEY),
    _get(_spot, "/api/v3/aggTrades", market.agg_trades, weight=4),
    _get(_spot, "/api/v3/klines", market.klines, weight=2),
    _get(_spot, "/api/v3/avgPrice", market.average_price, weight=2),
    _get(_spot, "/api/v3/ticker/24hr", market.ticker_24h, weight=weight_by_symbol(2, 80)),
    _get(_spot, "/api/v3/ticker/price", market.ticker_price, weight=weight_by_symbol(2, 4)),
    _get(_spot, "/api/v3/ticker/bookTicker", market.book_ticker, weight=weight_by_symbol(2, 4)),
)

SPOT_TRADING = (
    _post(
        _spot,
        "/api/v3/order",
        spot.place_order,
        security=SIGNED,
        orders=1,
        places=its_symbol,
        free_on_success=True,
    ),
    _post(_spot, "/api/v3/order/test", spot.test_order, security=SIGNED),
    _delete(_spot, "/api/v3/order", spot.cancel_order, security=SIGNED, free_on_success=True),
    _delete(_spot, "/api/v3/openOrders", spot.cancel_all, security=SIGNED, free_on_success=True),
    _post(
        _spot,
        "/api/v3/order/cancelReplace",
        spot.cancel_replace,
        security=SIGNED,
        orders=1,
        places=its_symbol,
        free_on_success=True,
    ),
    _get(_spot, "/api/v3/order", spot.get_order, security=SIGNED, weight=4),
    _get(
        _spot,
        "/api/v3/openOrders",
        spot.open_orders,
        security=SIGNED,
        weight=weight_by_symbol(6, 80),
    ),
    _get(_spot, "/api/v3/allOrders", spot.all_orders, security=SIGNED, weight=20),
    _get(_spot, "/api/v3/myTrades", spot.my_trades, security=SIGNED, weight=20),
    _get(_spot, "/api/v3/myPreventedMatches", spot.prevented_matches, security=SIGNED, weight=20),
    _post(
        _spot,
        "/api/v3/orderList/oco",
        spot.place_oco,
        security=SIGNED,
        orders=2,
        places=its_symbol,
        free_on_success=True,
    ),
    _post(
        _spot,
        "/api/v3/order/oco",
        spot.place_oco_deprecated,
        security=SIGNED,
        orders=2,
        places=its_symbol,
        free_on_success=True,
    ),
    _delete(_spot, "/api/v3/orderList", spot.cancel_list, security=SIGNED, free_on_success=True),
    _get(_spot, "/api/v3/orderList", spot.get_list, security=SIGNED, weight=4),
    _get(_spot, "/api/v3/openOrderList", spot.open_lists, security=SIGNED, weight=6),
    _get(_spot, "/api/v3/allOrderList", spot.all_lists, security=SIGNED, weight=20),
    _get(_spot, "/api/v3/account", spot.account, security=SIGNED, weight=20),
    _get(_spot, "/api/v3/account/commission", spot.commission, security=SIGNED, weight=20),
    _get(_spot, "/api/v3/rateLimit/order", spot.order_rate_limits, security=SIGNED, weight=40),
)

WALLET = (
    _post(_spot, "/sapi/v1/asset/transfer", wallet.transfer, security=SIGNED),
    _get(_spot, "/sapi/v1/asset/transfer", wallet.transfers, security=SIGNED),
    _get(_spot, "/sapi/v1/asset/tradeFee", wallet.trade_fee, security=SIGNED),
    _get(_spot, "/sapi/v1/system/status", wallet.system_status),
    _get(_spot, "/sapi/v1/capital/config/getall", wallet.coins, security=SIGNED, weight=10),
    _get(_spot, "/sapi/v1/margin/allPairs", wallet.no_rows, security=KEY),
    _get(_spot, "/sapi/v1/margin/isolated/allPairs", wallet.no_rows, security=KEY),
    _get(_spot, "/dapi/v1/exchangeInfo", wallet.empty_exchange_info),
)

ENDPOINTS = USDM_MARKET + USDM_ORDERS + USDM_ACCOUNT + SPOT_MARKET + SPOT_TRADING + WALLET

# Methods of the websocket API and the REST endpoint that each of them is.
WS_METHODS: dict[Market, dict[str, str]] = {
    Market.USDM: {
        "ping": "GET /fapi/v1/ping",
        "time": "GET /fapi/v1/time",
        "depth": "GET /fapi/v1/depth",
        "ticker.price": "GET /fapi/v1/ticker/price",
        "ticker.book": "GET /fapi/v1/ticker/bookTicker",
        "order.place": "POST /fapi/v1/order",
        "order.modify": "PUT /fapi/v1/order",
        "order.cancel": "DELETE /fapi/v1/order",
        "order.status": "GET /fapi/v1/order",
        "algoOrder.place": "POST /fapi/v1/algoOrder",
        "algoOrder.cancel": "DELETE /fapi/v1/algoOrder",
        "account.status": "GET /fapi/v3/account",
        "v2/account.status": "GET /fapi/v3/account",
        "account.balance": "GET /fapi/v2/balance",
        "v2/account.balance": "GET /fapi/v3/balance",
        "account.position": "GET /fapi/v2/positionRisk",
        "v2/account.position": "GET /fapi/v3/positionRisk",
        "userDataStream.start": "POST /fapi/v1/listenKey",
        "userDataStream.ping": "PUT /fapi/v1/listenKey",
        "userDataStream.stop": "DELETE /fapi/v1/listenKey",
    },
    Market.SPOT: {
        "ping": "GET /api/v3/ping",
        "time": "GET /api/v3/time",
        "exchangeInfo": "GET /api/v3/exchangeInfo",
        "depth": "GET /api/v3/depth",
        "klines": "GET /api/v3/klines",
        "trades.recent": "GET /api/v3/trades",
        "trades.aggregate": "GET /api/v3/aggTrades",
        "ticker.24hr": "GET /api/v3/ticker/24hr",
        "ticker.price": "GET /api/v3/ticker/price",
        "ticker.book": "GET /api/v3/ticker/bookTicker",
        "order.place": "POST /api/v3/order",
        "order.test": "POST /api/v3/order/test",
        "order.cancel": "DELETE /api/v3/order",
        "order.cancelReplace": "POST /api/v3/order/cancelReplace",
        "order.status": "GET /api/v3/order",
        "openOrders.status": "GET /api/v3/openOrders",
        "openOrders.cancelAll": "DELETE /api/v3/openOrders",
        "orderList.place.oco": "POST /api/v3/orderList/oco",
        "orderList.cancel": "DELETE /api/v3/orderList",
        "orderList.status": "GET /api/v3/orderList",
        "openOrderLists.status": "GET /api/v3/openOrderList",
        "account.status": "GET /api/v3/account",
        "account.commission": "GET /api/v3/account/commission",
        "allOrders": "GET /api/v3/allOrders",
        "myTrades": "GET /api/v3/myTrades",
    },
}
