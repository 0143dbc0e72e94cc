"""Three processes by Redis: exchange; features; strategy with orders and positions. Two hops to the effect.

All are live runtimes with one SQLite file between them, as `manage.py run` starts them. The exchange's
process is this one. The time runs from the bar's close here to the router's order effect in the third
process; the clocks agree because both read the machine's monotonic one.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop

from bench.figures import Outcome, at_most
from bench.live import PacedExchange, fast_clock, run_worker
from bench.measure import latencies
from chimera.bus import open_bus
from chimera.bus.server import PrivateRedis
from chimera.errors import Unavailable
from chimera.events import ServiceReported, decode

TARGETS = {"p50": at_most(2)}
WARM_UP = 50
WORKERS = (("features",), ("strategy", "orders", "positions"))
JOIN_S = 0.5  # after a worker's first sign of life, until it surely reads its streams
STOP_TIMEOUT_S = 15


def run(quick: bool) -> Outcome:
    anchor_ns = time.time_ns()
    with tempfile.TemporaryDirectory() as name, PrivateRedis(Path(name)) as redis:
        effects_path = Path(name) / "effects.json"
        common = [redis.url, str(anchor_ns), str(effects_path)]
        command = [sys.executable, "-m", "bench.processes_worker", *common]
        workers = [subprocess.Popen([*command, *services]) for services in WORKERS]
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                count = 200 if quick else 2_000
                requests = runner.run(_trade(redis.url, anchor_ns, count, workers))
        finally:
            for worker in workers:
                worker.terminate()
            codes = [worker.wait(STOP_TIMEOUT_S) for worker in workers]
        if any(codes):
            raise Unavailable(f"workers ended with {codes}")
        effects = msgspec.json.decode(effects_path.read_bytes(), type=dict[str, int])
    effect = [effects[bar] - closed for bar, (closed, _) in requests.items()]
    request = [requested - closed for closed, requested in requests.values()]
    return Outcome(
        figures=(
            *latencies("event to order effect, two hops", effect, unit="ms", targets=TARGETS),
            *latencies("event to request leaving, three hops", request, unit="ms"),
        ),
    )


async def _trade(
    redis_url: str, anchor_ns: int, count: int, workers: list["subprocess.Popen[bytes]"]
) -> dict[str, tuple[int, int]]:
    clock = fast_clock(anchor_ns)
    bus = open_bus(redis_url, producer="bench-watch")
    tail = bus.tail(["health:events"], {"health:events": "0"})

    async def ready() -> None:
        missing = {services[0] for services in WORKERS}
        while missing:
            events = [decode(message.payload) for message in await tail.fetch()]
            missing -= {event.service for event in events if type(event) is ServiceReported}
        await asyncio.sleep(JOIN_S)
        await tail.close()
        await bus.close()

    async def watch() -> None:
        while all(worker.poll() is None for worker in workers):
            await asyncio.sleep(JOIN_S)
        exchange.done.set()

    exchange = PacedExchange(clock, count=count, warm_up=WARM_UP, ready=ready)
    watching = asyncio.ensure_future(watch())
    await run_worker(
        ("exchange",),
        redis_url=redis_url,
        clock=clock,
        stopping=exchange.done,
        exchange=exchange,
    )
    watching.cancel()
    return exchange.requests
