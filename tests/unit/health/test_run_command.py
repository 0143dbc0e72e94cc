"""`manage.py run` before it has anything to run on: it waits, says for what, and stops at once when told to."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from apps.health.management.commands import run
from chimera.errors import Unavailable

PROMPT_S = 1.0


async def test_run_waits_for_the_store_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping, tries = asyncio.Event(), []
    monkeypatch.setattr(run, "WAIT_S", 0.01)

    def open_store(url: str) -> SimpleNamespace:
        tries.append(url)
        if len(tries) < 3:
            raise Unavailable("the database is away")
        return SimpleNamespace(ensure=lambda: None)

    monkeypatch.setattr(run, "open_store", open_store)
    with capture_logs() as logs:
        store = await run._until_there("the store", run._ready_store, stopping)
    assert store is not None
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("waiting for the store", "the database is away")
    ]


async def test_run_told_to_stop_does_not_wait_for_a_call_that_hangs() -> None:
    stopping, hanging, release = asyncio.Event(), threading.Event(), threading.Event()

    def hang() -> str:
        hanging.set()
        release.wait(30)
        return "late"

    waiting = asyncio.create_task(run._until_there("the venue", hang, stopping))
    try:
        await asyncio.to_thread(hanging.wait, 5)
        stopping.set()
        assert await asyncio.wait_for(waiting, PROMPT_S) is None
    finally:
        release.set()
