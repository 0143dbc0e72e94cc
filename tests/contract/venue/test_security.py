"""Keys, signatures over raw bytes, timestamps, weights and order limits."""

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import quote

import ccxt
import pytest
import requests

from apps.exchange.adapters.pointing import point
from chimera.instruments import Market
from tests.contract.venue.conftest import (
    PERP,
    PaperMarket,
    client_options,
    make_server,
    wait_until,
)


def signed(market: PaperMarket, method: str, path: str, query: str = "", body: str = "") -> Any:
    """Send `query` and `body` exactly as given, signed as Binance documents it."""
    credential = market.server.credential
    stamp = f"timestamp={time.time_ns() // 1_000_000}"
    query = f"{query}&{stamp}" if query else stamp
    digest = hmac.new(
        credential.secret.encode(), (query + body).encode(), hashlib.sha256
    ).hexdigest()
    return requests.request(
        method,
        f"{market.server.rest_url}{path}?{query}&signature={digest}",
        data=body or None,
        headers={"X-MBX-APIKEY": credential.key},
        timeout=5,
    )


def test_signature_wrong_secret_is_refused(market: PaperMarket) -> None:
    options = {**client_options(market.server), "secret": "wrong"}
    client = point(ccxt.binanceusdm(options), market.server.rest_url, market.server.ws_url)

    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        client.fetch_balance()


@pytest.mark.parametrize(("key", "code"), [("no good", -2014), ("unknown0", -2015)])
def test_api_key_malformed_or_unknown_is_401(market: PaperMarket, key: str, code: int) -> None:
    answer = requests.get(
        f"{market.server.rest_url}/fapi/v3/account", headers={"X-MBX-APIKEY": key}, timeout=5
    )

    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_signature_split_between_query_and_body_is_accepted(market: PaperMarket) -> None:
    answer = signed(market, "POST", "/fapi/v1/leverage", query="symbol=BTCUSDT", body="leverage=7")

    assert answer.json()["leverage"] == 7


def test_signature_over_encoded_arrays_is_checked_raw(market: PaperMarket) -> None:
    ids = quote('["a","b"]', safe="")

    answer = signed(
        market,
        "DELETE",
        "/fapi/v1/batchOrders",
        query=f"symbol=BTCUSDT&origclientorderidlist={ids}",
    )

    assert [row["code"] for row in answer.json()] == [-2011, -2011]


def test_query_wins_over_the_body(market: PaperMarket) -> None:
    answer = signed(
        market, "POST", "/fapi/v1/leverage", query="symbol=BTCUSDT&leverage=9", body="leverage=7"
    )

    assert answer.json()["leverage"] == 9


@pytest.mark.parametrize(("shift", "text"), [(8_000, "recvWindow"), (-8_000, "ahead")])
def test_timestamp_off_is_invalid_nonce(market: PaperMarket, shift: int, text: str) -> None:
    options = {**client_options(market.server), "options": {"recvWindow": 5_000}}
    client = point(ccxt.binanceusdm(options), market.server.rest_url, market.server.ws_url)
    market.host.faults.clock_shift_ms = shift

    with pytest.raises(ccxt.InvalidNonce, match=text):
        client.fetch_balance()
    client.load_time_difference()
    client.options["adjustForTimeDifference"] = True
    assert client.fetch_balance()["USDT"]["total"] == 10_000


def test_recv_window_too_wide_is_refused(market: PaperMarket) -> None:
    assert signed(market, "GET", "/fapi/v3/account", "recvWindow=70000").json()["code"] == -1131


def test_signature_parameter_missing_is_named(market: PaperMarket) -> None:
    answer = requests.get(
        f"{market.server.rest_url}/fapi/v3/account?timestamp={time.time_ns() // 1_000_000}",
        headers={"X-MBX-APIKEY": market.server.credential.key},
        timeout=5,
    )

    assert answer.json()["code"] == -1102
    assert "'signature'" in answer.json()["msg"]


def test_unknown_path_is_404(market: PaperMarket) -> None:
    assert requests.get(f"{market.server.rest_url}/fapi/v9/nope", timeout=5).status_code == 404


def test_used_weight_header_grows_within_the_minute(usdm: Any) -> None:
    usdm.fetch_order_book(PERP, 1_000)
    first = int(usdm.last_response_headers["X-Mbx-Used-Weight-1m"])
    usdm.fetch_order_book(PERP, 1_000)

    assert int(usdm.last_response_headers["X-Mbx-Used-Weight-1m"]) in (first + 20, 20)


def test_order_count_headers_come_with_accepted_orders(usdm: Any) -> None:
    usdm.create_order(PERP, "limit", "buy", 0.01, 59_000)

    headers = usdm.last_response_headers
    assert headers["X-Mbx-Order-Count-10s"] == "1"
    assert headers["X-Mbx-Order-Count-1m"] == "1"


def test_weight_over_the_limit_is_429_then_418_with_retry_after() -> None:
    with make_server(unlimited=False) as server:
        wait_until(lambda: server.host.feed.next_at is None)
        url = f"{server.rest_url}/fapi/v1/ticker/24hr"
        answers = [requests.get(url, timeout=5) for _ in range(80)]

    statuses = [answer.status_code for answer in answers]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert statuses[0] == 200
    assert 429 in statuses
    assert statuses[-1] == 418
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert {answer.json()["code"] for answer in refused} == {-1003}


def test_orders_over_the_limit_are_refused_with_1015() -> None:
    with make_server(unlimited=False) as server:
        wait_until(lambda: server.host.feed.next_at is None)
        client = point(ccxt.binanceusdm(client_options(server)), server.rest_url, server.ws_url)
        client.load_markets()
        limiter = server.host.limiters[Market.USDM]
        limiter.count_orders("demo", 300, server.host.wall_now())
        limiter.count_orders("demo", 900, server.host.wall_now())

        with pytest.raises((ccxt.DDoSProtection, ccxt.RateLimitExceeded), match="-1015"):
            client.create_order(PERP, "limit", "buy", 0.01, 59_000)
