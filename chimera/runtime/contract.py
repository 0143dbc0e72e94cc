"""The contract between a core and the runtime: an event and the time come in, effects come out."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

import msgspec

from chimera.clock import Millis
from chimera.events.base import Command, Event
from chimera.store.interface import Write


class Publish(msgspec.Struct, frozen=True, gc=False):
    """Tell the other services."""

    event: Event


class Record(Write, frozen=True, gc=False):
    """Keep a document in the store, durably, before anything after it leaves this process."""


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Ask the exchange something. The answer comes back as an event."""

    command: Command


class Wake(msgspec.Struct, frozen=True, gc=False):
    """Send the core `service` a `TimerFired` named `timer` at `at`; the same name again moves it."""

    service: str
    timer: str
    at: Millis


Effect = Publish | Record | Ask | Wake

START = "start"  # the timer every core is sent once, when its runtime begins


class Service(Protocol):
    """A core: a deterministic state machine without clock, I/O or randomness."""

    name: ClassVar[str]
    consumes: ClassVar[tuple[type[Event], ...]]

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        """Take in one event at `now` and return what is to happen, in order."""
        ...


class ExchangePort(Protocol):
    """The connection to the exchange, in the live process that has it."""

    async def run(self, sink: Callable[[Event], None]) -> None:
        """Bring market data, reports and alerts (`AlertRaised`) to `sink` until cancelled."""
        ...

    async def execute(self, command: Command, sink: Callable[[Event], None]) -> None:
        """Carry `command` out and bring every answer to `sink`; never raises for the venue's sake."""
        ...

    def require_history(self, bars: int) -> None:
        """Bring a longer history of every symbol if `bars` are more than were brought."""
        ...

    async def close(self) -> None: ...
