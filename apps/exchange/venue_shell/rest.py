"""The REST door: finds the endpoint, checks key, time, signature and limits, calls it, answers.

An ASGI application of its own, because the order path is measured: Starlette mounts it at the root.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from starlette.types import Receive, Scope, Send

from apps.exchange.core.venue.types import VenueError
from apps.exchange.venue_shell.endpoint import Call, Endpoint, Security
from apps.exchange.venue_shell.faults import Answer, ApplyThenFail, Hang, RequestFault, Reset
from apps.exchange.venue_shell.host import Host
from apps.exchange.venue_shell.journal import Requested
from apps.exchange.venue_shell.params import Params
from apps.exchange.venue_shell.refusals import Refusal
from apps.exchange.venue_shell.signing import check_request
from apps.exchange.venue_shell.transport import ABORT
from apps.exchange.venue_shell.wire import dumps
from chimera.instruments import Market

log = logging.getLogger(__name__)

BODY_MAX = 64 * 1024
TOO_LARGE = Refusal(413, -1101, "Too many parameters sent for this endpoint.")
UNKNOWN_ERROR = Refusal(500, -1000, "An unknown error occurred while processing the request.")
Headers = dict[str, str]


class RestDoor:
    """Binance's REST API over one host, by its route table."""

    def __init__(self, host: Host, endpoints: Iterable[Endpoint]) -> None:
        self._host = host
        self._endpoints = {(e.method, e.path): e for e in endpoints}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get((scope["method"], scope["path"]))
        self._host.counts.requests += 1
        if endpoint is None:
            await _refuse(send, _no_such_path(scope))
            return
        try:
            raw = await _read(receive)
        except Refusal as e:
            await _refuse(send, e)
            return
        if raw is None:
            return
        body = raw.decode("utf-8", "replace")
        fault = self._host.faults.for_request(endpoint.name)
        if fault is not None and await self._fails_before(fault, scope, send):
            return
        status, headers, payload = self._serve(endpoint, scope, body)
        if fault is not None and await self._fails_after(fault, scope, send):
            return
        await _answer(send, status, headers, payload)

    def _serve(self, endpoint: Endpoint, scope: Scope, body: str) -> tuple[int, Headers, str]:
        headers: Headers = {}
        try:
            payload = dumps(self._call(endpoint, scope, body, headers))
        except VenueError as e:
            refusal = Refusal.of(e)
        except Refusal as e:
            refusal = e
        except Exception:
            log.exception("%s failed", endpoint.name)
            refusal = UNKNOWN_ERROR
        else:
            self._host.publish()
            return 200, headers, payload
        self._host.counts.refusals += 1
        self._host.publish()
        return refusal.status, headers | refusal.headers, dumps(refusal.body())

    def _call(self, endpoint: Endpoint, scope: Scope, body: str, headers: Headers) -> Any:
        host, ip = self._host, _ip(scope)
        wall = host.wall_now()
        query = scope["query_string"].decode("ascii", "replace")
        params = Params.parse(query, body)
        weight = endpoint.weight_of(params)
        limiter = host.limiter(endpoint.market, ip)
        headers["X-MBX-USED-WEIGHT-1M"] = str(limiter.charge_weight(ip, weight, wall))
        account_id = ""
        if endpoint.security is not Security.NONE:
            credential = host.keys.find(_header(scope, b"x-mbx-apikey"))
            account_id = credential.account_id
            if endpoint.security is Security.SIGNED:
                check_request(credential.secret, query, body, params, wall)
        call = Call(
            host=host,
            market=endpoint.market,
            account_id=account_id,
            params=params,
            now=host.now(),
            wall=wall,
        )
        payload = invoke(endpoint, call, headers)
        if endpoint.free_on_success:
            limiter.refund_weight(ip, weight)
        return payload

    async def _fails_before(self, fault: RequestFault, scope: Scope, send: Send) -> bool:
        match fault:
            case Answer():
                await _refuse(send, Refusal(fault.status, fault.code, fault.msg))
                return True
            case Reset(applied=False):
                _reset(scope)
                return True
            case Hang(applied=False):
                await asyncio.sleep(fault.ms / 1_000)
        return False

    async def _fails_after(self, fault: RequestFault, scope: Scope, send: Send) -> bool:
        match fault:
            case ApplyThenFail():
                await _refuse(send, Refusal(fault.status, fault.code, fault.msg))
                return True
            case Reset(applied=True):
                _reset(scope)
                return True
            case Hang(applied=True):
                await asyncio.sleep(fault.ms / 1_000)
        return False


def invoke(endpoint: Endpoint, call: Call, headers: Headers) -> Any:
    """Call the handler within the order limits; add the order counts to `headers`."""
    if endpoint.places:
        _refuse_halted(call, endpoint.places(call.params))
    orders = endpoint.orders_of(call.params)
    if not orders:
        return _carry_out(endpoint, call)
    limiter = call.host.limiters[endpoint.market]
    limiter.check_orders(call.account_id, orders, call.wall)
    payload = _carry_out(endpoint, call)
    headers.update(limiter.count_orders(call.account_id, orders, call.wall))
    call.host.counts.orders += orders
    return payload


def _carry_out(endpoint: Endpoint, call: Call) -> Any:
    if endpoint.changes:
        params = dict(call.params.raw())
        call.host.note(Requested(endpoint.name, call.account_id, params, call.now, call.wall))
    return endpoint.handler(call)


def _refuse_halted(call: Call, symbols: Iterable[str]) -> None:
    """Refuse it whole, a batch too: what is written down of a request must be all that it did."""
    if any((call.market, symbol) in call.host.faults.halted for symbol in symbols):
        if call.market is Market.USDM:
            raise VenueError(-4141, "Symbol is closed.")
        raise VenueError(-2010, "Market is closed.")


def _no_such_path(scope: Scope) -> Refusal:
    text = f"Path {scope['path']}, Method {scope['method']} is invalid"
    return Refusal(404, -5000, text)


async def _read(receive: Receive) -> bytes | None:
    """Return a request's body, or None if the client left before it was whole.

    Raises
    ------
    Refusal
        413 if it is too large; what still comes of it nobody reads.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_MAX:
            raise TOO_LARGE
        if not message.get("more_body", False):
            return bytes(body)


async def _refuse(send: Send, refusal: Refusal) -> None:
    await _answer(send, refusal.status, refusal.headers, dumps(refusal.body()))


async def _answer(send: Send, status: int, headers: Headers, payload: str) -> None:
    body = payload.encode()
    raw = [
        (b"content-type", b"application/json;charset=UTF-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    raw += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _reset(scope: Scope) -> None:
    abort = scope.get("extensions", {}).get(ABORT)
    if abort is None:
        log.warning("this server cannot reset connections; the request is left unanswered")
        return
    abort["call"]()


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def _ip(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "127.0.0.1"
