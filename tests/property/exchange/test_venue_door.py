"""Whatever a client sends, the venue answers in Binance's shape, and goes on serving the others."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.exchange.venue_shell.rest import RestDoor
from apps.exchange.venue_shell.routes import ENDPOINTS
from apps.exchange.venue_shell.server import VenueServer
from tests.contract.venue.conftest import make_server

NAMES = [
    "symbol",
    "pair",
    "interval",
    "limit",
    "startTime",
    "endTime",
    "fromId",
    "orderId",
    "origClientOrderId",
    "side",
    "type",
    "price",
    "quantity",
    "timeInForce",
    "newClientOrderId",
    "reduceOnly",
    "positionSide",
    "goodTillDate",
    "quoteOrderQty",
    "selfTradePreventionMode",
    "newOrderRespType",
    "algoType",
    "triggerPrice",
    "callbackRate",
    "activatePrice",
    "workingType",
    "priceProtect",
    "closePosition",
    "algoId",
    "clientAlgoId",
    "batchOrders",
    "orderidlist",
    "origclientorderidlist",
    "countdownTime",
    "leverage",
    "marginType",
    "dualSidePosition",
    "amount",
    "asset",
    "size",
    "incomeType",
    "stopPrice",
    "trailingDelta",
    "aboveType",
    "abovePrice",
    "aboveStopPrice",
    "aboveTimeInForce",
    "belowType",
    "belowPrice",
    "belowStopPrice",
    "belowTimeInForce",
    "orderListId",
    "listClientOrderId",
    "cancelReplaceMode",
    "cancelOrderId",
    "cancelOrigClientOrderId",
    "stopLimitPrice",
    "stopLimitTimeInForce",
    "recvWindow",
    "symbols",
    "priceMatch",
]
SOUND = [
    "BTCUSDT",
    "1m",
    "1",
    "0",
    "5",
    "500",
    "true",
    "false",
    "BUY",
    "SELL",
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TRAILING_STOP_MARKET",
    "LIMIT_MAKER",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "GTC",
    "IOC",
    "FOK",
    "GTX",
    "GTD",
    "GTE_GTC",
    "60000",
    "59000.0",
    "0.01",
    "0.001",
    "LONG",
    "SHORT",
    "BOTH",
    "CONDITIONAL",
    "ISOLATED",
    "CROSSED",
    "USDT",
    "MAIN_UMFUTURE",
    "UMFUTURE_MAIN",
    "STOP_ON_FAILURE",
    "ALLOW_FAILURE",
    "NONE",
    "EXPIRE_TAKER",
    "RESULT",
    "FULL",
    "ACK",
    "2000000001",
    "1000001",
    "a",
]
ODD = (
    "", " ", "-1", "1e5", "NaN", "Infinity", "9" * 20, "9" * 5_000, "²", "١", "\x00", "\n", "5\n",
    "é", "\U0001f600", "[]", "[{}]", "[1,2]", '["a"]', "[[[[", "[" * 3_000, "{}", "null",
    '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT"}]', '[{"symbol":{}}]', "0." + "1" * 21,
)  # fmt: skip
TEMPLATES: tuple[dict[str, str], ...] = (
    {},
    {"symbol": "BTCUSDT"},
    {"symbol": "BTCUSDT", "interval": "1m", "pair": "BTCUSDT"},
    {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "59000",
    },
    {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.01"},
    {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "STOP_MARKET",
        "algoType": "CONDITIONAL",
        "quantity": "0.01",
        "triggerPrice": "59000",
    },
    {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "0.01",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": "61000",
        "belowType": "STOP_LOSS",
        "belowStopPrice": "59000",
    },
    {"asset": "USDT", "amount": "1", "type": "MAIN_UMFUTURE"},
)
CHANGES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SOUND + list(ODD)), max_size=4)
PARAMS = st.builds(lambda base, changes: base | changes, st.sampled_from(TEMPLATES), CHANGES)


@pytest.fixture(scope="module")
def server() -> Iterator[VenueServer]:
    built = make_server()
    yield built
    built._listener.close()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(ENDPOINTS),
    PARAMS,
    st.sampled_from(["signed", "unsigned", "bad"]),
    st.booleans(),
)
def test_any_parameters_are_answered_with_a_result_or_a_code(
    server: VenueServer, endpoint, params, how: str, in_body: bool
) -> None:
    server.driver.beat()
    sent = urlencode({**params, "timestamp": server.host.wall_now()}, quote_via=quote)
    if how != "unsigned":
        secret = server.credential.secret if how == "signed" else "another"
        digest = hmac.new(secret.encode(), sent.encode(), hashlib.sha256).hexdigest()
        sent += f"&signature={digest}"
    query, body = ("", sent) if in_body and endpoint.method != "GET" else (sent, "")

    status, answer = ask(server, endpoint.method, endpoint.path, query.encode(), body.encode())

    assert status in (200, 400, 401), answer
    if status != 200:
        assert set(answer) >= {"code", "msg"}
        assert answer["code"] < -1000
    server.host.venue.check_invariants()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(ENDPOINTS), st.binary(max_size=80), st.binary(max_size=80))
def test_any_bytes_are_refused_with_a_code(
    server: VenueServer, endpoint, query: bytes, body: bytes
) -> None:
    for signed in (b"", b"&timestamp=%d&signature=%s" % (server.host.wall_now(), body)):
        status, answer = ask(server, endpoint.method, endpoint.path, query + signed, body)
        assert status in (200, 400), answer


def ask(
    server: VenueServer, method: str, path: str, query: bytes = b"", *bodies: bytes
) -> tuple[int, Any]:
    """Send one request past the network; a traceback in the log fails."""
    chunks = [
        {"type": "http.request", "body": part, "more_body": number < len(bodies) - 1}
        for number, part in enumerate(bodies or (b"",))
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return chunks.pop(0) if chunks else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(b"x-mbx-apikey", server.credential.key.encode())],
        "client": ("127.0.0.1", 1),
    }
    failures: list[logging.LogRecord] = []
    log = logging.getLogger("apps.exchange.venue_shell.rest")
    log.addFilter(lambda record: failures.append(record) or True)
    asyncio.run(RestDoor(server.host, ENDPOINTS)(scope, receive, send))
    log.filters.clear()
    assert not failures, failures[0].getMessage() + str(failures[0].exc_info)
    return sent[0]["status"], json.loads(sent[1]["body"])
