"""The websocket request API: the REST endpoints as messages, and spot's user stream subscriptions."""

import logging
from typing import Any

from starlette.websockets import WebSocket

from apps.exchange.core.venue.types import VenueError
from apps.exchange.venue_shell.endpoint import Call, Endpoint, Security
from apps.exchange.venue_shell.faults import Answer, ApplyThenFail
from apps.exchange.venue_shell.host import Host
from apps.exchange.venue_shell.limits import MessageMeter
from apps.exchange.venue_shell.params import Params
from apps.exchange.venue_shell.refusals import Refusal
from apps.exchange.venue_shell.rest import UNKNOWN_ERROR, invoke
from apps.exchange.venue_shell.routes import ENDPOINTS, WS_METHODS
from apps.exchange.venue_shell.signing import check_message
from apps.exchange.venue_shell.sockets import POLICY_VIOLATION, Socket
from apps.exchange.venue_shell.wire import Json, dumps, is_request_id, loads
from apps.exchange.venue_shell.ws_paths import WsTarget
from chimera.instruments import Market

log = logging.getLogger(__name__)

_BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
METHODS = {
    market: {method: _BY_NAME[name] for method, name in names.items()}
    for market, names in WS_METHODS.items()
}
SUBSCRIBE = "userDataStream.subscribe.signature"
UNSUBSCRIBE = "userDataStream.unsubscribe"
UNKNOWN_METHOD = Refusal(400, -1000, "Unknown method.")
BAD_REQUEST = Refusal(400, -1102, "The request must be an object with `id` and `method`.")


class ApiSession:
    """One open connection to ``/ws-api/v3`` (spot) or ``/ws-fapi/v1`` (futures)."""

    def __init__(self, host: Host, websocket: WebSocket, target: WsTarget) -> None:
        self._host = host
        self._market = target.market
        self._socket = Socket(websocket, "api", market=target.market, opened=host.wall_now())
        self._meter = MessageMeter(host.limiters[target.market].rules.messages_per_second)
        client = websocket.client
        self._ip = client.host if client else "127.0.0.1"

    async def run(self) -> None:
        """Serve until either side closes."""
        self._host.sockets.add(self._socket)
        try:
            async for text in self._socket.messages():
                if self._meter.floods(self._host.wall_now()):
                    self._socket.close(POLICY_VIOLATION)
                    continue
                self._host.counts.requests += 1
                self._socket.offer(dumps(self._answer(text)))
                self._host.publish()
        finally:
            self._host.sockets.discard(self._socket)
            self._host.user_hub.leave(self._socket)

    def _answer(self, text: str) -> Json:
        request_id: Any = None
        headers: dict[str, str] = {}
        try:
            request = _parse(text)
            request_id = request.get("id")
            if request_id is not None and not is_request_id(request_id):
                request_id = None
                raise BAD_REQUEST
            result = self._carry_out(request["method"], _params_of(request), headers)
        except VenueError as e:
            return self._refused(request_id, Refusal.of(e))
        except Refusal as e:
            return self._refused(request_id, e)
        except Exception:
            log.exception("a request of the websocket API failed")
            return self._refused(request_id, UNKNOWN_ERROR)
        return {
            "id": request_id,
            "status": 200,
            "result": result,
            "rateLimits": self._rate_limits(headers),
        }

    def _carry_out(self, method: str, params: Params, headers: dict[str, str]) -> Any:
        if self._market is Market.SPOT and method == SUBSCRIBE:
            account_id = self._authenticate(params, Security.SIGNED)
            return {"subscriptionId": self._host.user_hub.subscribe_spot(account_id, self._socket)}
        if self._market is Market.SPOT and method == UNSUBSCRIBE:
            subscription_id = params.integer("subscriptionId")
            self._host.user_hub.unsubscribe_spot(
                self._socket, subscription_id, self._host.wall_now()
            )
            return {}
        endpoint = METHODS[self._market].get(method)
        if endpoint is None:
            raise UNKNOWN_METHOD
        return self._call(endpoint, params, headers)

    def _call(self, endpoint: Endpoint, params: Params, headers: dict[str, str]) -> Any:
        host = self._host
        fault = host.faults.for_request(endpoint.name)
        if isinstance(fault, Answer):
            raise Refusal(fault.status, fault.code, fault.msg)
        wall = host.wall_now()
        limiter = host.limiter(endpoint.market, self._ip)
        weight = endpoint.weight_of(params)
        headers["weight"] = str(limiter.charge_weight(self._ip, weight, wall))
        call = Call(
            host=host,
            market=endpoint.market,
            account_id=self._authenticate(params, endpoint.security),
            params=params,
            now=host.now(),
            wall=wall,
        )
        result = invoke(endpoint, call, headers)
        if endpoint.free_on_success:
            limiter.refund_weight(self._ip, weight)
        if isinstance(fault, ApplyThenFail):
            raise Refusal(fault.status, fault.code, fault.msg)
        return result

    def _authenticate(self, params: Params, security: Security) -> str:
        if security is Security.NONE:
            return ""
        credential = self._host.keys.find(params.raw().get("apiKey"))
        if security is Security.SIGNED:
            check_message(credential.secret, params, self._host.wall_now())
        return credential.account_id

    def _refused(self, request_id: Any, refusal: Refusal) -> Json:
        self._host.counts.refusals += 1
        return {
            "id": request_id,
            "status": refusal.status,
            "error": refusal.body(),
            "rateLimits": self._rate_limits({}),
        }

    def _rate_limits(self, headers: dict[str, str]) -> list[Json]:
        rules = self._host.limiters[self._market].rules
        return [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": rules.weight_per_minute,
                "count": int(headers.get("weight", 0)),
            }
        ]


def _parse(text: str) -> Json:
    try:
        request = loads(text)
    except ValueError as e:
        raise Refusal(400, -1000, f"Invalid JSON: {e}") from None
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise BAD_REQUEST
    return request


def _params_of(request: Json) -> Params:
    params = request.get("params") or {}
    if not isinstance(params, dict):
        raise BAD_REQUEST
    return Params.of_json(params)
