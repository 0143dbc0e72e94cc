"""Makes the connection to the venue that the settings name: a local one, or the real exchange."""

from collections.abc import Sequence
from typing import Any

from apps.exchange.adapters.connector import Connector
from apps.exchange.adapters.markets import Connectors
from apps.exchange.adapters.pointing import point
from apps.exchange.adapters.spot import SpotConnector
from apps.exchange.adapters.tapped import TappedSpot, TappedUsdm
from apps.exchange.adapters.usdm import UsdmConnector
from chimera.clock import Clock
from chimera.errors import ConfigInvalid
from chimera.instruments import Market, market_of
from chimera.venue_url import venue_url

HISTORY_BARS_MIN = 1_000
RECV_WINDOW_MS = 10_000
REQUEST_TIMEOUT_MS = 5_000

_MARKETS: dict[Market, tuple[Any, Any]] = {
    Market.USDM: (TappedUsdm, UsdmConnector),
    Market.SPOT: (TappedSpot, SpotConnector),
}


def connect(
    *,
    url: str,
    key: str,
    secret: str,
    symbols: Sequence[str],
    interval: str,
    clock: Clock,
    history_bars: int = HISTORY_BARS_MIN,
) -> Connectors:
    """Return the connection to the markets that `symbols` trade in, and always to the futures account.

    Parameters
    ----------
    url : where a venue that speaks Binance's protocol listens, such as ``http://127.0.0.1:18080``,
        or ``live``, the real exchange
    history_bars : how many bars of each symbol to load, `HISTORY_BARS_MIN` at least

    Raises
    ------
    ConfigInvalid
        If `url` is neither, a key or secret is missing, or there is no symbol.
    """
    address = venue_url(url)
    if not symbols:
        raise ConfigInvalid("the active bundle names no symbol")
    if not (key and secret):
        raise ConfigInvalid("CHIMERA_EXCHANGE_KEY and CHIMERA_EXCHANGE_SECRET must be set")
    by_market: dict[Market, Connector] = {}
    for market, (client_type, connector_type) in _MARKETS.items():
        traded = [symbol for symbol in symbols if market_of(symbol) is market]
        if traded or market is Market.USDM:  # its wallet is what the books are about
            by_market[market] = connector_type(
                _client(client_type, address, key, secret),
                symbols=traded,
                interval=interval,
                history_bars=max(history_bars, HISTORY_BARS_MIN),
                clock=clock,
            )
    return Connectors(by_market, clock)


def _client(client_type: Any, address: str | None, key: str, secret: str) -> Any:
    client = client_type(
        {
            "apiKey": key,
            "secret": secret,
            "timeout": REQUEST_TIMEOUT_MS,
            "enableRateLimit": False,  # the venue's own limits are met by asking for little
            "options": {"recvWindow": RECV_WINDOW_MS},
        }
    )
    if address is None:
        return client
    return point(client, address, "ws" + address.removeprefix("http"))
