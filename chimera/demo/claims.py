"""What a demo takes for itself: its folder, which it empties, and the port of its pages."""

import fcntl
import os
import shutil
import socket
from pathlib import Path

from chimera.errors import ConfigInvalid

STATE_NAMES = (
    *("logs", "redis", "static", "venue.json", "venue-state", "bundle.yaml"),
    *("chimera.sqlite3", "celerybeat-schedule"),
)


def claim_folder(state_dir: Path) -> int:
    """Make the folder, or empty it of what an earlier demo left; return the lock on it.

    Raises
    ------
    ConfigInvalid
        If a demo runs there, or anything else lies there, which is somebody's.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    except FileExistsError:
        raise ConfigInvalid(f"{state_dir} is a file; --state names a folder") from None
    except OSError as error:
        raise ConfigInvalid(f"{state_dir} cannot be had: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _clear(state_dir)
        state_dir.chmod(0o700)  # it will hold keys
    except BlockingIOError:
        os.close(lock)
        raise ConfigInvalid(f"a demo already runs in {state_dir}: stop it first") from None
    except BaseException:
        os.close(lock)
        raise
    return lock


def _clear(state_dir: Path) -> None:
    inside = sorted(state_dir.iterdir())
    foreign = [path.name for path in inside if not path.name.startswith(STATE_NAMES)]
    if foreign:
        raise ConfigInvalid(
            f"{state_dir} holds {foreign[0]}, which no demo made, and would be emptied; "
            "name another folder with --state"
        )
    for path in inside:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigInvalid(
                f"port {port} cannot be had ({error.strerror}); choose another: make demo PORT=8093"
            ) from error
