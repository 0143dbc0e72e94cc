"""Wires the connector into a runtime, pointed at the real exchange or at the venue the settings name."""

import json
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import urlopen

from apps.exchange.adapters.pointing import point
from apps.exchange.adapters.tapped import TappedUsdm
from apps.exchange.adapters.usdm import UsdmConnector
from chimera.clock import Clock, ScaledClock, WallClock
from chimera.errors import ConfigInvalid, Unavailable
from chimera.instruments import Market, market_of

HISTORY_BARS = 1_000
RECV_WINDOW_MS = 10_000
REQUEST_TIMEOUT_MS = 5_000


def connect(
    *, url: str, key: str, secret: str, symbols: Sequence[str], interval: str, clock: Clock
) -> UsdmConnector:
    """Return a connector for the perpetuals among `symbols`.

    Parameters
    ----------
    url : where a venue that speaks Binance's protocol listens, such as ``http://127.0.0.1:18080``;
        "" means the real exchange

    Raises
    ------
    ConfigInvalid
        If a key or secret is missing, or no symbol is a perpetual.
    """
    perpetuals = [symbol for symbol in symbols if market_of(symbol) is Market.USDM]
    if not perpetuals:
        raise ConfigInvalid("the active bundle names no perpetual", symbols=list(symbols))
    if not (key and secret):
        raise ConfigInvalid("CHIMERA_EXCHANGE_KEY and CHIMERA_EXCHANGE_SECRET must be set")
    client = TappedUsdm(
        {
            "apiKey": key,
            "secret": secret,
            "timeout": REQUEST_TIMEOUT_MS,
            "enableRateLimit": False,  # the venue's own limits are met by asking for little
            "options": {"recvWindow": RECV_WINDOW_MS, "fetchCurrencies": False},
        }
    )
    if url:
        point(client, url, "ws" + url.removeprefix("http"))
    return UsdmConnector(
        client, symbols=perpetuals, interval=interval, history_bars=HISTORY_BARS, clock=clock
    )


def venue_clock(url: str) -> Clock:
    """Return the clock of the market at `url`: a replay's own, or the wall.

    Raises
    ------
    Unavailable
        If nothing answers there.
    """
    if not url:
        return WallClock()
    try:
        with urlopen(f"{url}/venue/clock", timeout=5) as answer:  # noqa: S310  (operator's setting)
            told = json.load(answer)
    except (URLError, OSError, ValueError) as error:
        raise Unavailable(f"the venue at {url} does not tell its clock: {error}") from error
    if told["speed"] == 1 and told.get("origin") is None:
        return WallClock()
    return ScaledClock(origin=told["origin"], speed=told["speed"], anchor_ns=told["anchor_ns"])
