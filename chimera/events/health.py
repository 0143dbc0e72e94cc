"""How services are, and whether new risk may be taken."""

from enum import StrEnum

from chimera.clock import Millis
from chimera.events.base import Event


class ServiceState(StrEnum):
    OK = "OK"
    DEGRADED = "DEGRADED"
    ERROR = "ERROR"


class ServiceReported(Event, frozen=True, kw_only=True, gc=False, tag="health.service.v1"):
    """A service's heartbeat: how it is, and that it lives."""

    service: str
    state: ServiceState
    detail: str = ""


SEVERITIES = (ServiceState.DEGRADED, ServiceState.ERROR)
UNLISTED = "unlisted"  # begins the id of the alert about a symbol that the venue does not list


class AlertRaised(Event, frozen=True, kw_only=True, gc=False, tag="health.alert.v1"):
    """What people must look at; of `service` itself it says nothing. `severity` is one of `SEVERITIES`.

    `symbol` is "" where it is about none.
    """

    service: str
    severity: ServiceState
    detail: str
    symbol: str = ""


class TradingHalted(Event, frozen=True, kw_only=True, gc=False, tag="health.halted.v1"):
    """No new risk until `TradingResumed` names the same source. Exits and stops go on."""

    source: str
    reason: str


class TradingResumed(Event, frozen=True, kw_only=True, gc=False, tag="health.resumed.v1"):
    source: str


class StreamDisconnected(Event, frozen=True, kw_only=True, gc=False, tag="health.stream.v1"):
    """The exchange's stream `stream` was lost at `ts_event`, or is up when `connected`.

    `account` says that it brings the account's reports: what was not heard there must be asked for.
    """

    stream: str
    connected: bool
    account: bool = False


class TimerFired(Event, frozen=True, kw_only=True, gc=False, tag="runtime.timer.v1"):
    """A wake-up a core asked for; it goes to that core alone."""

    service: str
    timer: str
    due: Millis
