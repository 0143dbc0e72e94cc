"""Which websocket a path asks for: market streams, a user stream, or the request API."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from apps.exchange.venue_shell.sockets import Kind
from chimera.instruments import Market

_FUTURES = re.compile(r"^(?:/fstream)?/(public|market|private)/(ws|stream)(?:/(.*))?$")
_SPOT = re.compile(r"^(?:/stream\.spot)?/(ws|stream)(?:/(.*))?$")
_API = {"/ws-api/v3": Market.SPOT, "/ws-fapi/v1": Market.USDM}


@dataclass(frozen=True, slots=True, kw_only=True)
class WsTarget:
    """What a client wants of its connection. `category` is the futures path's, empty on spot."""

    kind: Kind
    market: Market
    category: str = ""
    wraps: bool = False
    streams: tuple[str, ...] = ()
    listen_key: str | None = None


def parse_ws_path(path: str, query: str) -> WsTarget | None:
    """Return what `path` stands for, or None where Binance has no websocket.

    Un-routed futures paths are None too: Binance switched them off on 2026-04-23.
    """
    path = path.rstrip("/")
    if path in _API:
        return WsTarget(kind="api", market=_API[path])
    options = parse_qs(query)
    named = options.get("streams", [""])[0].split("/")
    if match := _FUTURES.match(path):
        category, mode, rest = match.groups()
        names = _streams(rest, named)
        listen_key = options.get("listenKey", [None])[0]
        if category == "private":
            key = listen_key or (names[0] if names else None)
            return WsTarget(
                kind="user",
                market=Market.USDM,
                category=category,
                wraps=mode == "stream",
                listen_key=key,
            )
        return WsTarget(
            kind="market",
            market=Market.USDM,
            category=category,
            wraps=mode == "stream",
            streams=names,
        )
    if match := _SPOT.match(path):
        mode, rest = match.groups()
        return WsTarget(
            kind="market",
            market=Market.SPOT,
            wraps=mode == "stream",
            streams=_streams(rest, named),
        )
    return None


def _streams(rest: str | None, named: list[str]) -> tuple[str, ...]:
    """Return stream names of path and query; a bare number is ccxt's connection index."""
    parts = (rest or "").split("/") + named
    return tuple(part for part in parts if part and not part.isdigit())
