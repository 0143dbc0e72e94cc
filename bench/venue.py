"""The paper venue in a process of its own, through HTTP: signed orders by aiohttp, and by unmodified ccxt.

An order is placed far from the market and cancelled; the rate counts orders placed, with their cancels.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import ccxt

from apps.exchange.adapters.pointing import point
from bench.figures import Figure, Outcome
from bench.machine import ROOT, installed
from bench.measure import latencies
from chimera.errors import Unavailable

CLIENTS = 8
STOP_TIMEOUT_S = 10
FAR_BELOW = 0.97  # of the last price, within the venue's price band
PATH = "/fapi/v1/order"


def run(quick: bool) -> Outcome:
    with _venue() as card:
        alone, _ = asyncio.run(_trade(card, clients=1, each=100 if quick else 1_000))
        many, rate = asyncio.run(_trade(card, clients=CLIENTS, each=40 if quick else 400))
        by_ccxt = _trade_by_ccxt(card, 30 if quick else 300)
    return Outcome(
        figures=(
            *latencies("one client, order placed", alone, unit="ms"),
            Figure(name=f"{CLIENTS} clients, placed and cancelled", value=rate, unit="orders/s"),
            *latencies(f"{CLIENTS} clients, order placed", many, unit="ms")[:2],
            Figure(
                name=f"ccxt {installed('ccxt')}, placed and cancelled",
                value=by_ccxt,
                unit="orders/s",
            ),
        ),
        notes=("simulated flow of one symbol in two markets runs meanwhile",),
    )


@contextmanager
def _venue() -> Iterator[dict[str, Any]]:
    arguments = ["--port", "0", "--symbols", "BTCUSDT", "--unlimited"]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "venue", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Unavailable("the venue did not start")
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


async def _trade(card: dict[str, Any], *, clients: int, each: int) -> tuple[list[int], float]:
    """Return how long each placing took, ns, and how many orders a second came and went."""
    headers = {"X-MBX-APIKEY": card["key"]}
    async with aiohttp.ClientSession(card["rest"], headers=headers) as session:
        price = await _far_price(session)
        numbers = itertools.count()
        run = f"{clients}-{time.time_ns()}"

        async def client() -> list[int]:
            took = []
            for _ in range(each):
                name = f"b{run}-{next(numbers)}"
                order = (
                    "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010"
                    f"&price={price}&newClientOrderId={name}"
                )
                began = time.perf_counter_ns()
                await _send(session, "POST", order, card["secret"])
                took.append(time.perf_counter_ns() - began)
                cancel = f"symbol=BTCUSDT&origClientOrderId={name}"
                await _send(session, "DELETE", cancel, card["secret"])
            return took

        await _warm_up(session)
        began = time.perf_counter()
        took = await asyncio.gather(*(client() for _ in range(clients)))
        rate = clients * each / (time.perf_counter() - began)
    return [one for some in took for one in some], rate


async def _send(session: aiohttp.ClientSession, method: str, query: str, secret: str) -> None:
    query += f"&timestamp={time.time_ns() // 1_000_000}"
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    async with session.request(method, f"{PATH}?{query}&signature={signature}") as response:
        if response.status != 200:
            raise Unavailable(f"{method} was answered {await response.text()}")
        await response.read()


async def _warm_up(session: aiohttp.ClientSession) -> None:
    for _ in range(20):
        async with session.get("/fapi/v1/time") as response:
            await response.read()


async def _far_price(session: aiohttp.ClientSession) -> str:
    async with session.get("/fapi/v1/ticker/price?symbol=BTCUSDT") as response:
        return f"{float((await response.json())['price']) * FAR_BELOW:.1f}"


def _trade_by_ccxt(card: dict[str, Any], count: int) -> float:
    client = ccxt.binanceusdm(
        {"apiKey": card["key"], "secret": card["secret"], "enableRateLimit": False}
    )
    point(client, card["rest"], card["ws"])
    client.options["fetchCurrencies"] = False
    client.load_markets()
    symbol = "BTC/USDT:USDT"
    price = float(
        client.price_to_precision(symbol, client.fetch_ticker(symbol)["last"] * FAR_BELOW)
    )
    began = time.perf_counter()
    for _ in range(count):
        order = client.create_order(symbol, "limit", "buy", 0.01, price)
        client.cancel_order(order["id"], symbol)
    return count / (time.perf_counter() - began)
