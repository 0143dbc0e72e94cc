"""One process, live: from a closed bar to the call that sends its order, the durable record included.

All services in one live runtime on uvloop, as `manage.py run` has them: the embedded store on a SQLite file
(WAL, synchronous FULL) on the project's disk, events published to a private Redis beside it. The time ends
at the call of the exchange port's `execute`, after decision, intent and order have been committed.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from bench.figures import Outcome, at_most
from bench.live import PacedExchange, fast_clock, run_worker
from bench.measure import collections, latencies
from chimera.bus.server import PrivateRedis
from chimera.runtime.topology import LIVE_SERVICES

TARGETS = {"p50": at_most(2), "p99": at_most(10)}
WARM_UP = 50


def run(quick: bool) -> Outcome:
    with (
        tempfile.TemporaryDirectory() as directory,
        PrivateRedis(Path(directory)) as redis,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        collections() as seen,
    ):
        took = runner.run(_trade(redis.url, 200 if quick else 2_000))
    return Outcome(
        figures=latencies("event to request leaving", took, unit="ms", targets=TARGETS),
        notes=(seen.note(),),
    )


async def _trade(redis_url: str, count: int) -> list[int]:
    clock = fast_clock(time.time_ns())
    exchange = PacedExchange(clock, count=count, warm_up=WARM_UP)
    await run_worker(
        LIVE_SERVICES,
        redis_url=redis_url,
        clock=clock,
        stopping=exchange.done,
        exchange=exchange,
    )
    return [requested - closed for closed, requested in exchange.requests.values()]
