"""A client's session on a stream socket: SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, user streams."""

import logging
from typing import Any

from starlette.websockets import WebSocket

from apps.exchange.venue_shell.host import Host
from apps.exchange.venue_shell.limits import MessageMeter
from apps.exchange.venue_shell.sockets import POLICY_VIOLATION, Socket
from apps.exchange.venue_shell.streams import Stream, parse_stream
from apps.exchange.venue_shell.wire import dumps, is_request_id, loads
from apps.exchange.venue_shell.ws_paths import WsTarget

log = logging.getLogger(__name__)

STREAMS_MAX = 1_024

INVALID_REQUEST, INVALID_JSON = 2, 3


class BadRequest(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class StreamSession:
    """One open stream socket, market or user."""

    def __init__(self, host: Host, websocket: WebSocket, target: WsTarget) -> None:
        self._host = host
        self._target = target
        self._socket = Socket(
            websocket,
            target.kind,
            market=target.market,
            opened=host.wall_now(),
            wraps=target.wraps,
        )
        self._meter = MessageMeter(host.limiters[target.market].rules.messages_per_second)

    async def run(self) -> None:
        """Serve until either side closes."""
        self._host.sockets.add(self._socket)
        try:
            if self._target.listen_key is not None:
                self._host.user_hub.join(self._target.listen_key, self._socket)
            self._open()
            async for text in self._socket.messages():
                if self._meter.floods(self._host.wall_now()):
                    self._socket.close(POLICY_VIOLATION)
                    continue
                self._socket.offer(dumps(self._handle(text)))
        finally:
            self._host.sockets.discard(self._socket)
            self._host.market_hub.leave(self._socket)
            self._host.user_hub.leave(self._socket)

    def _open(self) -> None:
        """Subscribe what the path names; what there is not stays silent, as at Binance."""
        for name in self._target.streams:
            try:
                self._subscribe(self._stream(name))
            except BadRequest as e:
                log.warning("%s in a path: %s", name, e.message)

    def _handle(self, text: str) -> dict[str, Any]:
        request_id: Any = None
        try:
            request = _parse(text)
            request_id = _id_of(request)
            return {"result": self._carry_out(request), "id": request_id}
        except BadRequest as e:
            return {"error": {"code": e.code, "msg": e.message}, "id": request_id}

    def _carry_out(self, request: dict[str, Any]) -> list[str] | None:
        method, names = request.get("method"), request.get("params", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BadRequest(INVALID_REQUEST, "Invalid request: params must be an array of strings")
        match method:
            case "SUBSCRIBE" if self._target.kind == "user":
                for name in names:
                    self._host.user_hub.join(name.split("@")[0], self._socket)
            case "SUBSCRIBE":
                for stream in [self._stream(name) for name in names]:
                    self._subscribe(stream)
            case "UNSUBSCRIBE":
                for name in names:
                    self._host.market_hub.unsubscribe(self._socket, self._target.market, name)
            case "LIST_SUBSCRIPTIONS":
                return self._host.market_hub.streams_of(self._socket)
            case _:
                raise BadRequest(INVALID_REQUEST, f"Invalid request: unknown method `{method}`")
        return None

    def _stream(self, name: str) -> Stream:
        stream = parse_stream(self._target.market, name)
        if stream is None:
            raise BadRequest(INVALID_REQUEST, f"Invalid request: unknown stream `{name[:100]}`")
        return stream

    def _subscribe(self, stream: Stream) -> None:
        if self._host.market_hub.count_of(self._socket) >= STREAMS_MAX:
            raise BadRequest(INVALID_REQUEST, f"Invalid request: more than {STREAMS_MAX} streams")
        if stream.symbol is not None and stream.symbol not in self._host.symbols(stream.market):
            return  # acknowledged and silent, as at Binance
        if self._target.category and self._target.category != stream.category:
            log.warning("%s asked for on /%s stays silent", stream.name, self._target.category)
            return
        self._host.market_hub.subscribe(self._socket, stream)


def _parse(text: str) -> dict[str, Any]:
    try:
        request = loads(text)
    except ValueError as e:
        raise BadRequest(INVALID_JSON, f"Invalid JSON: {e}") from None
    if not isinstance(request, dict):
        raise BadRequest(INVALID_REQUEST, "Invalid request: must be an object")
    return request


def _id_of(request: dict[str, Any]) -> int | str | None:
    request_id = request.get("id")
    if request_id is None or is_request_id(request_id):
        return request_id
    raise BadRequest(INVALID_REQUEST, "Invalid request: id must be an integer or a string")
