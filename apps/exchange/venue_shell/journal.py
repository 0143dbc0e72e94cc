"""The file that a venue's state outlives its process in: a snapshot, and what happened since.

1. The first line says of which venue the state is (`Identity`): another one's is refused.
2. The second holds the length of the snapshot, which follows in as many bytes.
3. Then every input of the core, one JSON line each, written before anybody learns of its effect.

The operating system has a line once it is written, so it survives kill -9; nothing is forced to the
disk. A snapshot makes a new file that takes the old one's place in one step.
"""

import errno
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from chimera.clock import Millis
from chimera.errors import InvalidInput, require

NAME = "venue.state"
WORK_MAX = 10_000  # actions and requests between two snapshots: repeated in some seconds
BYTES_PER_WORK = 1_000  # a large snapshot is made less often: it costs each request 40 µs at most

Identity = dict[str, str]


class Played(msgspec.Struct, frozen=True, tag="played"):
    """So many more of the feed's actions were applied."""

    actions: int


class Advanced(msgspec.Struct, frozen=True, tag="advanced"):
    """The venue's timers were looked at; `wall` is the machine's time (ms)."""

    now: Millis
    wall: Millis


class Requested(msgspec.Struct, frozen=True, tag="requested"):
    """A client asked for a change, granted or not: a refusal may use up an id too."""

    endpoint: str
    account_id: str
    params: dict[str, str]
    now: Millis
    wall: Millis


Input = Played | Advanced | Requested

_encode = msgspec.json.Encoder().encode
_decode_input = msgspec.json.Decoder(Input).decode
_decode_identity = msgspec.json.Decoder(Identity).decode


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file holds: the pickled snapshot, and the inputs since, oldest first."""

    snapshot: bytes
    inputs: Sequence[Input]


class Journal:
    """One venue's state in one folder, for one process at a time.

    Raises
    ------
    InvalidInput
        If the folder cannot be used, or another process uses it.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity
        self._file: IO[bytes] | None = None
        self._work = self._work_max = 0  # since the snapshot
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (folder / "lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise InvalidInput(f"--state {folder}: another venue is at work on it") from e
        except OSError as e:
            raise InvalidInput(f"--state {folder}: {e.strerror}") from e

    @property
    def is_long(self) -> bool:
        """Tell whether it is time for a snapshot."""
        return self._work >= self._work_max

    def load(self) -> Kept | None:
        """Return what an earlier process left, or None if there was none.

        Raises
        ------
        InvalidInput
            If it is another venue's, or not whole; the message says which.
        """
        try:
            content = (self._folder / NAME).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as e:
            raise InvalidInput(f"--state {self._folder}: {e.strerror}") from e
        first, _, rest = content.partition(b"\n")
        length, _, rest = rest.partition(b"\n")
        try:
            self._compare(_decode_identity(first))
            size = int(length)
            if len(rest) < size:
                raise ValueError("the snapshot is cut off")
            # What follows the last line break was being written when the process was killed.
            lines = rest[size:].split(b"\n")[:-1]
            return Kept(rest[:size], [_decode_input(line) for line in lines])
        except (ValueError, msgspec.DecodeError) as e:
            raise InvalidInput(
                f"--state {self._folder}: {NAME} is damaged ({e}); start anew with --fresh"
            ) from e

    def begin(self, snapshot: bytes) -> None:
        """Let `snapshot` take the place of everything before it."""
        new = self._folder / f"{NAME}.new"
        self._close_file()
        self._file = new.open("wb", buffering=0)
        self._work, self._work_max = 0, max(WORK_MAX, len(snapshot) // BYTES_PER_WORK)
        self._write(_encode(self._identity) + b"\n%d\n" % len(snapshot) + snapshot)
        new.replace(self._folder / NAME)

    def append(self, entry: Input) -> None:
        """Write an input; when this returns, it survives the process."""
        self._write(_encode(entry) + b"\n")
        self._work += entry.actions if isinstance(entry, Played) else 1

    def close(self) -> None:
        """Leave the folder to whoever comes next."""
        self._close_file()
        self._lock.close()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, content: bytes) -> None:
        require(self._file is not None, "a journal begins with a snapshot and ends with a failure")
        assert self._file is not None
        if self._file.write(content) != len(content):
            self._close_file()  # nothing may follow half a line
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))

    def _compare(self, kept: Identity) -> None:
        for name, value in self._identity.items():
            if kept.get(name) != value:
                raise InvalidInput(
                    f"--state {self._folder} is of another venue: {name} was "
                    f"{kept.get(name)}, now it is {value}; start anew with --fresh",
                    field=name,
                )
