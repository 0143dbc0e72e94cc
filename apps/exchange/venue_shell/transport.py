"""Uvicorn protocols with two things Binance's edge has and ASGI cannot say: resets and ping pace."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT = "venue.abort"  # scope extension: a callable that resets the TCP connection

SPOT_PING_S, SPOT_PONG_S = 20.0, 60.0
USDM_PING_S, USDM_PONG_S = 180.0, 600.0
SPOT_PATHS = ("/stream", "/ws/", "/ws-api")


class ResettableHttp(HttpToolsProtocol):
    """HTTP whose applications may reset the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"call": self.transport.abort}}


class PacedWebSocket(WebSocketsSansIOProtocol):
    """Websockets pinged every 20 s on spot and every 3 min on futures."""

    scope: Any

    def start_keepalive(self) -> None:
        spot = self.scope["path"].startswith(SPOT_PATHS)
        self.ping_interval, self.ping_timeout = (
            (SPOT_PING_S, SPOT_PONG_S) if spot else (USDM_PING_S, USDM_PONG_S)
        )
        super().start_keepalive()
