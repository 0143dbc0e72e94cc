"""Faults on order: what POST /venue/faults accepts, and the plan that request and stream code ask.

Present only with --faults. Endpoints are named ``"POST /fapi/v1/order"``, or ``"*"`` for any.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from chimera.clock import Millis
from chimera.errors import InvalidInput
from chimera.instruments import Market

SocketKind = Literal["market", "user", "api", "all"]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order to misbehave; the subclasses are all there are."""


class Answer(Fault, frozen=True, tag_field="kind", tag="next"):
    """Answer the next `times` requests with this error; nothing is applied."""

    endpoint: str
    status: int = 503
    code: int = -1001
    msg: str = "Internal error; unable to process your request. Please try again."
    times: int = 1


class ApplyThenFail(Fault, frozen=True, tag_field="kind", tag="apply_then_fail"):
    """Apply the next `times` requests, then answer with this error: the state is unknown."""

    endpoint: str
    status: int = 503
    code: int = -1007
    msg: str = (
        "Timeout waiting for response from backend server. "
        "Send status unknown; execution status unknown."
    )
    times: int = 1


class Hang(Fault, frozen=True, tag_field="kind", tag="hang"):
    """Hold the next `times` requests for `ms`; apply before the wait, or after it."""

    endpoint: str
    ms: int
    applied: bool = False
    times: int = 1


class Reset(Fault, frozen=True, tag_field="kind", tag="reset"):
    """Cut the connection of the next `times` requests without an answer."""

    endpoint: str
    applied: bool = False
    times: int = 1


class DropEvents(Fault, frozen=True, tag_field="kind", tag="drop_events"):
    """Lose the next `n` user events (of type `event`, if given)."""

    n: int = 1
    event: str = ""


class DuplicateEvents(Fault, frozen=True, tag_field="kind", tag="dup_events"):
    """Send each of the next `n` user events twice."""

    n: int = 1
    event: str = ""


class DelayEvents(Fault, frozen=True, tag_field="kind", tag="delay_events"):
    """Send each of the next `n` user events `ms` late; later ones overtake them."""

    ms: int
    n: int = 1
    event: str = ""


class ReorderEvents(Fault, frozen=True, tag_field="kind", tag="reorder_events"):
    """Hold the next `n` user events until all are there, then send the last of them first."""

    n: int = 2
    event: str = ""


class ExpireListenKey(Fault, frozen=True, tag_field="kind", tag="expire_listen_key"):
    """Expire every listen key: one event, then silence."""


class TerminateStreams(Fault, frozen=True, tag_field="kind", tag="terminate_streams"):
    """End every spot user stream: one event, then silence on a socket that lives on."""


class ServerShutdown(Fault, frozen=True, tag_field="kind", tag="server_shutdown"):
    """Announce on spot's websockets that they end, and close every websocket `ms` later."""

    ms: int = 0


class CloseSockets(Fault, frozen=True, tag_field="kind", tag="close_ws"):
    """Close the open websockets of a kind cleanly."""

    sockets: SocketKind = "all"


class DepthGap(Fault, frozen=True, tag_field="kind", tag="depth_gap"):
    """Lose the next `n` depth differences of a symbol on every stream."""

    market: Market
    symbol: str
    n: int = 1


class ShiftClock(Fault, frozen=True, tag_field="kind", tag="shift_clock"):
    """Let the venue's wall time differ by `ms` from the machine's (not added up).

    A day ahead cuts every websocket, as Binance does with those that are a day old.
    """

    ms: int


class HaltSymbol(Fault, frozen=True, tag_field="kind", tag="halt_symbol"):
    """Refuse new orders for a symbol, or accept them again."""

    market: Market
    symbol: str
    halted: bool = True


class BanIp(Fault, frozen=True, tag_field="kind", tag="ban_ip"):
    """Answer 418 to every client address seen so far for `seconds`."""

    seconds: int


RequestFault = Answer | ApplyThenFail | Hang | Reset
EventFault = DropEvents | DuplicateEvents | DelayEvents | ReorderEvents
HostFault = (
    ExpireListenKey
    | TerminateStreams
    | ServerShutdown
    | CloseSockets
    | DepthGap
    | ShiftClock
    | HaltSymbol
    | BanIp
)
AnyFault = RequestFault | EventFault | HostFault

Kind = TypeVar("Kind", bound=Fault)


def decode_faults(body: bytes) -> list[AnyFault]:
    """Read one fault or a list of them; raise `InvalidInput` saying what is wrong with which."""
    listed = body.lstrip().startswith(b"[")
    try:
        if listed:
            return msgspec.json.decode(body, type=list[AnyFault])
        return [msgspec.json.decode(body, type=AnyFault)]
    except (msgspec.DecodeError, RecursionError) as e:
        raise InvalidInput(f"fault: {e}") from None


@dataclass(slots=True)
class _Armed:
    fault: RequestFault | EventFault
    left: int


@dataclass(slots=True)
class FaultPlan:
    """The faults still to happen. Each question uses up what it answers."""

    clock_shift_ms: Millis = 0
    halted: set[tuple[Market, str]] = field(default_factory=set)
    _requests: deque[_Armed] = field(default_factory=deque)
    _events: deque[_Armed] = field(default_factory=deque)
    _gaps: dict[tuple[Market, str], int] = field(default_factory=dict)

    def arm(self, fault: AnyFault) -> None:
        """Take in a fault that waits for its occasion, or changes the plan's own state."""
        match fault:
            case Answer() | ApplyThenFail() | Hang() | Reset():
                self._requests.append(_Armed(fault, fault.times))
            case DropEvents() | DuplicateEvents() | DelayEvents() | ReorderEvents():
                self._events.append(_Armed(fault, fault.n))
            case DepthGap():
                self._gaps[(fault.market, fault.symbol)] = fault.n
            case ShiftClock():
                self.clock_shift_ms = fault.ms
            case HaltSymbol():
                key = (fault.market, fault.symbol)
                (self.halted.add if fault.halted else self.halted.discard)(key)

    def for_request(self, endpoint: str) -> RequestFault | None:
        for armed in self._requests:
            fault = armed.fault
            assert not isinstance(fault, EventFault)
            if fault.endpoint in ("*", endpoint):
                self._use(self._requests, armed)
                return fault
        return None

    def for_event(self, event: dict[str, Any]) -> EventFault | None:
        for armed in self._events:
            fault = armed.fault
            assert isinstance(fault, EventFault)
            if fault.event in ("", event.get("e")):
                self._use(self._events, armed)
                return fault
        return None

    def loses_depth(self, market: Market, symbol: str) -> bool:
        left = self._gaps.get((market, symbol), 0)
        if not left:
            return False
        self._gaps[(market, symbol)] = left - 1
        return True

    @staticmethod
    def _use(queue: deque[_Armed], armed: _Armed) -> None:
        armed.left -= 1
        if armed.left <= 0:
            queue.remove(armed)
