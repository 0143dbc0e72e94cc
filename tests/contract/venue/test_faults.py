"""Faults on order: what a client sees of each, and what really happened at the venue."""

import http.client
from typing import Any

import ccxt
import pytest
import requests

from tests.contract.venue.conftest import PERP, SPOT, PaperMarket, make_server

ORDER = "POST /fapi/v1/order"


def arm(paper: PaperMarket, **fault: Any) -> None:
    answer = requests.post(f"{paper.server.rest_url}/venue/faults", json=fault, timeout=5)
    assert answer.status_code == 200, answer.text


def place(client: Any) -> Any:
    return client.create_order(PERP, "limit", "buy", 0.01, 59_000, {"clientOrderId": "once"})


@pytest.mark.parametrize(
    ("fault", "error", "exists"),
    [
        (
            {"kind": "next", "status": 503, "code": -1008, "msg": "busy"},
            ccxt.OperationFailed,
            False,
        ),
        ({"kind": "next", "status": 503, "code": -1001}, ccxt.OperationFailed, False),
        ({"kind": "apply_then_fail"}, ccxt.RequestTimeout, True),
        ({"kind": "apply_then_fail", "code": -1006, "msg": "?"}, ccxt.OperationFailed, True),
        ({"kind": "reset"}, ccxt.NetworkError, False),
        ({"kind": "reset", "applied": True}, ccxt.NetworkError, True),
    ],
)
def test_request_fault_gives_the_error_and_the_state_of_the_reference(
    usdm: Any, market: PaperMarket, fault: dict[str, Any], error: type[Exception], exists: bool
) -> None:
    arm(market, endpoint=ORDER, **fault)

    with pytest.raises(error):
        place(usdm)

    assert [o["clientOrderId"] for o in usdm.fetch_open_orders(PERP)] == ["once"] * exists
    if not exists:
        assert place(usdm)["status"] == "open"


@pytest.mark.parametrize("applied", [False, True])
def test_hang_times_out_and_the_order_arrives_anyway(
    usdm: Any, market: PaperMarket, applied: bool
) -> None:
    usdm.timeout = 200
    arm(market, kind="hang", endpoint=ORDER, ms=400, applied=applied)

    with pytest.raises(ccxt.RequestTimeout):
        place(usdm)

    usdm.timeout = 5_000
    while not usdm.fetch_open_orders(PERP):
        pass
    assert usdm.fetch_open_orders(PERP)[0]["clientOrderId"] == "once"


def test_halted_symbol_refuses_orders_and_says_so(
    usdm: Any, spot: Any, market: PaperMarket
) -> None:
    arm(market, kind="halt_symbol", market="um", symbol="BTCUSDT")
    arm(market, kind="halt_symbol", market="spot", symbol="BTCUSDT")

    with pytest.raises(ccxt.ExchangeError, match="-4141"):
        place(usdm)
    with pytest.raises(ccxt.ExchangeError, match="Market is closed"):
        spot.create_order(SPOT, "market", "buy", 0.01)
    assert usdm.load_markets(True)[PERP]["active"] is False

    arm(market, kind="halt_symbol", market="um", symbol="BTCUSDT", halted=False)
    assert place(usdm)["status"] == "open"


def test_halted_symbol_refuses_batches_and_changes_of_resting_orders_too(
    usdm: Any, market: PaperMarket
) -> None:
    resting = place(usdm)
    arm(market, kind="halt_symbol", market="um", symbol="BTCUSDT")
    order = {"type": "limit", "side": "buy", "amount": 0.01, "price": 58_000}
    other = {**order, "symbol": "ETH/USDT:USDT", "amount": 1, "price": 2_900}

    with pytest.raises(ccxt.ExchangeError, match="-4141"):
        usdm.create_orders([other, {**order, "symbol": PERP}])
    with pytest.raises(ccxt.ExchangeError, match="-4141"):
        usdm.edit_order(resting["id"], PERP, "limit", "buy", 0.01, 58_000)
    assert [o["price"] for o in usdm.fetch_open_orders(PERP)] == [59_000]
    assert [o["status"] for o in usdm.create_orders([other])] == ["open"]
    assert usdm.cancel_order(resting["id"], PERP)["status"] == "canceled"


async def test_halted_symbol_refuses_changes_by_websocket_too(
    usdm_pro: Any, market: PaperMarket
) -> None:
    resting = await usdm_pro.create_order(PERP, "limit", "buy", 0.01, 59_000)
    arm(market, kind="halt_symbol", market="um", symbol="BTCUSDT")

    with pytest.raises(ccxt.ExchangeError, match="-4141"):
        await usdm_pro.edit_order_ws(resting["id"], PERP, "limit", "buy", 0.01, 58_000)


def test_ban_answers_418_with_retry_after(usdm: Any, market: PaperMarket) -> None:
    arm(market, kind="ban_ip", seconds=30)

    with pytest.raises(ccxt.DDoSProtection):
        usdm.fetch_order_book(PERP)
    assert 1 <= int(usdm.last_response_headers["Retry-After"]) <= 30


def test_shift_clock_moves_the_time_the_venue_answers(usdm: Any, market: PaperMarket) -> None:
    before = usdm.fetch_time()
    arm(market, kind="shift_clock", ms=60_000)

    assert usdm.fetch_time() - before >= 60_000


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"kind": "nope"}', b'{"kind": "hang", "endpoint": "*"}', b'[{"kind": "reset"}]'],
)
def test_faults_malformed_are_refused_by_name(market: PaperMarket, body: bytes) -> None:
    answer = requests.post(f"{market.server.rest_url}/venue/faults", data=body, timeout=5)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("fault: ")


def test_faults_without_the_flag_are_forbidden() -> None:
    with make_server(faults=False) as server:
        answer = requests.post(
            f"{server.rest_url}/venue/faults", json={"kind": "expire_listen_key"}, timeout=5
        )

    assert answer.status_code == 403


def test_clock_and_status_describe_the_feed(market: PaperMarket) -> None:
    clock = requests.get(f"{market.server.rest_url}/venue/clock", timeout=5).json()
    status = requests.get(f"{market.server.rest_url}/venue/status", timeout=5).json()

    assert set(clock) == {"origin", "speed", "anchor_ns", "now"}
    assert (status["feed"]["done"], status["feed"]["progress"]) == (True, 1.0)
    assert status["symbols"] == {"um": ["BTCUSDT", "ETHUSDT"], "spot": ["BTCUSDT", "ETHUSDT"]}


def test_idle_connection_is_not_closed_under_the_next_order(market: PaperMarket) -> None:
    host, _, port = market.server.rest_url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=6)
    connection.request("GET", "/fapi/v1/ping")
    connection.getresponse().read()

    with pytest.raises(
        TimeoutError
    ):  # nothing comes, not even the end, for longer than orders pause
        connection.sock.recv(1)

    connection.request("GET", "/fapi/v1/ping")
    assert connection.getresponse().status == 200
    connection.close()
