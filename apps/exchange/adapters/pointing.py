"""Points unmodified ccxt clients at another host by URL alone. Used by the connector and its tests."""

from typing import Any
from urllib.parse import urlsplit

from chimera.errors import ConfigInvalid

LIVE_DOMAIN = "binance.com"


def point(client: Any, rest_url: str, ws_url: str) -> Any:
    """Make a ccxt or ccxt.pro binance client talk to `rest_url` and `ws_url` and nowhere else.

    Parameters
    ----------
    client : a fresh ``ccxt.binance``/``binanceusdm`` or its ccxt.pro sibling, one for each market
    rest_url, ws_url : scheme and host, e.g. ``http://127.0.0.1:18080`` and ``ws://127.0.0.1:18080``

    Returns
    -------
    the client

    Raises
    ------
    ConfigInvalid
        If any address of the client would still lead to the real exchange.

    Notes
    -----
    ccxt chooses error classes by the URL's prefix, so on a foreign host the market's own map has to be
    folded into the general one; and it tells spot from futures messages by ``/stream`` in the URL.
    """
    api = client.urls["api"]
    for name, url in list(api.items()):
        if isinstance(url, str):
            api[name] = rest_url + urlsplit(url).path
    if "ws" in api:
        api["ws"] = {
            "spot": f"{ws_url}/stream.spot/ws",
            "margin": f"{ws_url}/stream.spot/ws",
            "linear": f"{ws_url}/fstream/ws",
            "ws-api": {"spot": f"{ws_url}/ws-api/v3", "linear": f"{ws_url}/ws-fapi/v1"},
        }
    client.options.update({"fetchCurrencies": False, "fetchMargins": False})
    family = client.exceptions["linear" if client.id == "binanceusdm" else "spot"]
    for kind in ("exact", "broad"):
        client.exceptions[kind] = {**client.exceptions.get(kind, {}), **family.get(kind, {})}
    refuse_live(client)
    return client


def refuse_live(client: Any) -> None:
    """Raise `ConfigInvalid` if an API address of `client` is the real exchange's."""
    live = sorted(url for url in _addresses(client.urls["api"]) if LIVE_DOMAIN in url)
    if live:
        raise ConfigInvalid(f"the client still points at the live exchange: {', '.join(live)}")


def _addresses(urls: Any) -> list[str]:
    if isinstance(urls, str):
        return [urls]
    if isinstance(urls, dict):
        return [address for value in urls.values() for address in _addresses(value)]
    return []
