"""The live runtime: the same cores as the simulated one, driven by asyncio, for as long as it has the lease.

Of two workers with the same services only one holds the lease, and only its holder may send. A worker
that loses it forgets everything and begins again from the record when it gets the lease back.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from chimera.bus import Bus
from chimera.clock import Clock
from chimera.errors import LeaseLost, Unavailable
from chimera.events.base import Event
from chimera.locks import Lease, Leases
from chimera.runtime.contract import ExchangePort, Service
from chimera.runtime.session import Session
from chimera.store.interface import Store

log = structlog.get_logger(__name__)

LEASE_POLL_S = 0.25


class LiveRuntime:
    def __init__(
        self,
        *,
        build: Callable[[], Sequence[Service]],
        names: Sequence[str],
        store: Store,
        bus: Bus,
        clock: Clock,
        leases: Leases,
        exchange: ExchangePort | None = None,
        streams: Sequence[str] = (),
        first: Sequence[Event] = (),
    ) -> None:
        """Prepare a worker; nothing happens before `run`.

        Parameters
        ----------
        build : makes the cores of `names`, restored from the record
        exchange : the connection to the exchange, where this worker has it
        streams : what other workers publish and these cores need
        first : events the cores begin with, such as the active bundle
        """
        self._names = tuple(names)
        self._leases = leases
        self._open = partial(
            Session,
            build=build,
            names=self._names,
            store=store,
            bus=bus,
            clock=clock,
            exchange=exchange,
            streams=streams,
            first=first,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then finish what was begun and return."""
        while not stopping.is_set():
            lease = await self._acquire(stopping)
            if lease is None:
                return
            try:
                await self._open(lease).run(stopping)
            except LeaseLost as error:
                log.warning("beginning again from the record", reason=error.message)
            finally:
                with suppress(Unavailable):  # it ends by itself then
                    await lease.release()

    async def _acquire(self, stopping: asyncio.Event) -> Lease | None:
        """Wait for this worker's lease."""
        resource = f"worker:{'+'.join(self._names)}"
        told = False
        while not stopping.is_set():
            try:
                lease = await self._leases.acquire(resource)
                reason = "another worker holds it, or has just died with it"
            except Unavailable as error:
                lease, reason = None, error.message
            if lease is not None:
                log.info("lease taken", resource=resource, fencing=lease.token)
                return lease
            if not told:
                log.info("waiting for the lease", resource=resource, reason=reason)
                told = True
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=LEASE_POLL_S)
        return None
