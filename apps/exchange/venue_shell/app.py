"""The venue as an ASGI application: REST at the root, websockets by path, the venue's own doors."""

import logging
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from apps.exchange.venue_shell.faults import decode_faults
from apps.exchange.venue_shell.host import Host
from apps.exchange.venue_shell.rest import RestDoor
from apps.exchange.venue_shell.routes import ENDPOINTS
from apps.exchange.venue_shell.ws_api import ApiSession
from apps.exchange.venue_shell.ws_paths import parse_ws_path
from apps.exchange.venue_shell.ws_streams import StreamSession
from chimera.errors import InvalidInput

log = logging.getLogger(__name__)

NO_SUCH_STREAM = 4404


def build_app(host: Host) -> Starlette:
    """Return the application that serves `host`."""

    async def websocket_door(websocket: WebSocket) -> None:
        target = parse_ws_path(websocket.url.path, websocket.url.query)
        if target is None:
            log.warning("no websocket at %s", websocket.url.path)
            await websocket.close(NO_SUCH_STREAM)
        elif target.kind == "api":
            await ApiSession(host, websocket, target).run()
        else:
            await StreamSession(host, websocket, target).run()

    async def clock(request: Request) -> Response:
        return JSONResponse(clock_json(host))

    async def status(request: Request) -> Response:
        return JSONResponse(status_json(host))

    async def faults(request: Request) -> Response:
        if not host.faults_allowed:
            return JSONResponse({"error": "start the venue with --faults"}, status_code=403)
        try:
            ordered = decode_faults(await request.body())
        except InvalidInput as e:
            return JSONResponse({"error": e.message}, status_code=400)
        for fault in ordered:
            host.misbehave(fault)
        return JSONResponse({"armed": len(ordered)})

    return Starlette(
        routes=[
            Route("/venue/clock", clock),
            Route("/venue/status", status),
            Route("/venue/faults", faults, methods=["POST"]),
            WebSocketRoute("/{path:path}", websocket_door),
            Mount("/", app=RestDoor(host, ENDPOINTS)),
        ]
    )


def clock_json(host: Host) -> dict[str, Any]:
    """What another process needs to share the market's time, and what it reads now."""
    clock = host.clock
    return {
        "origin": clock.origin,
        "speed": clock.speed,
        "anchor_ns": clock.anchor_ns,
        "now": clock.now(),
    }


def status_json(host: Host) -> dict[str, Any]:
    """Where the feed is and what was served; `progress` is None for a feed without an end.

    `intervals` are of the recorded bars that are played; what plays trades or depth is not among them.
    """
    feed, counts = host.feed, host.counts
    progress = None
    if feed.end is not None:
        length = max(1, feed.end - feed.start)
        progress = 1.0 if feed.next_at is None else min(1.0, (feed.at - feed.start) / length)
    return {
        "now": host.now(),
        "speed": host.clock.speed,
        "feed": {
            "start": feed.start,
            "end": feed.end,
            "at": feed.at,
            "lag_ms": max(0, host.clock.now() - feed.at) if feed.next_at is not None else 0,
            "done": feed.next_at is None,
            "progress": progress,
            "actions": feed.actions,
        },
        "symbols": {market.value: host.symbols(market) for market in host.limiters},
        "intervals": {
            market.value: {
                symbol: interval
                for (of, symbol), interval in host.intervals.items()
                if of is market
            }
            for market in host.limiters
        },
        "sockets": len(host.sockets),
        "requests": counts.requests,
        "refusals": counts.refusals,
        "orders": counts.orders,
        "fills": counts.fills,
        "events": counts.events,
    }
