"""`python -m bench [NAME…] [--quick] [--json PATH]`: runs benchmarks, each in a process of its own."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from bench.figures import Outcome
from bench.machine import ROOT, machine_facts
from bench.registry import BENCHMARKS, Benchmark
from bench.report import Run, keep, show

TIMEOUT_S = 300
STOP_TIMEOUT_S = 60
LOG_WIDTH = 120  # where no terminal says how wide it is


def main() -> int:
    options = _options()
    console = Console()
    if not console.is_terminal:
        console.width = LOG_WIDTH
    chosen = [
        benchmark
        for benchmark in BENCHMARKS
        if benchmark.name in options.names
        or (not options.names and (benchmark.in_quick or not options.quick))
    ]
    run = Run(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=options.quick,
        machine=machine_facts(),
    )
    for number, benchmark in enumerate(chosen, start=1):
        with console.status(f"{number} of {len(chosen)}: {benchmark.title}"):
            try:
                run.outcomes[benchmark.name] = _run(benchmark, quick=options.quick)
            except RuntimeError as failure:
                run.failures[benchmark.name] = str(failure)
    run.machine["load_after"] = [round(load, 2) for load in os.getloadavg()]
    show(run, console)
    path = keep(run, options.json)
    console.print(f"kept in {path.relative_to(ROOT)}", style="dim", highlight=False)
    return 1 if run.failures else 0


def _run(benchmark: Benchmark, *, quick: bool) -> Outcome:
    """Run one benchmark in a fresh process with a state directory of its own on the project's disk."""
    parent = ROOT / "var"
    parent.mkdir(exist_ok=True)
    state = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    answer = state / "outcome.json"
    environment = {
        **os.environ,
        "CHIMERA_STATE_DIR": str(state),
        "CHIMERA_LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "chimera.settings.local",
    }
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "bench.child", benchmark.name, str(answer)]
    process = subprocess.Popen(
        [*command, "--quick"] if quick else command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, said = process.communicate(timeout=TIMEOUT_S)
        if process.returncode:
            raise RuntimeError(said.strip().rpartition("\n")[2] or f"exit {process.returncode}")
        return msgspec.json.decode(answer.read_bytes(), type=Outcome)
    except subprocess.TimeoutExpired as late:
        process.send_signal(signal.SIGINT)  # it stops the servers it started
        raise RuntimeError(f"not done after {TIMEOUT_S} s") from late
    finally:
        process.wait(STOP_TIMEOUT_S)
        shutil.rmtree(state, ignore_errors=True)


def _options() -> argparse.Namespace:
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"out of: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="less of each, without the stack")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
