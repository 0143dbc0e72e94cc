"""What Redis says about the live system: who reported, who halted, how far consumers are behind.

Blocking calls for selectors and tasks; each opens its own link, so it works from any thread.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from django.conf import settings

from apps.health.families import HEALTH, SIGNALS
from chimera.bus import RedisBus
from chimera.bus.connection import GROUP_MISSING, RedisLink
from chimera.bus.streams import hash_tag, max_length
from chimera.clock import Millis, iso_second
from chimera.errors import Transient, Unavailable
from chimera.events import (
    DecisionMade,
    ServiceReported,
    StreamDisconnected,
    TradingHalted,
    TradingResumed,
    decode,
)
from chimera.events.health import ServiceState

HEARTBEAT_KEY = "health:celery"
RUNTIME = "runtime:"  # begins the sources of halts that are a runtime's own, not a service's
STREAMS_KEPT_BY = "exchange"
HEARTBEAT_TTL_S = 300
DEAD_LETTERS_COUNTED = 1_000
SIGNALS_READ = 500
_TIMEOUT_S = 2.0

T = TypeVar("T")


class WorkerReport(msgspec.Struct, frozen=True):
    """The last a worker said of itself, by the wall clock of Redis."""

    state: ServiceState
    detail: str
    at: Millis


class LiveSigns(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that Redis knows about who is alive. `halts` are reasons by source.

    A stream of the exchange that is lost is a halt too: the router takes no new risk without it.
    """

    reports: dict[str, WorkerReport]
    halts: dict[str, str]
    celery_beat_at: Millis | None


class GroupLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a consumer group is behind on a stream; `undelivered` None where Redis cannot tell."""

    stream: str
    group: str
    undelivered: int | None
    pending: int


class DecisionTold(msgspec.Struct, frozen=True, kw_only=True):
    """When a bar closed, by the market's time, and when its decision was told, by the wall's."""

    symbol: str
    closed_at: Millis
    told_at: Millis


class StreamLevel(msgspec.Struct, frozen=True, kw_only=True):
    """A stream's length and the wall time of its newest entry, None when it is empty."""

    stream: str
    length: int
    newest_at: Millis | None


def live_signs() -> LiveSigns:
    """Read who reported, who halted trading, and Celery's heartbeat; raises `Unavailable`."""
    return _with_link(_live_signs)


def heartbeat_write(now: Millis) -> None:
    """Leave the sign that beat scheduled and a worker ran a task at `now` (wall time)."""

    async def write(link: RedisLink) -> None:
        await link.execute(HEARTBEAT_KEY, "SET", HEARTBEAT_KEY, now, "EX", HEARTBEAT_TTL_S)

    _with_link(write)


def stream_levels(names: list[str]) -> tuple[list[StreamLevel], list[GroupLag]]:
    """Return length, newest entry and consumer groups of the streams that exist."""

    async def read(link: RedisLink) -> tuple[list[StreamLevel], list[GroupLag]]:
        levels: list[StreamLevel] = []
        lags: list[GroupLag] = []
        for name in names:
            levels.append(await _level(link, name))
            lags += await _lags(link, name)
        return levels, lags

    return _with_link(read)


async def _live_signs(link: RedisLink) -> LiveSigns:
    bus = RedisBus(link, producer="health", epoch=0)
    reports: dict[str, WorkerReport] = {}
    halts: dict[str, str] = {}
    lost: dict[str, str] = {}
    # All there is: a halt is told once, and may be older than thousands of heartbeats.
    for message in reversed(await bus.latest(HEALTH, max_length(HEALTH))):
        try:
            event = decode(message.payload)
        except msgspec.DecodeError:
            continue  # written by a newer version; its own consumers report what they cannot read
        # A replayed market has its own time; only Redis's tells how long ago this was said.
        at = _entry_ms(message.entry_id)
        if isinstance(event, ServiceReported):
            reports[event.service] = WorkerReport(event.state, event.detail, at)
            if halts and event.state is ServiceState.OK:
                # A runtime that begins again does not resume what it halted in its life before; its
                # heartbeat names what troubles it now.
                halts = {s: why for s, why in halts.items() if not _is_of_runtime(s, event.service)}
            if event.service == STREAMS_KEPT_BY and event.state is ServiceState.OK:
                lost = {}  # one that works for another market may keep other streams than before
        elif isinstance(event, TradingHalted):
            halts[event.source] = event.reason
        elif isinstance(event, TradingResumed):
            halts.pop(event.source, None)
        elif isinstance(event, StreamDisconnected):
            if event.connected:
                lost.pop(event.stream, None)
            else:
                lost[event.stream] = f"lost at {iso_second(event.ts_event)}"
    beat = await link.execute(HEARTBEAT_KEY, "GET", HEARTBEAT_KEY)
    return LiveSigns(
        reports=reports, halts=halts | lost, celery_beat_at=None if beat is None else int(beat)
    )


def _is_of_runtime(source: str, service: str) -> bool:
    """Tell whether a halt's source is the runtime of the worker that runs `service`."""
    worker = source.rpartition(":")[2]  # named after its services
    return source.startswith(RUNTIME) and service in worker.split("+")


async def _level(link: RedisLink, name: str) -> StreamLevel:
    length = await link.execute(name, "XLEN", name)
    newest = await link.execute(name, "XREVRANGE", name, "+", "-", "COUNT", 1)
    at = _entry_ms(newest[0][0].decode()) if newest else None
    return StreamLevel(stream=name, length=length, newest_at=at)


async def _lags(link: RedisLink, name: str) -> list[GroupLag]:
    try:
        groups = await link.execute(name, "XINFO GROUPS", name)
    except Transient as error:
        if error.code == GROUP_MISSING or "no such key" in error.message:
            return []
        raise
    return [
        GroupLag(
            stream=name,
            group=found["name"].decode(),
            undelivered=found.get("lag"),
            pending=found["pending"],
        )
        for found in groups
    ]


def decisions_newest() -> list[DecisionTold]:
    """Return each symbol's newest decision among those told lately."""

    async def read(link: RedisLink) -> list[DecisionTold]:
        bus = RedisBus(link, producer="health", epoch=0)
        found: dict[str, DecisionTold] = {}
        for message in await bus.latest(SIGNALS, SIGNALS_READ):
            try:
                event = decode(message.payload)
            except msgspec.DecodeError:
                continue
            if isinstance(event, DecisionMade):
                at = _entry_ms(message.entry_id)
                told = DecisionTold(symbol=event.symbol, closed_at=event.ts_event, told_at=at)
                found.setdefault(event.symbol, told)
        return list(found.values())

    return _with_link(read)


def dead_letter_counts(names: list[str]) -> dict[str, int]:
    """Count the dead letters of the families of `names`, of each hash tag's newest thousand."""

    async def read(link: RedisLink) -> dict[str, int]:
        bus = RedisBus(link, producer="health", epoch=0)
        counts = Counter(dict.fromkeys((name.partition(":{")[0] for name in names), 0))
        for tag in {hash_tag(name) for name in names}:
            letters = await bus.dead_letters(tag, DEAD_LETTERS_COUNTED)
            counts.update(letter.message.stream.partition(":{")[0] for letter in letters)
        return dict(counts)

    return _with_link(read)


def _with_link(work: Callable[[RedisLink], Awaitable[T]]) -> T:
    async def run() -> T:
        link = RedisLink(settings.REDIS_URL)
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await work(link)
        except TimeoutError as error:
            raise Unavailable(f"Redis did not answer within {_TIMEOUT_S:g} s") from error
        finally:
            await link.close()

    return asyncio.run(run())


def _entry_ms(entry_id: str) -> Millis:
    return int(entry_id.partition("-")[0])
