"""A recorded feed replayed through the venue: the book a ccxt.pro client sees is the recorded book."""

import asyncio
import gzip
import json
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

import ccxt.pro
import pytest

from apps.exchange.adapters.depth_log import read_depth
from apps.exchange.adapters.pointing import point
from apps.exchange.core.venue.feeds import depth
from chimera.clock import SECOND
from chimera.instruments import Market
from tests.contract.venue.conftest import PERP, SPOT, client_options, make_server, spot_options

REPLAYED_MS = 100 * SECOND
SPEED = 60.0
LEVELS = 500

Book = dict[str, dict[Decimal, Decimal]]


def recorded_book(path: Path, until_ms: int, *, futures: bool) -> tuple[int, Book]:
    """Build the book at `until_ms` by Binance's documented procedure, straight from the JSON lines."""
    book: Book = {"b": {}, "a": {}}
    last_id, early, started = 0, [], False

    def apply(diff: dict[str, Any]) -> None:
        for side in ("b", "a"):
            for px, qty in diff[side]:
                if Decimal(qty):
                    book[side][Decimal(px)] = Decimal(qty)
                else:
                    book[side].pop(Decimal(px), None)

    with gzip.open(path, "rt") as lines:
        for line in lines:
            nanos, text = line.split(" ", 1)
            if int(nanos) // 1_000_000 >= until_ms:
                break
            message = json.loads(text)
            if "lastUpdateId" in message:
                last_id = message["lastUpdateId"]
                for side, name in (("b", "bids"), ("a", "asks")):
                    book[side] = {Decimal(px): Decimal(qty) for px, qty in message[name]}
                waiting, early = early, []
            elif message["data"].get("e") == "depthUpdate":
                waiting = [message["data"]]
                if not last_id:
                    early += waiting
                    continue
            else:
                continue
            for diff in waiting:
                old = diff["u"] < last_id if futures else diff["u"] <= last_id
                if not started and old:
                    continue
                started, last_id = True, diff["u"]
                apply(diff)
    return last_id, book


def best(book: Book, side: str) -> list[list[float]]:
    prices = sorted(book[side], reverse=side == "b")[:LEVELS]
    return [[float(px), float(book[side][px])] for px in prices]


@pytest.mark.parametrize(
    ("of", "name", "symbol"),
    [(Market.USDM, "um", PERP), (Market.SPOT, "spot", SPOT)],
)
async def test_client_book_after_a_replay_equals_the_recorded_book(
    data_dir: Path, of: Market, name: str, symbol: str
) -> None:
    path = data_dir / "depth" / f"{name}-BTCUSDT-2024-08-08.log.gz"
    if not path.is_file():
        pytest.skip(f"no recorded depth at {path}")
    actions = depth.actions(of, "BTCUSDT", read_depth(path))
    first = next(actions)
    until = first[0] + REPLAYED_MS
    feed = [first, *takewhile(lambda timed: timed[0] < until, actions)]
    server = make_server(feed, symbols=("BTCUSDT",), speed=SPEED, origin=first[0], history=False)
    with server:
        if of is Market.USDM:
            client = ccxt.pro.binanceusdm(client_options(server))
        else:
            client = ccxt.pro.binance(spot_options(server))
        point(client, server.rest_url, server.ws_url)
        final_id, expected = recorded_book(path, until, futures=of is Market.USDM)
        try:
            async with asyncio.timeout(20):
                book = await client.watch_order_book(symbol)
                while book["nonce"] != final_id:
                    book = await client.watch_order_book(symbol)
            served = server.call(lambda host: host.venue.depth(of, "BTCUSDT", 1_000))
        finally:
            await client.close()

    assert [row[:2] for row in book["bids"][:LEVELS]] == best(expected, "b")
    assert [row[:2] for row in book["asks"][:LEVELS]] == best(expected, "a")
    assert served[0] == final_id
    for side, levels in (("b", served[1]), ("a", served[2])):
        prices = sorted(expected[side], reverse=side == "b")[: len(levels)]
        assert levels == [(px, expected[side][px]) for px in prices]
