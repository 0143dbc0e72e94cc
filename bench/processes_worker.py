"""One worker process of `processes`: the live runtime, and the time of each order effect in it."""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import django
import msgspec
import uvloop

from apps.orders.core.service import Router
from bench.answers import is_entry
from bench.live import fast_clock, run_worker
from chimera.clock import Millis
from chimera.events import IntentIssued
from chimera.events.base import Event
from chimera.runtime.contract import Ask, Effect, Service


class TimedRouter:
    """The router, and when it made the order effect of which bar; monotonic ns."""

    name: ClassVar[str] = Router.name
    consumes: ClassVar[tuple[type[Event], ...]] = Router.consumes

    def __init__(self, router: Service, effects: dict[str, int]) -> None:
        self._router = router
        self._effects = effects

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        effects = self._router.handle(event, now)
        if type(event) is IntentIssued and _enters(effects):
            self._effects[_bar_of(event)] = time.perf_counter_ns()
        return effects


def main() -> None:
    redis_url, anchor_ns, effects_path, *names = sys.argv[1:]
    django.setup()
    effects: dict[str, int] = {}

    def finish(services: Sequence[Service]) -> Sequence[Service]:
        return [
            TimedRouter(service, effects) if isinstance(service, Router) else service
            for service in services
        ]

    async def work() -> None:
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        await run_worker(
            names,
            redis_url=redis_url,
            clock=fast_clock(int(anchor_ns)),
            stopping=stopping,
            finish=finish,
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
    if Router.name in names:
        Path(effects_path).write_bytes(msgspec.json.encode(effects))


def _enters(effects: Sequence[Effect]) -> bool:
    return any(type(effect) is Ask and is_entry(effect.command) for effect in effects)


def _bar_of(intent: IntentIssued) -> str:
    """Return the id of the bar: the intent's is ``int:<bar>:g<generation>``."""
    return intent.id.removeprefix("int:").rpartition(":")[0]


if __name__ == "__main__":
    main()
