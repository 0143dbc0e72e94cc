"""The demo stack from the outside, on recorded data: run by `.ci/run` and `make e2e`.

It starts `python -m chimera.demo` as a user would, lets it trade, and fails unless trades happened,
every position had its stop, our books equal the venue's, logs hold no error, and it stopped cleanly.
"""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.venue_account import VenueAccount

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("CHIMERA_DATA_DIR", ROOT.parent / "shared" / "data"))
FILES = ("um-BTCUSDT-1m-2025", "um-ETHUSDT-1m-2025", "um-SOLUSDT-1m-2025")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=75.0, help="how long to let it trade")
    parser.add_argument("--speed", type=float, default=60.0)
    options = parser.parse_args()
    files = [path for name in FILES for path in sorted((DATA / "klines").glob(f"{name}*.parquet"))]
    if not files:
        print(f"end to end: left out, no recorded market data at {DATA}")
        return 0
    with tempfile.TemporaryDirectory() as state:
        return _run(Path(state) / "demo", files, options.seconds, options.speed)


def _run(state: Path, files: list[Path], seconds: float, speed: float) -> int:
    port = _free_port()
    demo = subprocess.Popen(
        [
            *(sys.executable, "-m", "chimera.demo", "--port", str(port), "--state", str(state)),
            *("--data", *map(str, files), "--speed", str(speed)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    problems: list[str] = []
    try:
        _wait_until_served(demo, port)
        print(f"end to end: served; trading for {seconds:.0f} s", flush=True)
        deadline = time.monotonic() + seconds
        venue = VenueAccount(state / "venue.json")
        watch = _Watch(venue)
        while time.monotonic() < deadline and demo.poll() is None:
            problems += watch.problems()
            time.sleep(0.5)
        if demo.poll() is not None:
            problems.append(f"the demo ended by itself with {demo.returncode}")
        else:
            problems += _compare_books(state, venue)
    finally:
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=90)
    if demo.returncode != 0:
        problems.append(f"the demo stopped with {demo.returncode}: {output.strip()[-600:]}")
    problems += _errors_in_logs(state)
    for problem in dict.fromkeys(problems):
        print(f"end to end: FAILED: {problem}")
    if not problems:
        print("end to end: passed")
    return 1 if problems else 0


class _Watch:
    """Notices positions that stay without a whole stop at the venue."""

    def __init__(self, venue: VenueAccount) -> None:
        self._venue = venue
        self._bare_since: dict[str, float] = {}

    def problems(self) -> list[str]:
        bare = self._venue.unprotected()
        now = time.monotonic()
        self._bare_since = {symbol: self._bare_since.get(symbol, now) for symbol in bare}
        return [
            f"{symbol} had no stop at the venue for over a second"
            for symbol, since in self._bare_since.items()
            if now - since > 1.0
        ]


def _compare_books(state: Path, venue: VenueAccount) -> list[str]:
    """Return differences that stay; while fills are on their way the two may differ for a moment."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "chimera.settings.local",
        "CHIMERA_STATE_DIR": str(state),
    }
    import django

    django.setup()
    from chimera.store.shared import shared_store
    from tests.support.books import differences

    store = shared_store()
    found: list[str] = []
    for _ in range(80):
        found = differences(store, venue)
        if not found:
            break
        time.sleep(0.25)
    fills = len(store.query("fills", limit=1_000).documents)
    decisions = len(store.query("decisions", limit=1_000).documents)
    print(
        f"end to end: {decisions} decisions, {fills} fills, "
        f"{len(venue.positions())} open positions, wallet {venue.wallet_usdt()} USDT"
    )
    if not fills:
        found.append("no trade happened")
    return found


def _errors_in_logs(state: Path) -> list[str]:
    problems = []
    for log in sorted((state / "logs").glob("*.log")):
        for line in log.read_text(errors="replace").splitlines():
            if re.search(r'"level": ?"(error|critical)"|Traceback|\bERROR\b|\bCRITICAL\b', line):
                problems.append(f"{log.name}: {line[:300]}")
    return problems


def _wait_until_served(demo: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if demo.poll() is not None:
            raise SystemExit(f"end to end: FAILED: the demo ended: {demo.communicate()[0]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    demo.kill()
    raise SystemExit("end to end: FAILED: no page within 90 s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
