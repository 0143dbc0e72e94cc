"""Puts the live cores and the venue's core into one process: the backtest, and the ground for faults.

There is no second implementation of an order's life: this only wires the real ones together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.exchange.core.simulated import SimulatedExchange
from apps.exchange.core.venue.actions import Action
from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.instruments import VenueInstrument
from apps.features.core.service import Features
from apps.orders.core.deadlines import Deadlines
from apps.orders.core.service import Router
from apps.positions.core.service import Positions
from apps.strategy.core.service import Strategy
from chimera.bundles import Bundle, bundle_hash
from chimera.clock import Millis, VirtualClock
from chimera.events import BundleActivated, InstrumentListed
from chimera.events.base import Event
from chimera.instruments import Market, symbol_of
from chimera.runtime.contract import Service
from chimera.runtime.faults import Faults
from chimera.runtime.simulated import SimulatedRuntime
from chimera.store.interface import Store

ACCOUNT_ID = "desk"
SETTLE: Millis = 60_000  # how long the desk waits at the end for what is in flight

Instruments = Mapping[Market, Mapping[str, VenueInstrument]]


@dataclass(slots=True)
class Desk:
    """A wired desk. `run` it, then read its store, its venue and the runtime's digest."""

    runtime: SimulatedRuntime
    exchange: SimulatedExchange
    venue: Venue

    def run(self, inputs: Iterable[tuple[Millis, Action]]) -> None:
        """Trade through market `inputs`, sorted by time, and let what is in flight arrive."""
        self.runtime.run(inputs)
        self.runtime.settle(self.runtime.clock.now() + SETTLE)


def build_desk(
    bundle: Bundle,
    *,
    instruments: Instruments,
    store: Store,
    start: Millis,
    wallet_usdt: Decimal = Decimal(10_000),
    faults: Faults | None = None,
    restored: Callable[[], Sequence[Service]] | None = None,
    after_event: Callable[[Event, Millis], None] | None = None,
) -> Desk:
    """Wire a desk that trades `bundle` from `start` on.

    Parameters
    ----------
    instruments : what the venue lists
    restored : makes the cores from the record after a crash; needed only where faults crash
    after_event : called after every event with its effects carried out: where invariants are checked
    """
    venue = Venue(instruments=instruments)
    venue.open_account(ACCOUNT_ID, futures_usdt=wallet_usdt, spot={}, now=start)
    exchange = SimulatedExchange(venue, ACCOUNT_ID)
    runtime = SimulatedRuntime(
        build=restored or fresh_cores,
        exchange=exchange,
        store=store,
        clock=VirtualClock(start),
        faults=faults,
        first=_first_events(bundle, instruments, start),
        after_event=after_event,
    )
    return Desk(runtime=runtime, exchange=exchange, venue=venue)


def fresh_cores() -> list[Service]:
    """Return the live cores in the order in which events flow through them."""
    return [Features(), Strategy(), Router(Deadlines.for_bars()), Positions()]


def _first_events(bundle: Bundle, instruments: Instruments, start: Millis) -> tuple[Event, ...]:
    activated = BundleActivated(
        id="cfg:g1",
        ts_event=start,
        ts_init=start,
        generation=1,
        bundle_hash=bundle_hash(bundle),
        bundle=bundle,
        actor="desk",
        reason="simulation",
    )
    listed = tuple(
        InstrumentListed(
            id=f"instrument:{symbol_of(name, market)}",
            ts_event=start,
            ts_init=start,
            instrument=instrument.filters,
        )
        for market, by_name in instruments.items()
        for name, instrument in by_name.items()
    )
    return (activated, *listed)
