"""The live runtime: the same cores as the simulated one, driven by asyncio, for as long as it has the lease.

Each service has one lease, and a worker takes those of all its services or none. Only their holder may
record and send. A worker that loses one forgets everything and begins again from the record when it gets
all of them back.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from chimera.bus import Bus
from chimera.clock import Clock
from chimera.errors import LeaseLost, Transient
from chimera.events import stream_of
from chimera.events.base import Event
from chimera.locks import Fence, Leases, Tenure
from chimera.runtime.beginning import Beginning
from chimera.runtime.contract import ExchangePort, Service
from chimera.runtime.session import Session
from chimera.runtime.topology import ROUTER_LEASE, leases_of
from chimera.store.interface import Store

log = structlog.get_logger(__name__)

LEASE_POLL_S = 0.25


class LiveRuntime:
    """One worker: waits for its leases, runs a `Session` under them, and begins again if they are lost."""

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
        stream_of: Callable[[Event], str] = stream_of,
        first: Sequence[Event] = (),
    ) -> None:
        """Prepare a worker; nothing happens before `run`.

        Parameters
        ----------
        build : makes the cores of `names`, restored from the record
        exchange : the connection to the exchange, where this worker has it
        streams : what other workers publish and these cores need
        stream_of : names the stream that carries an event
        first : events the cores begin with, such as the active bundle
        """
        self._names = tuple(names)
        self._leases = leases
        self._fence = Fence()
        self._beginning = Beginning(first)
        self._open = partial(
            Session,
            build=build,
            names=self._names,
            store=store,
            bus=bus,
            clock=clock,
            fence=self._fence,
            exchange=exchange,
            streams=streams,
            stream_of=stream_of,
            beginning=self._beginning,
        )
        self._session: Session | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then finish what was begun and return."""
        while not stopping.is_set():
            lease = await self._acquire(stopping)
            if lease is None:
                return
            self._session = self._open(lease)
            try:
                await self._session.run(stopping)
            except LeaseLost as error:
                log.warning("beginning again from the record", reason=error.message)
            finally:
                self._session = None
                await lease.release()

    def learn(self, event: Event) -> None:
        """Take in a newer bundle that was found out here; every worker finds it out for itself."""
        if self._beginning.learn(event) and self._session is not None:
            self._session.learn(event)

    async def _acquire(self, stopping: asyncio.Event) -> Tenure | None:
        """Wait for the leases of this worker's services."""
        resources = leases_of(self._names)
        told = False
        while not stopping.is_set():
            try:
                # From now on commands of every earlier router are refused.
                self._fence.learn(ROUTER_LEASE, await self._leases.newest_token(ROUTER_LEASE))
                lease = await self._leases.acquire_all(resources)
                reason = "another worker holds one, or has just died with it"
            except Transient as error:
                lease, reason = None, error.message
            if lease is not None:
                log.info("leases taken", fencing=lease.tokens)
                return lease
            if not told:
                log.info("waiting for the leases", resources=resources, reason=reason)
                told = True
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=LEASE_POLL_S)
        return None
