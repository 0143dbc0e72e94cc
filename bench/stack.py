"""The whole demo stack: seconds until its pages are served, and its memory half a minute later.

Memory is the sum over all its processes of the proportional share (PSS), which counts a page that processes
share once; the plain sum of resident sizes is shown beside it.
"""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.figures import Figure, Outcome, at_most
from bench.machine import ROOT
from chimera.bus.server import free_port
from chimera.errors import Unavailable

PAGES_TARGET_S = at_most(20)
MEMORY_TARGET_MIB = at_most(1_024)
SETTLE_S = 30
STOP_TIMEOUT_S = 60
MIB = 2**20


def run(quick: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as directory:
        command = ["--port", str(free_port()), "--state", str(Path(directory) / "demo")]
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "chimera.demo", *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            _await_address(process)
            pages_s = time.perf_counter() - began
            time.sleep(SETTLE_S)
            shared, resident, parts = _memory(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_TIMEOUT_S)
    return Outcome(
        figures=(
            Figure(name="until pages are served", value=pages_s, unit="s", target=PAGES_TARGET_S),
            Figure(name="memory, PSS", value=shared, unit="MiB", target=MEMORY_TARGET_MIB),
            Figure(name="memory, sum of RSS", value=resident, unit="MiB", target=MEMORY_TARGET_MIB),
        ),
        notes=(", ".join(f"{name} {mib:.0f} MiB" for name, mib in parts),),
    )


def _await_address(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if "served at" in line:
            return
    raise Unavailable("the demo ended before it served a page")


def _memory(pid: int) -> tuple[float, float, list[tuple[str, float]]]:
    """Return PSS and RSS over the process and its descendants, MiB, and each one's PSS."""
    root = psutil.Process(pid)
    shared = resident = 0.0
    parts = []
    for process in (root, *root.children(recursive=True)):
        memory = process.memory_full_info()
        shared += memory.pss / MIB
        resident += memory.rss / MIB
        parts.append((_name(process), memory.pss / MIB))
    return shared, resident, parts


def _name(process: psutil.Process) -> str:
    """Return what the process is for: the words after the interpreter, without paths and options."""
    words = [Path(word).name for word in process.cmdline()[1:] if not word.startswith("-")]
    return " ".join(words[:3]) or process.name()
