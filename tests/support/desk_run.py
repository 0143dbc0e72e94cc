"""The demo's Redis, venue and workers on recorded data, without pages: for tests of whole processes."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

from chimera.bus.server import PrivateRedis
from chimera.demo.stack import ROOT, Demo
from tests.support.venue_account import VenueAccount

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
BUNDLE = ROOT / "bundles" / "demo.yaml"
POLL_S = 0.25  # the venue counts our weight together with the worker's


class DeskRun:
    """The demo's Redis, venue and worker, without pages."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.venue = VenueAccount(demo.state_dir / "venue.json")

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.demo.ended()
            assert ended is None, f"{ended} ended: {self.demo.last_line(ended)}"
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(POLL_S)

    def flat(self) -> bool:
        return not self.venue.positions()

    def holding(self) -> bool:
        return bool(self.venue.positions())

    def restart_redis(self, *, keep: bool) -> None:
        """Kill Redis and start it again on its port, with its append-only file or with nothing."""
        redis = self.demo._redis
        assert redis is not None
        redis.kill()
        if not keep:
            for path in redis.directory.glob("appendonly*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        redis.start()

    def decisions(self) -> int:
        return int(json.loads(self.ask("replay", "--json"))["decisions"])

    def ask(self, *command: str) -> str:
        return self.demo.manage(*command, check=False)

    def books_are_equal(self) -> bool:
        return json.loads(self.ask("books", "--json"))["differences"] == []

    def errors_logged(self) -> list[str]:
        return [
            line
            for log in (self.demo.state_dir / "logs").glob("*.log")
            for line in log.read_text().splitlines()
            if '"level": "error"' in line
        ]


@contextmanager
def desk_run(
    data_dir: Path, directory: Path, *, speed: float, bundle: Path = BUNDLE
) -> Iterator[DeskRun]:
    """Yield a prepared run: Redis, venue and database are there, and no worker yet."""
    files = [
        str(path)
        for symbol in SYMBOLS
        for path in sorted((data_dir / "klines").glob(f"um-{symbol}-1m-2025*.parquet"))
    ]
    demo = Demo(
        state_dir=directory / "demo",
        port=0,
        venue_options=["--data", *files, "--speed", str(speed), "--seed", "7"],
        bundle=bundle,
        console=Console(quiet=True),
    )
    try:
        # With a file, so that a test may stop Redis and find its data again.
        with patch("chimera.demo.stack.PrivateRedis", partial(PrivateRedis, append_only=True)):
            demo.prepare()
        yield DeskRun(demo)
    finally:
        demo.stop()
