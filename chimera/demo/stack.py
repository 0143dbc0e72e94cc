"""The demo's processes: what they are, how they come up, how they end.

`chimera.demo` shows them to somebody; the simulations of a live desk drive them from tests.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec
from rich.console import Console

from chimera.bus.server import PrivateRedis
from chimera.clock import Millis, iso_second
from chimera.demo.bundle import Played, bundle_fitted
from chimera.demo.claims import check_port, claim_folder
from chimera.errors import ConfigInvalid, Unavailable
from chimera.runtime.topology import LIVE_SERVICES

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.1
FEED_CHECK_S = 1.0
BEHIND_S = 5.0  # of wall time
WARM_UP_SHOWN_S = 15.0  # a recording without history warms up for longer; the pages show how far


class Stopped(Exception):
    """Somebody wants the demo to end before it is up; `stop` follows."""


class Feed(msgspec.Struct, frozen=True):
    """How far the venue's market is, whether that is its end, and how far it should be beyond."""

    at: Millis
    done: bool
    lag_ms: Millis


class _VenueStatus(Played, frozen=True):
    speed: float
    feed: Feed


@dataclass(slots=True)
class Demo:
    """One running demo. `start` brings it up, `watch` waits, `stop` ends it.

    Setting `stopping` ends what waits: `start`, `warm_up` and `manage` by raising `Stopped`.
    """

    state_dir: Path
    port: int
    venue_options: list[str]
    bundle: Path
    console: Console
    stopping: threading.Event = field(default_factory=threading.Event)
    env: dict[str, str] = field(default_factory=dict)
    _lock: int | None = None
    _redis: PrivateRedis | None = None
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _logs: list[IO[bytes]] = field(default_factory=list)

    def start(self) -> str:
        """Bring everything up and return the logins.

        Raises
        ------
        ChimeraError
            If a step failed; its message says which, and where its log is.
        Stopped
            If it is not wanted any more.
        """
        check_port(self.port)
        with self.console.status("starting Redis and the venue") as status:
            logins = self.prepare()
            status.update("starting workers and pages")
            self.start_worker()
            self.start_pages()
            self._wait_for_pages()
        return logins

    def prepare(self) -> str:
        """Start Redis and the venue; make a fresh database with users and an active bundle."""
        self._lock = claim_folder(self.state_dir)
        (self.state_dir / "logs").mkdir()
        self._redis = PrivateRedis(self.state_dir / "redis")
        self._redis.start()
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "chimera.settings.local",
            "CHIMERA_STATE_DIR": str(self.state_dir),
            "CHIMERA_REDIS_URL": self._redis.url,
            "CHIMERA_DEMO": "true",
            "PYTHONUNBUFFERED": "1",
        }
        venue = self.start_venue()
        self.env |= {
            "CHIMERA_EXCHANGE_URL": venue["rest"],
            "CHIMERA_EXCHANGE_KEY": venue["key"],
            "CHIMERA_EXCHANGE_SECRET": venue["secret"],
        }
        self.manage("migrate", "--verbosity", "0")
        logins = self.manage("demo_users")
        bundle = str(self._bundle_for_venue())
        self.manage("bundle", "activate", bundle, "--reason", "demo", "--actor", "demo")
        return logins

    def start_worker(self, name: str = "worker", services: Sequence[str] = LIVE_SERVICES) -> None:
        self._spawn(name, sys.executable, "manage.py", "run", *services)

    def kill_worker(self, name: str = "worker") -> None:
        """End a worker as a power cut would; `start_worker` brings it back."""
        self._kill(name)

    def kill_venue(self) -> None:
        """End the venue as a power cut would; `start_venue` on its port brings it back."""
        self._kill("venue")

    def start_venue(self, port: int = 0) -> dict[str, str]:
        """Start the venue, where it was if it ran here before; return what it told. Port 0 is any."""
        path = self.state_dir / "venue.json"  # with a paper account's key: it opens nothing else
        command = (sys.executable, "manage.py", "venue", "--port", str(port))
        kept = ("--state", str(self.state_dir / "venue-state"))
        with path.open("wb") as card:
            process = self._spawn(
                "venue", *command, *kept, *self.venue_options, stdout=card.fileno()
            )
        while not (line := path.read_bytes()).endswith(b"\n"):
            if process.poll() is not None:
                del self._processes["venue"]  # what became of it is said here
                reason = self.last_line("venue").removeprefix("CommandError: ")
                raise ConfigInvalid(f"the venue did not start: {reason}")
            self._pause()
        told: dict[str, str] = json.loads(line)
        return told

    def start_pages(self) -> None:
        """Start Celery's worker and beat, and the web process."""
        celery = (sys.executable, "-m", "celery", "-A", "chimera")
        schedule = str(self.state_dir / "celerybeat-schedule")
        self._spawn("celery", *celery, "worker", "--pool", "solo", "--loglevel", "INFO")
        self._spawn("beat", *celery, "beat", "--schedule", schedule)
        web = (
            "uvicorn",
            "chimera.asgi:application",
            "--port",
            str(self.port),
            "--no-access-log",
            "--no-proxy-headers",
        )
        self._spawn("web", sys.executable, "-m", *web)

    def warm_up(self) -> None:
        """Show how each symbol warms up, until the desk can decide or the patience is over.

        Raises
        ------
        Stopped
            If the demo is not wanted any more.
        """
        command = ("manage.py", "warmup", "--patience", str(WARM_UP_SHOWN_S))
        with self._log_path("warmup").open("ab") as log:
            shown = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, *command],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        try:
            while shown.poll() is None and self.ended() is None:
                self._pause()
        finally:
            _end(shown, signal.SIGINT)  # which gives the terminal its cursor back

    def watch(self) -> str | None:
        """Wait until told to stop (None) or a process ends by itself (its name).

        Says so when the recording that the venue plays has ended, or the venue cannot keep up.
        """
        told, look_at = "", 0.0
        while not self.stopping.wait(POLL_S):
            ended = self.ended()
            if ended is not None:
                return ended
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + FEED_CHECK_S
                told = self._tell_of_feed(told)
        return None

    def ended(self) -> str | None:
        """Return the name of a process that ended by itself, or None."""
        return next((n for n, p in self._processes.items() if p.poll() is not None), None)

    def last_line(self, name: str) -> str:
        """Return what a process said last."""
        lines = self._log_path(name).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"{name} said nothing"

    def stop(self) -> list[str]:
        """Stop all processes, last started first; return what did not end cleanly."""
        unclean = []
        for name, process in reversed(self._processes.items()):
            if process.poll() is None:
                process.terminate()
            try:
                code = process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code not in (0, -signal.SIGTERM):
                unclean.append(f"{name} ended with {code}: see {self._log_path(name)}")
        self._processes.clear()
        if self._redis is not None:
            self._redis.stop()
        for log in self._logs:
            log.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        return unclean

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a command of `manage.py` in the demo's environment and return what it printed."""
        with subprocess.Popen(  # noqa: S603 - our own commands, no shell
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, errors = self._outcome(process)
            finally:
                _end(process, signal.SIGTERM)
        if check and process.returncode:
            tail = (errors or output).strip().splitlines()[-5:]
            raise ConfigInvalid(f"manage.py {arguments[0]} failed: {' / '.join(tail)}")
        return output

    # --- steps -------------------------------------------------------------------------------------------

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def _bundle_for_venue(self) -> Path:
        """Return the bundle's file, or one made of it for what the venue plays."""
        try:
            text = self.bundle.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigInvalid(f"{self.bundle} cannot be read: {error}") from error
        fitted = bundle_fitted(text, self._venue_status())
        if fitted == text:
            return self.bundle
        path = self.state_dir / "bundle.yaml"
        path.write_text(fitted)
        return path

    def _venue_status(self) -> _VenueStatus:
        address = f"{self.env['CHIMERA_EXCHANGE_URL']}/venue/status"
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - our own venue
            return msgspec.json.decode(answer.read(), type=_VenueStatus)

    def _tell_of_feed(self, told: str) -> str:
        """Say what is new about the feed, once; return what was told last."""
        try:
            status = self._venue_status()
        except OSError:
            return told  # a venue that ended is noticed by `ended`
        kind, news = feed_news(status.feed, status.speed)
        if kind in ("", told):
            return told
        self.console.print(f"[yellow]{news}[/yellow]", highlight=False, soft_wrap=True)
        return kind

    def _outcome(self, process: "subprocess.Popen[str]") -> tuple[str, str]:
        while True:
            try:
                return process.communicate(timeout=POLL_S)
            except subprocess.TimeoutExpired:
                if self.stopping.is_set():
                    raise Stopped from None

    def _pause(self) -> None:
        if self.stopping.wait(POLL_S):
            raise Stopped

    def _spawn(
        self, name: str, *command: str, stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        log = self._log_path(name).open("ab")
        self._logs.append(log)
        process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            command,
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=log if stdout is None else stdout,
            stderr=log,
            # Ctrl-C comes to this process alone, which stops the others in order.
            start_new_session=True,
        )
        self._processes[name] = process
        return process

    def _wait_for_pages(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            name = self.ended()
            if name is not None:
                raise Unavailable(f"{name} ended at once: {self.last_line(name)}")
            try:
                with urllib.request.urlopen(f"{self.address}/health", timeout=2):  # noqa: S310
                    return
            except urllib.error.HTTPError:
                return  # it answers; how healthy it is, it says itself
            except OSError:
                self._pause()
        raise Unavailable(f"no page after {READY_TIMEOUT_S:.0f} s: see {self._log_path('web')}")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _log_path(self, name: str) -> Path:
        return self.state_dir / "logs" / f"{name}.log"


def feed_news(feed: Feed, speed: float) -> tuple[str, str]:
    """Return what somebody should know of the feed: which kind of news, and the words; or nothing."""
    if feed.done:
        return "ended", (
            f"The recording has ended at {iso_second(feed.at)}: the market stands still, and its bars "
            "are empty. The pages stay; start again, or give more DATA."
        )
    if feed.lag_ms > BEHIND_S * 1_000 * speed:
        return "behind", (
            f"The venue cannot keep up with SPEED={speed:g}: bars come too late to be traded on. "
            "Start again with a lower SPEED."
        )
    return "", ""


def _end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]", by: signal.Signals) -> None:
    """Make sure that a helper has ended."""
    if process.poll() is None:
        process.send_signal(by)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
