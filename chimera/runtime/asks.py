"""Commands to the exchange: sent from here, or by stream to the worker that has it, and taken from there."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import structlog

from chimera.clock import Clock
from chimera.correlation import bind_correlation_id
from chimera.events.base import Command, Event
from chimera.events.orders import CancelOrder, QueryOrder, SubmitOrder
from chimera.locks import Tenure
from chimera.runtime.contract import ExchangePort
from chimera.runtime.outbox import Batch
from chimera.runtime.topology import ROUTER_LEASE

log = structlog.get_logger(__name__)

STALE_MS = 5_000


class Asks:
    """The asks of one session that are under way."""

    def __init__(
        self,
        lease: Tenure,
        clock: Clock,
        exchange: ExchangePort | None,
        *,
        put: Callable[[Batch], None],
        bring: Callable[[Event], None],
    ) -> None:
        self._lease = lease
        self._clock = clock
        self._exchange = exchange
        self._put = put
        self._bring = bring
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, command: Command) -> None:
        """Send a command that was recorded; by stream, with the token of this router's lease."""
        if self._exchange is not None:
            self.begin(self._ask(self._exchange, command))
        else:
            token = self._lease.tokens.get(ROUTER_LEASE, 0)
            self._put(Batch(events=(msgspec.structs.replace(command, fencing=token),)))

    def carry_out(self, command: Command, repeated: bool, acknowledge: Callable[[], None]) -> None:
        """Carry out another worker's command, then acknowledge it.

        A submit that was delivered before may have left, and one that waited long is no longer
        wanted; of either it is only asked what became of it, and whoever sent it draws the conclusion.
        A question that waited long was asked again meanwhile: many at once would burst the venue's limits.
        """
        if self._exchange is not None:
            self.begin(self._carry_out(self._exchange, command, repeated, acknowledge))

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` beside everything else, until the session ends."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._on_done)

    async def answered(self) -> None:
        """Wait for what is under way."""
        if self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def cancel(self) -> None:
        for task in self._under_way:
            task.cancel()

    async def _carry_out(
        self,
        exchange: ExchangePort,
        command: Command,
        repeated: bool,
        acknowledge: Callable[[], None],
    ) -> None:
        if not self._lease.held:
            return  # whoever has it now will be delivered this again
        age_ms = self._clock.now() - command.ts_init
        stale = age_ms > STALE_MS * self._clock.speed
        if isinstance(command, SubmitOrder) and (repeated or stale):
            command = QueryOrder(
                id=f"query:{command.id}",
                cause=command.id,
                ts_event=command.ts_event,
                ts_init=self._clock.now(),
                symbol=command.symbol,
                client_order_id=command.client_order_id,
                conditional=command.trigger_px is not None,
            )
        elif stale and not isinstance(command, SubmitOrder | CancelOrder):
            log.info("a question waited too long", question=command.id, age_ms=age_ms)
            self._put(Batch(done=acknowledge))
            return
        await self._ask(exchange, command)
        self._put(Batch(done=acknowledge))

    async def _ask(self, exchange: ExchangePort, command: Command) -> None:
        bind_correlation_id(command.id)
        await exchange.execute(command, self._bring)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an ask failed in an unforeseen way; it will be looked for", exc_info=error)
