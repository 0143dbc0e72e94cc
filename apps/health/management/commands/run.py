"""`manage.py run SERVICE…`: one worker process for the live services named, in memory between them.

It works on the market of the active bundle, and of all that is in hand besides. Factors, rules and limits
of another bundle are taken over while it runs; for other symbols or another interval, and when something
is held in a symbol it does not follow, it ends what it does and begins again from the record.
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from apps.config.selectors import activation_active
from apps.exchange.adapters.venue_clock import venue_clock
from apps.features.core.factors import required_bars
from chimera.bundles import Bundle
from chimera.bus import open_bus
from chimera.clock import INTERVALS, Clock, ScaledClock
from chimera.errors import ChimeraError, Transient, Unavailable
from chimera.events import BundleActivated
from chimera.locks import open_leases
from chimera.runtime.contract import ExchangePort
from chimera.runtime.live import LiveRuntime
from chimera.runtime.restore import symbols_in_hand
from chimera.runtime.topology import LIVE_SERVICES, stream_for, streams_to_read
from chimera.runtime.worker import WorkerContext, build_services, check_services
from chimera.store import Store, open_store

log = structlog.get_logger(__name__)

WAIT_S = 0.5
CLOCK_CHECK_S = 3.0
MARKET_CHECK_S = 1.0

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Market:
    """What is to be followed: the active bundle's market, and whatever else is in hand."""

    active: BundleActivated
    in_hand: frozenset[str]

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted({*self.active.bundle.symbols, *self.in_hand}))

    def covers(self, newer: "_Market") -> bool:
        one, other = self.active.bundle, newer.active.bundle
        same = set(one.symbols) == set(other.symbols) and one.interval == other.interval
        return same and set(newer.symbols) <= set(self.symbols)


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

    store = await _until_there("the store", _ready_store, stopping)
    seen: frozenset[str] = frozenset()  # what was in hand once may be again, by somebody's hand
    while store is not None and not stopping.is_set():
        market = await _until_there("an active bundle", partial(_market, store, seen), stopping)
        clock = await _until_there("the venue", _venue_clock, stopping)
        if market is not None and clock is not None:
            seen = market.in_hand
            await _work(names, store, market, clock, stopping)


async def _work(
    names: tuple[str, ...],
    store: Store,
    market: _Market,
    clock: Clock,
    stopping: asyncio.Event,
) -> None:
    """Work until `stopping` is set, or until another market is to be followed."""
    active, symbols = market.active, market.symbols
    bundle = active.bundle
    context = WorkerContext(
        store=store,
        symbols=symbols,
        interval_ms=INTERVALS[bundle.interval],
        speed=clock.speed,
    )
    group = "+".join(names)
    bus = open_bus(settings.REDIS_URL, producer=group)
    leases = open_leases(settings.REDIS_URL, holder=f"{socket.gethostname()}:{os.getpid()}")
    exchange = _connect(symbols, bundle, clock) if "exchange" in names else None
    runtime = LiveRuntime(
        build=lambda: build_services(names, context),
        names=names,
        store=store,
        bus=bus,
        clock=clock,
        leases=leases,
        exchange=exchange,
        streams=streams_to_read(names, symbols),
        stream_of=partial(stream_for, symbols=frozenset(symbols)),
        first=(active,),
    )
    log.info("worker starts", services=names, bundle=bundle.name, generation=active.generation)
    ending = asyncio.Event()
    following = [
        asyncio.create_task(_follow_venue_clock(clock, stopping)),
        asyncio.create_task(_follow(market, store, ending, stopping, runtime, exchange)),
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


async def _follow(
    market: _Market,
    store: Store,
    ending: asyncio.Event,
    stopping: asyncio.Event,
    runtime: LiveRuntime,
    exchange: ExchangePort | None,
) -> None:
    """Set `ending` when the worker is to stop, or what it follows is no longer all there is.

    A newer generation of the same market is taken in, in case its announcement was lost. It may look
    further back: the exchange brings a longer history then.
    """
    try:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=MARKET_CHECK_S)
                return
            try:
                newer = await _unless_stopped(partial(_market, store), stopping)
            except (DatabaseError, ChimeraError) as error:
                log.warning("the active bundle cannot be read", reason=str(error))
                continue
            if newer is None:
                continue
            if not market.covers(newer):
                log.info("another market: beginning again", symbols=newer.symbols)
                return
            runtime.learn(newer.active)
            if exchange is not None:
                exchange.require_history(required_bars(newer.active.bundle))
    finally:
        ending.set()


def _connect(symbols: Sequence[str], bundle: Bundle, clock: Clock) -> ExchangePort:
    from apps.exchange.worker import connect

    return connect(
        url=settings.EXCHANGE_URL,
        key=settings.EXCHANGE_KEY,
        secret=settings.EXCHANGE_SECRET,
        symbols=symbols,
        interval=bundle.interval,
        clock=clock,
        history_bars=required_bars(bundle),
    )


async def _until_there(
    what: str, find: Callable[[], Found | None], stopping: asyncio.Event
) -> Found | None:
    """Wait until `find` finds something; None when this process is told to stop before."""
    told = False
    while not stopping.is_set():
        reason = "there is none yet"
        try:
            found = await _unless_stopped(find, stopping)
        except (Transient, DatabaseError) as error:
            found, reason = None, str(error)
        if found is not None:
            return found
        if not told and not stopping.is_set():
            log.info(f"waiting for {what}", reason=reason)
            told = True
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), timeout=WAIT_S)
    return None


async def _unless_stopped(call: Callable[[], Found], stopping: asyncio.Event) -> Found | None:
    """Return what `call` gives, or None at once when told to stop meanwhile.

    A thread of an executor would hold the process's end up until it is through.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Found] = loop.create_future()

    def settle(result: Found | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast(Found, result))

    def work() -> None:
        result, failure = None, None
        try:
            result = call()
        except Exception as error:
            failure = error
        finally:
            connections.close_all()  # they are this thread's own
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=work, daemon=True, name="waiting").start()
    stop = asyncio.ensure_future(stopping.wait())
    either: set[asyncio.Future[Any]] = {answer, stop}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else None
    finally:
        answer.cancel()
        stop.cancel()


def _ready_store() -> Store:
    store = open_store(settings.STORE_URL)
    store.ensure()
    return store


def _market(store: Store, seen: frozenset[str] = frozenset()) -> _Market | None:
    """Return the market of what somebody has activated (manage.py bundle activate FILE), `seen` included."""
    active = activation_active()
    return _Market(active, symbols_in_hand(store) | seen) if active is not None else None


def _venue_clock() -> Clock:
    return venue_clock(settings.EXCHANGE_URL)


async def _follow_venue_clock(clock: Clock, stopping: asyncio.Event) -> None:
    """Keep a replay's clock: a venue that was started again tells another one."""
    while isinstance(clock, ScaledClock):
        await asyncio.sleep(CLOCK_CHECK_S)
        with suppress(Unavailable):  # the connector says that it is gone
            told = await _unless_stopped(_venue_clock, stopping)
            if isinstance(told, ScaledClock) and told.anchor_ns != clock.anchor_ns:
                log.warning("the venue began another replay", origin=told.origin, speed=told.speed)
                clock.follow(told)
