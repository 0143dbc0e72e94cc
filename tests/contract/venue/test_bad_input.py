"""What no sane client sends: each gets Binance's code and shape, and others are served meanwhile."""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import requests

from apps.exchange.venue_shell.rest import BODY_MAX
from apps.exchange.venue_shell.server import MESSAGE_MAX
from chimera.instruments import Market
from tests.contract.venue.conftest import PaperMarket, make_server
from tests.contract.venue.test_security import signed


@pytest.fixture(autouse=True)
def calm(market: PaperMarket, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail on any traceback, and unless the venue still serves at the end."""
    with caplog.at_level(logging.DEBUG, logger="uvicorn"):
        yield
    assert requests.get(f"{market.server.rest_url}/fapi/v1/ping", timeout=5).json() == {}
    assert not [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


# --- REST -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("symbol=BTCUSDT&leverage=5&leverage=7", "", -1101),
        ("symbol=BTCUSDT", "leverage=5&leverage=5", -1101),
        ("&".join(f"a{n}=1" for n in range(120)), "", -1101),
        ("symbol=BTCUSDT&leverage=5&recvWindow=NaN", "", -1100),
        ("symbol=BTCUSDT&leverage=5&recvWindow=-1", "", -1100),
        ("symbol=BTCUSDT&leverage=5&recvWindow=0", "", -1131),
        ("symbol=BTCUSDT&leverage=5&recvWindow=60001", "", -1131),
        ("symbol=BTCUSDT", '{"leverage": 5}', -1102),
        ("symbol=BTCUSDT%0A&leverage=5", "", -1100),
        ("symbol=BTCUSDT&leverage=99999999999999999999", "", -1100),
        ("symbol=BTCUSDT&leverage=%C2%B2", "", -1100),
    ],
)
def test_rest_malformed_parameters_are_refused_with_a_code(
    market: PaperMarket, query: str, body: str, code: int
) -> None:
    answer = signed(market, "POST", "/fapi/v1/leverage", query, body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_rest_signature_that_is_no_text_is_invalid(market: PaperMarket) -> None:
    stamp = time.time_ns() // 1_000_000
    answer = requests.get(
        f"{market.server.rest_url}/fapi/v3/account?timestamp={stamp}&signature=%C3%A9",
        headers={"X-MBX-APIKEY": market.server.credential.key},
        timeout=5,
    )

    assert answer.json()["code"] == -1022


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/fapi/v1/time"),
        ("PATCH", "/fapi/v1/order"),
        ("OPTIONS", "/api/v3/order"),
        ("GET", "/fapi/v1/none"),
        ("GET", "/"),
    ],
)
def test_rest_wrong_method_or_path_is_named(market: PaperMarket, method: str, path: str) -> None:
    answer = requests.request(method, f"{market.server.rest_url}{path}", timeout=5)

    assert answer.status_code == 404
    assert answer.json() == {"code": -5000, "msg": f"Path {path}, Method {method} is invalid"}


@pytest.mark.parametrize("chunked", [False, True])
def test_rest_huge_body_is_refused_and_the_connection_stays_usable(
    market: PaperMarket, chunked: bool
) -> None:
    part = b"a" * BODY_MAX
    url = market.server.rest_url
    with requests.Session() as session:
        session.headers["X-MBX-APIKEY"] = market.server.credential.key
        sent: Any = iter([part, part, part]) if chunked else part * 3
        answer = session.post(f"{url}/fapi/v1/order", data=sent, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (413, -1101)
        assert session.get(f"{url}/fapi/v1/time", timeout=5).status_code == 200


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", "\xe9"]
)
def test_rest_other_content_types_are_read_as_a_form_and_refused(
    market: PaperMarket, kind: str
) -> None:
    answer = requests.post(
        f"{market.server.rest_url}/fapi/v1/order",
        data=b'\xff\xfe{"symbol": "BTCUSDT"}',
        headers={"X-MBX-APIKEY": market.server.credential.key, "Content-Type": kind},
        timeout=5,
    )

    assert (answer.status_code, answer.json()["code"]) == (400, -1102)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff garbage\r\n\r\n",
        b"POST /fapi/v1/listenKey HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /fapi/v1/depth?symbol=\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /fapi/v1/ping HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000,
    ],
)
def test_rest_broken_http_harms_nobody(market: PaperMarket, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", market.server.port), timeout=5) as raw:
        raw.sendall(sent)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(65_536):
            pass
    assert not market.host.user_hub._listen_keys


def test_rest_batch_of_nonsense_is_refused_whole_or_entry_by_entry(market: PaperMarket) -> None:
    def batch(text: str) -> Any:
        quoted = requests.utils.quote(text, safe="")
        return signed(market, "POST", "/fapi/v1/batchOrders", f"batchOrders={quoted}").json()

    assert batch("[" * 4_000)["code"] == -1100
    assert batch("[1]")["code"] == -1100
    assert batch("[]")["code"] == -4082
    assert batch(json.dumps([{}] * 6))["code"] == -4082
    assert [row["code"] for row in batch('[{}, {"symbol": {"a": []}}]')] == [-1102, -1100]


# --- websockets -------------------------------------------------------------------------------------

FRAMES = [
    ("not json", 3),
    ("[" * 100_000, 3),
    ('"\\ud800"', 3),
    ("[]", 2),
    ("{}", 2),
    ('{"method": 7, "id": 1}', 2),
    ('{"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 1}', 2),
    ('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2),
    ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade", "nope"], "id": 1}', 2),
    ('{"method": "SUBSCRIBE", "params": ["btcusdt@depthLevels"], "id": 1}', 2),
    ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade\\n"], "id": 1}', 2),
    ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": {}}', 2),
    ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1e9}', 2),
]


@pytest.mark.parametrize(("frame", "code"), FRAMES)
@pytest.mark.parametrize("binary", [False, True])
async def test_stream_garbage_is_answered_and_subscribes_nothing(
    market: PaperMarket, frame: str, code: int, binary: bool
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}/public/stream") as ws,
    ):
        await (ws.send_bytes(frame.encode()) if binary else ws.send_str(frame))
        answer = await ws.receive_json(timeout=5)
        assert answer["error"]["code"] == code
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert await ws.receive_json(timeout=5) == {"result": [], "id": 2}


@pytest.mark.parametrize("path", ["/public/stream", "/ws-fapi/v1", "/ws-api/v3"])
async def test_socket_invalid_utf8_is_refused_as_json(market: PaperMarket, path: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}{path}") as ws,
    ):
        await ws.send_bytes(b"\xff\xfe\x00")
        answer = await ws.receive_json(timeout=5)
        assert answer["error"]["msg"].startswith("Invalid JSON")


@pytest.mark.parametrize("path", ["/public/stream", "/private/ws", "/ws-fapi/v1", "/stream"])
async def test_socket_oversized_frame_closes_it_alone(market: PaperMarket, path: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}/public/ws/btcusdt@trade") as other,
        session.ws_connect(f"{market.server.ws_url}{path}") as ws,
    ):
        await ws.send_str("a" * (MESSAGE_MAX + 1))
        closed = await ws.receive(timeout=5)
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1009)
        await asyncio.to_thread(market.step, "60001")
        assert (await other.receive_json(timeout=5))["p"] == "60001.00"


@pytest.mark.parametrize(
    "path",
    [
        '/public/stream?streams=btcusdt@trade/nope/btcusdt@trade@7s/"/btcusdt@kline_1m',
        "/public/ws/nope/btcusdt@trade",
        "/stream?streams=nope/btcusdt@trade",
    ],
)
async def test_combined_path_with_unknown_streams_serves_the_known(
    market: PaperMarket, path: str
) -> None:
    of = Market.SPOT if path.startswith("/stream") else Market.USDM
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}{path}") as ws,
    ):
        await asyncio.to_thread(market.step, "60001", market=of)
        told = await ws.receive_json(timeout=5)
        assert told.get("data", told)["e"] == "trade"


SPEEDS = ("", "@100ms", "@250ms", "@500ms", "@1s")
PUBLIC = ("trade", "bookTicker", "depth", "depth5", "depth10", "depth20")
MARKET = ("aggTrade", "kline_1m", "kline_1d", "markPrice", "miniTicker", "ticker", "forceOrder")
ALL = ("!markPrice@arr@1s", "!miniTicker@arr", "!ticker@arr", "!forceOrder@arr", "!bookTicker")


@pytest.mark.parametrize(
    ("path", "words"),
    [("/public/stream", PUBLIC), ("/market/stream", MARKET), ("/stream", PUBLIC + MARKET)],
)
async def test_every_stream_that_is_accepted_can_be_served(
    market: PaperMarket, path: str, words: tuple[str, ...]
) -> None:
    """A channel that failed would take the market's clock down with it."""
    spot = path == "/stream"
    names = [f"{s}usdt@{w}{v}" for s in ("btc", "eth") for w in words for v in SPEEDS]
    names += ALL
    names = [n for n in names if not (spot and ("markPrice" in n or "forceOrder" in n))]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}{path}") as ws,
    ):
        await ws.send_json({"method": "SUBSCRIBE", "params": names, "id": "all"})
        assert await ws.receive_json(timeout=5) == {"result": None, "id": "all"}
        for symbol in ("BTCUSDT", "ETHUSDT"):
            await asyncio.to_thread(
                market.tick, market=Market.SPOT if spot else Market.USDM, symbol=symbol
            )
        told = set()
        async with asyncio.timeout(5):
            while len(told) < 20:
                told.add((await ws.receive_json())["stream"])
        assert told <= set(names)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/public/stream", "LIST_SUBSCRIPTIONS"),
        ("/stream", "LIST_SUBSCRIPTIONS"),
        ("/ws-api/v3", "ping"),
        ("/ws-fapi/v1", "ping"),
    ],
)
async def test_flood_of_requests_closes_the_flooding_socket(path: str, method: str) -> None:
    with make_server(unlimited=False) as server:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{server.ws_url}{path}") as ws,
        ):
            for number in range(40):
                await ws.send_json({"method": method, "id": number})
            answers = [m.data async for m in ws if m.type is aiohttp.WSMsgType.TEXT]
            assert 0 < len(answers) < 40
            assert ws.close_code == 1008


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nope", -1000),
        ("[" * 100_000, -1000),
        ("[]", -1102),
        ('{"id": {}, "method": "ping"}', -1102),
        ('{"id": 1, "method": 3}', -1102),
        ('{"id": 1, "method": "nope"}', -1000),
        ('{"id": 1, "method": "ping", "params": []}', None),
        ('{"id": 1, "method": "ping", "params": [1]}', -1102),
        ('{"id": 1, "method": "depth", "params": {"symbol": {"a": 1}}}', -1100),
        ('{"id": 1, "method": "account.status", "params": {"apiKey": 7}}', -2015),
    ],
)
@pytest.mark.parametrize("path", ["/ws-fapi/v1", "/ws-api/v3"])
async def test_api_garbage_is_answered_with_a_code(
    market: PaperMarket, path: str, frame: str, code: int | None
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}{path}") as ws,
    ):
        await ws.send_str(frame)
        answer = await ws.receive_json(timeout=5)
        assert set(answer) == {"id", "status", "result" if code is None else "error", "rateLimits"}
        assert answer.get("error", {}).get("code") == code
        await ws.send_json({"id": "next", "method": "ping"})
        assert (await ws.receive_json(timeout=5))["id"] == "next"


async def test_api_signature_that_is_no_text_is_invalid(market: PaperMarket) -> None:
    params = {
        "apiKey": market.server.credential.key,
        "timestamp": time.time_ns() // 1_000_000,
        "signature": "é",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{market.server.ws_url}/ws-fapi/v1") as ws,
    ):
        await ws.send_json({"id": 1, "method": "account.status", "params": params})
        assert (await ws.receive_json(timeout=5))["error"]["code"] == -1022


@pytest.mark.parametrize("path", ["/fapi/v1/order", "/private", "/ws-fapi/v9"])
async def test_socket_at_a_path_without_one_is_refused(market: PaperMarket, path: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{market.server.ws_url}{path}")
    assert refused.value.status == 403


async def test_any_number_of_listen_keys_is_one_per_account(market: PaperMarket) -> None:
    url = f"{market.server.rest_url}/fapi/v1/listenKey"
    header = {"X-MBX-APIKEY": market.server.credential.key}

    keys = {requests.post(url, headers=header, timeout=5).json()["listenKey"] for _ in range(50)}

    assert len(keys) == len(market.host.user_hub._listen_keys) == 1
