"""Where the connection leads: to the venue that is named, and to real money only where that is said."""

from typing import Any

import pytest

from apps.exchange.adapters.connector import Connector
from apps.exchange.adapters.venue_clock import venue_clock
from apps.exchange.worker import connect
from chimera.clock import WallClock
from chimera.errors import ConfigInvalid, Unavailable


def connected(url: str) -> list[Any]:
    """Return the clients of both markets."""
    connectors = connect(
        url=url,
        key="k",
        secret="s",
        symbols=["BTCUSDT-PERP", "BTCUSDT"],
        interval="1m",
        clock=WallClock(),
    )
    by_market: dict[Any, Connector] = connectors._by_market
    return [connector._client for connector in by_market.values()]


@pytest.mark.parametrize(
    "url", ["", "LIVE", "binance", "venue.example:8080", "ftp://venue.example"]
)
def test_exchange_url_that_names_nowhere_is_refused_and_never_the_real_exchange(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="CHIMERA_EXCHANGE_URL"):
        connected(url)
    with pytest.raises(ConfigInvalid, match="CHIMERA_EXCHANGE_URL"):
        venue_clock(url)


def test_exchange_url_live_is_the_real_exchange() -> None:
    for client in connected("live"):
        assert "binance.com" in str(client.urls["api"])
    assert isinstance(venue_clock("live"), WallClock)


def test_exchange_url_of_a_venue_leads_there_and_nowhere_else() -> None:
    for client in connected("http://127.0.0.1:9/"):
        assert "http://127.0.0.1:9/" in str(client.urls["api"])
        assert "binance.com" not in str(client.urls["api"])
    with pytest.raises(Unavailable):
        venue_clock("http://127.0.0.1:9")
