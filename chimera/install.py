"""``python -m chimera.install VENV FILE``: an environment, and pip with a progress for terminals and logs.

Runs before anything is installed, so it uses the standard library alone. An environment that an interruption
left without pip is made anew. pip says what it collects; how many packages are unpacked is counted in the
environment. If a step fails, the end of what it said is shown.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO

POLL_S = 0.2
LOG_EVERY_S = 3.0
SHOWN_OF_A_FAILURE = 15
INTERRUPTED = 130
PYTHON_MIN = (3, 11)

_COLLECTING = re.compile(r"Collecting ([\w.-]+)")
_DOWNLOADING = re.compile(r"\s*Downloading (?:\S*/)?([\w.]+-[\w.]+?)-\S+ (?:metadata )?(\(.+\))")
_UNPACKING = re.compile(r"Installing collected packages: (.+)")


class Progress:
    """What pip is doing, in words."""

    def __init__(self, unpacked_before: int) -> None:
        self._unpacked_before = unpacked_before
        self._collected = 0
        self._to_unpack = 0
        self._latest = ""

    def hear(self, line: str) -> None:
        """Take in a line that pip printed."""
        if found := _COLLECTING.match(line):
            self._collected += 1
            self._latest = found[1]
        elif found := _DOWNLOADING.match(line):
            self._latest = f"{found[1]} {found[2]}"
        elif found := _UNPACKING.match(line):
            self._to_unpack = found[1].count(",") + 1

    def words(self, unpacked: int) -> str:
        """Say how far it is, when `unpacked` packages are in the environment."""
        if self._to_unpack:
            done = min(max(0, unpacked - self._unpacked_before), self._to_unpack)
            return f"unpacking: {done} of {self._to_unpack} packages"
        if self._collected:
            return f"downloading: {self._collected} packages so far, {self._latest}"
        return "looking at what is there"


def main() -> int:
    venv, requirements = Path(sys.argv[1]), sys.argv[2]
    if sys.version_info < PYTHON_MIN:
        wanted, here = (".".join(map(str, v[:2])) for v in (PYTHON_MIN, sys.version_info))
        sys.stdout.write(
            f"Python {wanted} is needed and this is {here}: name another, PYTHON=...\n"
        )
        return 1
    try:
        return _make(venv) or _install(venv, requirements)
    except KeyboardInterrupt:
        sys.stdout.write("\nstopped; the next try goes on from here\n")
        return INTERRUPTED


def _make(venv: Path) -> int:
    """Make the environment unless it is there and whole."""
    python = venv / "bin" / "python"
    whole = (str(python), "-m", "pip", "--version")
    if python.exists() and subprocess.run(whole, capture_output=True).returncode == 0:  # noqa: S603
        return 0
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        (sys.executable, "-m", "venv", str(venv)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        sys.stdout.write(f"{done.stdout}no virtual environment could be made in {venv}\n")
    return done.returncode


def _install(venv: Path, requirements: str) -> int:
    command = (
        *(str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"),
        *("--no-input", "--progress-bar", "off", "-r", requirements),
    )
    began = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - our own command, no shell
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        try:
            said = _follow(pip, venv)
        except KeyboardInterrupt:
            pip.terminate()
            raise
    if pip.returncode:
        tail = "".join(said[-SHOWN_OF_A_FAILURE:])
        sys.stdout.write(f"{tail}pip could not install {requirements}\n")
    else:
        sys.stdout.write(f"  installed in {time.monotonic() - began:.0f} s\n")
    return pip.returncode


def _follow(pip: "subprocess.Popen[str]", venv: Path) -> list[str]:
    """Show the progress until pip ends; return all that it said."""
    assert pip.stdout is not None
    progress = Progress(_unpacked(venv))
    lines: Queue[str] = Queue()
    reader = Thread(target=_read, args=(pip.stdout, lines), daemon=True)
    reader.start()
    said: list[str] = []
    in_terminal, shown, due = sys.stdout.isatty(), "", 0.0
    while reader.is_alive() or not lines.empty():
        try:
            said.append(lines.get(timeout=POLL_S))
            progress.hear(said[-1])
        except Empty:
            pass
        words = progress.words(_unpacked(venv))
        if words != shown and (in_terminal or time.monotonic() >= due):
            shown, due = words, time.monotonic() + LOG_EVERY_S
            _show(words, in_terminal=in_terminal)
    if in_terminal:
        sys.stdout.write("\r\x1b[K")
    return said


def _read(pipe: IO[str], lines: "Queue[str]") -> None:
    for line in pipe:
        lines.put(line)


def _show(words: str, *, in_terminal: bool) -> None:
    width = shutil.get_terminal_size().columns - 1
    text = f"  {words}"[:width]
    sys.stdout.write(f"\r\x1b[K{text}" if in_terminal else f"{text}\n")
    sys.stdout.flush()


def _unpacked(venv: Path) -> int:
    return sum(1 for _ in venv.glob("lib/python*/site-packages/*.dist-info"))


if __name__ == "__main__":
    sys.exit(main())
