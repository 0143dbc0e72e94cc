"""`manage.py run SERVICE…`: one worker process for the live services named, in memory between them."""

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
from django.utils.module_loading import import_string

from chimera.bus import open_bus
from chimera.clock import INTERVALS, Clock, ScaledClock
from chimera.errors import ChimeraError, Unavailable
from chimera.events import BundleActivated
from chimera.locks import open_leases
from chimera.runtime.contract import ExchangePort
from chimera.runtime.live import LiveRuntime
from chimera.runtime.topology import LIVE_SERVICES, streams_to_read
from chimera.runtime.worker import WorkerContext, build_services, check_services
from chimera.store import open_store

log = structlog.get_logger(__name__)

WAIT_S = 0.5
CLOCK_CHECK_S = 3.0


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
    active = await _active_bundle(stopping)
    clock = await _venue_clock(stopping)
    if active is None or clock is None:
        return
    bundle = active.bundle
    context = WorkerContext(
        store=store,
        symbols=bundle.symbols,
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
            symbols=bundle.symbols,
            interval=bundle.interval,
            clock=clock,
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
        streams=streams_to_read(names, bundle.symbols),
        first=(active,),
    )
    log.info("worker starts", services=names, bundle=bundle.name, generation=active.generation)
    following = asyncio.create_task(_follow_venue_clock(clock))
    try:
        await runtime.run(stopping)
    finally:
        following.cancel()
        if exchange is not None:
            await exchange.close()
        await leases.close()
        await bus.close()
    log.info("worker stopped", services=names)


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
