"""A demo that stops while it starts, being told to or having to: at once, in few words, and with no process left."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from chimera.bus.server import free_port
from chimera.demo.stack import ROOT

FOUND_S, PROMPT_S = 30.0, 20.0
INTERRUPTED_AT_RICH = """
import sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "rich.console":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "moment", ["redis", "venue.json", "bundle.yaml", "logs/web.log", "logs/warmup.log"]
)
def test_demo_told_twice_while_it_starts_stops_cleanly(
    tmp_path: Path, sent: signal.Signals, moment: str
) -> None:
    state = tmp_path / "demo"
    bundle = tmp_path / "own.yaml"
    bundle.write_text((ROOT / "bundles/demo.yaml").read_text().replace("ETHUSDT", "XRPUSDT"))
    options = ("--port", str(free_port()), "--state", str(state), "--bundle", str(bundle))
    demo = subprocess.Popen(
        [sys.executable, "-m", "chimera.demo", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + FOUND_S
        while not (state / moment).exists():
            assert demo.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        started = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(sent)
        demo.send_signal(sent)
        output, _ = demo.communicate(timeout=PROMPT_S)
    finally:
        _kill_all_of(demo)
    assert (demo.returncode, output.splitlines()[-1]) == (0, "Everything has stopped.")
    assert [p for p in started if p.is_running()] == []


def test_demo_interrupted_while_its_program_is_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED_AT_RICH)
    demo = subprocess.run(
        [sys.executable, "-m", "chimera.demo", "--state", str(tmp_path / "demo")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=FOUND_S,
    )
    assert (demo.returncode, demo.stdout, demo.stderr) == (130, "", "")
    assert not (tmp_path / "demo").exists()


def test_demo_without_its_data_says_so_in_one_line(tmp_path: Path) -> None:
    options = ("--port", str(free_port()), "--state", str(tmp_path / "demo"))
    demo = subprocess.run(
        [sys.executable, "-m", "chimera.demo", *options, "--data", str(tmp_path / "missing")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=FOUND_S,
    )
    [line] = demo.stdout.splitlines()
    assert demo.returncode == 1
    assert line.startswith("the venue did not start: ")
    assert "missing" in line


def _kill_all_of(demo: "subprocess.Popen[str]") -> None:
    """Leave nothing behind that would slow every test after this one."""
    if demo.poll() is None:
        left = psutil.Process(demo.pid).children(recursive=True)
        demo.kill()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
