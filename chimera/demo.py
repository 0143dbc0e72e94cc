"""The whole platform on this machine, on embedded defaults: what `make demo` runs.

1. A private Redis, a fresh database, demo users, the demo bundle.
2. The paper venue; then worker, Celery worker and beat, and the web process.
3. When the pages answer, the address and the logins are printed. Ctrl-C stops everything in good order.

Each process logs to `<state>/logs/<name>.log`. If one ends by itself, all are stopped.
"""

import argparse
import json
import os
import shutil
import signal
import socket
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

from rich.console import Console

from chimera.bus.server import PrivateRedis
from chimera.errors import ChimeraError, ConfigInvalid, Unavailable
from chimera.runtime.topology import LIVE_SERVICES

ROOT = Path(__file__).resolve().parents[1]
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.1
RECORDED_SPEED = 60.0
SIMULATED_SPEED = 10.0  # order flow is simulated order by order, so it cannot run as fast
SIMULATED_SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
STATE_NAMES = ("logs", "redis", "static", "venue.json", "chimera.sqlite3", "celerybeat-schedule")


@dataclass(slots=True)
class Demo:
    """One running demo. `start` brings it up, `watch` waits, `stop` ends it."""

    state_dir: Path
    port: int
    venue_options: list[str]
    bundle: Path
    console: Console
    env: dict[str, str] = field(default_factory=dict)
    _redis: PrivateRedis | None = None
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _logs: list[IO[bytes]] = field(default_factory=list)

    def start(self) -> str:
        """Bring everything up and return the logins.

        Raises
        ------
        ChimeraError
            If a step failed; its message says which, and where its log is.
        """
        _check_port(self.port)
        with self.console.status("starting Redis and the venue") as status:
            logins = self.prepare()
            status.update("starting workers and pages")
            self.start_worker()
            self.start_pages()
            self._wait_for_pages()
        return logins

    def prepare(self) -> str:
        """Start Redis and the venue; make a fresh database with users and an active bundle."""
        _clear(self.state_dir)
        self.state_dir.mkdir(parents=True, mode=0o700)  # it holds keys
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
        venue = self._start_venue()
        self.env |= {
            "CHIMERA_EXCHANGE_URL": venue["rest"],
            "CHIMERA_EXCHANGE_KEY": venue["key"],
            "CHIMERA_EXCHANGE_SECRET": venue["secret"],
        }
        self.manage("migrate", "--verbosity", "0")
        logins = self.manage("demo_users")
        self.manage("bundle", "activate", str(self.bundle), "--reason", "demo", "--actor", "demo")
        return logins

    def start_worker(self, name: str = "worker", services: Sequence[str] = LIVE_SERVICES) -> None:
        self._spawn(name, sys.executable, "manage.py", "run", *services)

    def kill_worker(self, name: str = "worker") -> None:
        """End a worker as a power cut would; `start_worker` brings it back."""
        worker = self._processes.pop(name)
        worker.kill()
        worker.wait()

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

    def watch(self, stopping: threading.Event) -> str | None:
        """Wait until told to stop (None) or a process ends by itself (its name)."""
        while not stopping.wait(POLL_S):
            ended = self.ended()
            if ended is not None:
                return ended
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
        return unclean

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a command of `manage.py` in the demo's environment and return what it printed."""
        done = subprocess.run(  # noqa: S603 - our own commands, no shell
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            tail = (done.stderr or done.stdout).strip().splitlines()[-5:]
            raise ConfigInvalid(f"manage.py {arguments[0]} failed: {' / '.join(tail)}")
        return done.stdout

    # --- steps -------------------------------------------------------------------------------------------

    def _start_venue(self) -> dict[str, str]:
        process = self._spawn(
            "venue",
            sys.executable,
            "manage.py",
            "venue",
            "--port",
            "0",
            *self.venue_options,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise ConfigInvalid(f"the venue did not start: {self.last_line('venue')}")
        (self.state_dir / "venue.json").write_bytes(
            line
        )  # a paper account's key: opens nothing else
        told: dict[str, str] = json.loads(line)
        return told

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
                time.sleep(POLL_S)
        raise Unavailable(f"no page after {READY_TIMEOUT_S:.0f} s: see {self._log_path('web')}")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _log_path(self, name: str) -> Path:
        return self.state_dir / "logs" / f"{name}.log"


def main() -> int:
    options = _options()
    console = Console()
    demo = Demo(
        state_dir=options.state,
        port=options.port,
        venue_options=_venue_options(options),
        bundle=options.bundle,
        console=console,
    )
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    failure: str | None = None
    try:
        logins = demo.start()
        console.print(f"\nChimera runs at [bold]{demo.address}[/bold]\n")
        console.print(logins.strip(), highlight=False)
        console.print(f"\nLogs are in {demo.state_dir / 'logs'}. Ctrl-C stops everything.")
        ended = demo.watch(stopping)
        if ended is not None:
            failure = f"{ended} ended by itself: see {demo.state_dir / 'logs' / ended}.log"
    except ChimeraError as error:
        failure = error.message
    finally:
        with console.status("stopping"):
            unclean = demo.stop()
    for problem in filter(None, (failure, *unclean)):
        console.print(f"[red]{problem}[/red]", highlight=False)
    if not failure and not unclean:
        console.print("Everything has stopped.")
    return 1 if failure or unclean else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", nargs="*", default=[], help="recorded files; none: a simulation")
    parser.add_argument(
        "--speed",
        type=float,
        default=None,
        help="market seconds per second; recordings 60 and the simulation 10 unless given",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the simulated order flow")
    parser.add_argument("--port", type=int, default=8092)
    parser.add_argument("--state", type=Path, default=ROOT / "var" / "demo")
    parser.add_argument("--bundle", type=Path, default=ROOT / "bundles" / "demo.yaml")
    return parser.parse_args()


def _venue_options(options: argparse.Namespace) -> list[str]:
    speed = options.speed
    if speed is None:
        speed = RECORDED_SPEED if options.data else SIMULATED_SPEED
    arguments = ["--seed", str(options.seed), "--speed", str(speed)]
    if options.data:
        return [*arguments, "--data", *(str(Path(path).resolve()) for path in options.data)]
    return [*arguments, "--symbols", *SIMULATED_SYMBOLS]


def _clear(state_dir: Path) -> None:
    """Remove what an earlier demo left; a folder with anything else in it is somebody's."""
    if state_dir.exists() and not state_dir.is_dir():
        raise ConfigInvalid(f"{state_dir} is a file; --state names a folder")
    inside = state_dir.iterdir() if state_dir.exists() else ()
    foreign = sorted(path.name for path in inside if not path.name.startswith(STATE_NAMES))
    if foreign:
        raise ConfigInvalid(
            f"{state_dir} holds {foreign[0]}, which no demo made, and would be emptied; "
            "name another folder with --state"
        )
    shutil.rmtree(state_dir, ignore_errors=True)


def _check_port(port: int) -> None:
    if not 0 <= port <= 65_535:
        raise ConfigInvalid(f"{port} is no port: 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigInvalid(
                f"port {port} is taken; choose another: make demo PORT=8093"
            ) from error


if __name__ == "__main__":
    sys.exit(main())
