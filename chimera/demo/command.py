"""The whole platform on this machine, on embedded defaults: what `make demo` runs.

1. A private Redis and the paper venue; a fresh database, demo users, a bundle for what the venue plays.
2. Worker, Celery worker and beat, and the web process.
3. When the pages answer, they are announced; the warm-up is shown; then come address and logins.

Each process logs to `<state>/logs/<name>.log`. If one ends by itself, all are stopped. Ctrl-C stops
everything in good order, at any moment.
"""

import argparse
import shlex
import signal
import threading
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from chimera.demo.stack import ROOT, Demo, Stopped
from chimera.errors import ChimeraError

RECORDED_SPEED = 60.0
SIMULATED_SPEED = 10.0  # order flow is simulated order by order, so it cannot run as fast
SIMULATED_SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
SPEED_MAX = 1e6


def main() -> int:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    options = _options()
    console = Console()
    demo = Demo(
        state_dir=options.state or ROOT / "var" / f"demo-{options.port}",
        port=options.port,
        venue_options=_venue_options(options),
        bundle=options.bundle,
        console=console,
        stopping=stopping,
    )
    failure: str | None = None
    try:
        failure = _show(demo)
    except Stopped:
        pass
    except ChimeraError as error:
        failure = error.message
    finally:
        with console.status("stopping"):
            unclean = demo.stop()
    for problem in filter(None, (failure, *unclean)):
        console.print(f"[red]{problem}[/red]", highlight=False, soft_wrap=True)
    if not failure and not unclean:
        console.print("Everything has stopped.")
    return 1 if failure or unclean else 0


def _show(demo: Demo) -> str | None:
    """Bring the demo up, say what there is to see, and wait; return what went wrong."""
    console = demo.console
    logins = demo.start()
    console.print(f"The pages are served at [bold]{demo.address}[/bold]. Warming up:")
    demo.warm_up()
    console.print(f"\nChimera runs at [bold]{demo.address}[/bold]\n")
    console.print(logins.strip(), highlight=False)
    console.print(f"\nLogs are in {demo.state_dir / 'logs'}. Ctrl-C stops everything.")
    ended = demo.watch()
    return f"{ended} ended by itself: see {demo.state_dir / 'logs' / ended}.log" if ended else None


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line: the options come from `make`, which has its own help."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _options() -> argparse.Namespace:
    parser = _Parser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--data",
        nargs="*",
        default=[],
        help="recorded files or a folder; none: a simulation",
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=None,
        help="market seconds per second; recordings 60 and the simulation 10 unless given",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the simulated order flow")
    parser.add_argument("--port", type=_port, default=8092)
    parser.add_argument("--state", type=Path, help="its folder; by default var/demo-PORT")
    parser.add_argument("--bundle", type=Path, default=ROOT / "bundles" / "demo.yaml")
    return parser.parse_args()


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"a number above 0, such as SPEED=60, and not {text}")
    return speed


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"a port from 1 to 65535, and not {text}")
    return int(text)


def data_paths(given: Sequence[str]) -> list[str]:
    """Return the paths that `given` names.

    Each is one path, spaces and all, unless it makes paths that exist when read as a shell reads words.
    """
    return [path for text in given for path in _paths(text)]


def _paths(text: str) -> list[str]:
    if Path(text).exists():
        return [text]
    try:
        words = shlex.split(text)
    except ValueError:
        return [text]
    paths = [path for word in words for path in sorted(glob(word)) or [word]]
    return paths if any(Path(path).exists() for path in paths) else [text]


def _venue_options(options: argparse.Namespace) -> list[str]:
    speed = options.speed
    if speed is None:
        speed = RECORDED_SPEED if options.data else SIMULATED_SPEED
    arguments = ["--seed", str(options.seed), "--speed", str(speed)]
    if paths := data_paths(options.data):
        return [*arguments, "--data", *(str(Path(path).resolve()) for path in paths)]
    return [*arguments, "--symbols", *SIMULATED_SYMBOLS]
