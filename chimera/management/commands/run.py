"""`manage.py run SERVICE…`: one worker process for the live services named, in memory between them.

It works on the market of the active bundle. Factors, rules and limits of another bundle are taken over
while it runs; for other symbols or another interval it ends what it does and begins again from the record.
"""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from typing import Any

import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils.module_loading import import_string

from chimera.bundles import Bundle
from chimera.bus import open_bus
from chimera.clock import INTERVALS, Clock, ScaledClock
from chimera.errors import ChimeraError, Unavailable
from chimera.events import BundleActivated
from chimera.locks import open_leases
from chimera.runtime.contract import ExchangePort
from chimera.runtime.live import LiveRuntime
from chimera.runtime.restore import living_orders
from chimera.runtime.topology import LIVE_SERVICES, streams_to_read
from chimera.runtime.worker import WorkerContext, build_services, check_services
from chimera.store import Store, open_store

log = structlog.get_logger(__name__)

WAIT_S = 0.5
CLOCK_CHECK_S = 3.0
MARKET_CHECK_S = 1.0


class Command(BaseCommand):
    help = "Run live services in this process until it is told to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("services", nargs="+", help=f"out of: {', '.join(LIVE_SERVICES)}")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            names = check_services(options["services"])
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_run(names))
        except ChimeraError as error:
            raise CommandError(f"{error.code}: {error.message}") from error


async def _run(names: tuple[str, ...]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)

    store = open_store(settings.STORE_URL)
    await asyncio.to_thread(store.ensure)
    while not stopping.is_set():
        active = await _active_bundle(stopping)
        clock = await _venue_clock(stopping)
        if active is not None and clock is not None:
            await _work(names, store, active, clock, stopping)


async def _work(
    names: tuple[str, ...],
    store: Store,
    active: BundleActivated,
    clock: Clock,
    stopping: asyncio.Event,
) -> None:
    """Work until `stopping` is set, or until the active bundle is one of another market."""
    bundle = active.bundle
    living = await asyncio.to_thread(living_orders, store)
    symbols = tuple(sorted({*bundle.symbols, *(order.symbol for order in living)}))
    context = WorkerContext(
        store=store,
        symbols=symbols,
        interval_ms=INTERVALS[bundle.interval],
        speed=getattr(clock, "speed", 1.0),
    )
    group = "+".join(names)
    bus = open_bus(settings.REDIS_URL, producer=group)
    leases = open_leases(settings.REDIS_URL, holder=f"{socket.gethostname()}:{os.getpid()}")
    exchange: Any = None
    if "exchange" in names:
        connect = import_string("apps.exchange.worker.connect")
        exchange = connect(
            url=settings.EXCHANGE_URL,
            key=settings.EXCHANGE_KEY,
            secret=settings.EXCHANGE_SECRET,
            symbols=symbols,
            interval=bundle.interval,
            clock=clock,
            history_bars=_required_bars(bundle),
        )
    port: ExchangePort | None = exchange
    runtime = LiveRuntime(
        build=lambda: build_services(names, context),
        names=names,
        store=store,
        bus=bus,
        clock=clock,
        leases=leases,
        exchange=port,
        streams=streams_to_read(names, symbols),
        first=(active,),
    )
    log.info("worker starts", services=names, bundle=bundle.name, generation=active.generation)
    ending = asyncio.Event()
    following = [
        asyncio.create_task(_follow_venue_clock(clock)),
        asyncio.create_task(_end_with_market(bundle, ending, stopping, exchange)),
    ]
    try:
        await runtime.run(ending)
    finally:
        for task in following:
            task.cancel()
        if exchange is not None:
            await exchange.close()
        await leases.close()
        await bus.close()
    log.info("worker stopped", services=names)


async def _end_with_market(
    bundle: Bundle, ending: asyncio.Event, stopping: asyncio.Event, exchange: Any
) -> None:
    """Set `ending` when the worker is to stop, or the active bundle has other symbols or bars.

    A bundle of the same market may look further back: the exchange brings a longer history then.
    """
    activation_active = import_string("apps.config.selectors.activation_active")
    try:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=MARKET_CHECK_S)
                return
            try:
                active: BundleActivated | None = await asyncio.to_thread(activation_active)
            except (DatabaseError, ChimeraError) as error:
                log.warning("the active bundle cannot be read", reason=str(error))
                continue
            if active is None:
                continue
            if not _same_market(active.bundle, bundle):
                log.info("another market: beginning again", bundle=active.bundle.name)
                return
            if exchange is not None:
                exchange.require_history(_required_bars(active.bundle))
    finally:
        ending.set()


def _same_market(one: Bundle, other: Bundle) -> bool:
    return set(one.symbols) == set(other.symbols) and one.interval == other.interval


def _required_bars(bundle: Bundle) -> int:
    required: int = import_string("apps.features.core.factors.required_bars")(bundle)
    return required


async def _active_bundle(stopping: asyncio.Event) -> BundleActivated | None:
    """Wait until somebody has activated a bundle."""
    activation_active = import_string("apps.config.selectors.activation_active")
    told = False
    while not stopping.is_set():
        active: BundleActivated | None = await asyncio.to_thread(activation_active)
        if active is not None:
            return active
        if not told:
            log.info("waiting for an active bundle: manage.py bundle activate FILE")
            told = True
        await asyncio.sleep(WAIT_S)
    return None


async def _venue_clock(stopping: asyncio.Event) -> Clock | None:
    """Wait until the venue tells its clock."""
    venue_clock = import_string("apps.exchange.worker.venue_clock")
    told = False
    while not stopping.is_set():
        try:
            clock: Clock = await asyncio.to_thread(venue_clock, settings.EXCHANGE_URL)
        except Unavailable as error:
            if not told:
                log.info("waiting for the venue", reason=error.message)
                told = True
            await asyncio.sleep(WAIT_S)
        else:
            return clock
    return None


async def _follow_venue_clock(clock: Clock) -> None:
    """Keep a replay's clock: a venue that was started again tells another one."""
    venue_clock = import_string("apps.exchange.worker.venue_clock")
    while isinstance(clock, ScaledClock):
        await asyncio.sleep(CLOCK_CHECK_S)
        with suppress(Unavailable):  # the connector says that it is gone
            told = await asyncio.to_thread(venue_clock, settings.EXCHANGE_URL)
            if isinstance(told, ScaledClock) and told.anchor_ns != clock.anchor_ns:
                log.warning("the venue began another replay", origin=told.origin, speed=told.speed)
                clock.follow(told)
