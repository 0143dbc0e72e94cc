"""What other workers publish: read, decoded, handed to the session, acknowledged after its effects.

A command is carried out only if no newer router has spoken: it carries the fencing token of its sender's
lease, and one older than the newest token known here is refused.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import structlog

from chimera.bus import Bus, ConsumeOptions, DeadLetter, Gap, GapKind, Message, StartFrom
from chimera.errors import LeaseLost, Transient
from chimera.events import decode
from chimera.events.base import Command, Event
from chimera.locks import Fence
from chimera.runtime.acknowledging import Acknowledger
from chimera.runtime.retry import Trouble
from chimera.runtime.topology import ROUTER_LEASE

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an input's source is told what became of it."""

    acknowledge: Callable[[], None]
    give_up: Callable[[str], Coroutine[Any, Any, None]]


class StreamConsumer:
    """One worker's subscription.

    Parameters
    ----------
    group : the worker's name, under which it publishes too
    fence : the newest router known here
    on_event : takes in an event and what its source wants to be told
    on_command : takes in a command, whether it was delivered before, and how to acknowledge it
    on_missing : hears of messages that were published and are gone
    """

    def __init__(
        self,
        bus: Bus,
        streams: Sequence[str],
        group: str,
        *,
        fence: Fence,
        on_event: Callable[[Event, Receipt], None],
        on_command: Callable[[Command, bool, Callable[[], None]], None],
        on_dead_letter: Callable[[DeadLetter], None],
        on_missing: Callable[[Gap], None],
        trouble: Trouble,
    ) -> None:
        options = ConsumeOptions(start=StartFrom.OLDEST)  # instruments and histories lie there
        self._subscription = bus.consume(
            streams, group, group, options=options, on_dead_letter=on_dead_letter
        )
        self._acknowledger = Acknowledger(self._subscription)
        self._worker = group
        self._fence = fence
        self._on_event = on_event
        self._on_command = on_command
        self._on_missing = on_missing
        self._trouble = trouble

    async def take(self) -> None:
        """Hand over what has come, or return after a while without any."""
        try:
            batch = await self._subscription.fetch()
        except Transient as error:
            self._trouble("runtime:streams", error.message)
            return
        self._trouble("runtime:streams", None)
        for gap in batch.gaps:
            missing = gap.kind is GapKind.MISSING
            tell = log.warning if missing else log.info
            tell("a producer's sequence is broken", gap=msgspec.to_builtins(gap))
            if missing:
                self._on_missing(gap)
        for message in batch.messages:
            await self._hand_over(message)

    async def flush(self) -> None:
        """Acknowledge what waits now: the session ends."""
        await self._acknowledger.flush()

    async def close(self) -> None:
        await self._subscription.close()

    async def _hand_over(self, message: Message) -> None:
        if message.producer == self._worker:  # its cores heard it when they published it
            self._acknowledger.add(message)
            return
        try:
            event = decode(message.payload)
        except msgspec.MsgspecError as error:
            await self._give_up(message, f"not an event we know: {error}")
            return
        acknowledge = partial(self._acknowledger.add, message)
        if not isinstance(event, Command):
            self._on_event(event, Receipt(acknowledge, partial(self._give_up, message)))
            return
        try:
            self._fence.admit(ROUTER_LEASE, event.fencing)
        except LeaseLost as error:
            log.warning("a command is refused", command=event.id, reason=error.message)
            acknowledge()
            return
        self._on_command(event, message.deliveries > 1, acknowledge)

    async def _give_up(self, message: Message, reason: str) -> None:
        with suppress(Transient):  # then it is delivered again
            await self._subscription.reject(message, reason)
