"""The demo stack from the outside, on recorded data: run by `.ci/run` and `make e2e`.

It starts `python -m chimera.demo` as a user would, lets it trade, and fails unless trades happened,
every position had its stop, our books equal the venue's, logs hold no error, and it stopped cleanly.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

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
        venue = _Venue(state)
        while time.monotonic() < deadline and demo.poll() is None:
            problems += venue.unprotected()
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


class _Venue:
    """Asks the venue itself, past everything of ours."""

    def __init__(self, state: Path) -> None:
        card = json.loads((state / "venue.json").read_text())
        self._rest, self._key, self._secret = card["rest"], card["key"], card["secret"]
        self._bare_since: dict[str, float] = {}

    def get(self, path: str, **params: Any) -> Any:
        query = urllib.parse.urlencode({**params, "timestamp": int(time.time() * 1_000)})
        signature = hmac.new(self._secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        request = urllib.request.Request(
            f"{self._rest}{path}?{query}&signature={signature}",
            headers={"X-MBX-APIKEY": self._key},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def positions(self) -> dict[str, dict[str, Any]]:
        rows = self.get("/fapi/v3/positionRisk")
        return {row["symbol"]: row for row in rows if Decimal(row["positionAmt"])}

    def unprotected(self) -> list[str]:
        """Return positions without a whole stop at the venue for more than a second."""
        held = self.positions()
        stops = self.get("/fapi/v1/openAlgoOrders")
        bare = {
            symbol
            for symbol, row in held.items()
            if not any(_covers(stop, symbol, Decimal(row["positionAmt"])) for stop in stops)
        }
        now = time.monotonic()
        self._bare_since = {symbol: self._bare_since.get(symbol, now) for symbol in bare}
        return [
            f"{symbol} had no stop at the venue for over a second"
            for symbol, since in self._bare_since.items()
            if now - since > 1.0
        ]


def _covers(stop: dict[str, Any], symbol: str, held: Decimal) -> bool:
    side = "SELL" if held > 0 else "BUY"
    return (
        stop["symbol"] == symbol and stop["side"] == side and Decimal(stop["quantity"]) >= abs(held)
    )


def _compare_books(state: Path, venue: _Venue) -> list[str]:
    """Return differences that stay; while fills are on their way the two may differ for a moment."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "chimera.settings.local",
        "CHIMERA_STATE_DIR": str(state),
    }
    import django

    django.setup()
    from apps.health.protection import positions_newest
    from chimera.store.shared import shared_store

    store = shared_store()
    differences: list[str] = []
    for _ in range(80):
        positions = venue.positions()
        account = venue.get("/fapi/v3/account")
        ours = {p.symbol.removesuffix("-PERP"): p for p in positions_newest(store) if p.qty}
        equity = store.query(
            "positions_snapshots",
            equal={"symbol": "ACCOUNT", "type": "account.equity.v1"},
            order="desc",
            limit=1,
        ).documents
        wallet = next(a["walletBalance"] for a in account["assets"] if a["asset"] == "USDT")
        differences = []
        if not equity or Decimal(equity[0].body["wallet_usdt"]) != Decimal(wallet):
            recorded = equity[0].body["wallet_usdt"] if equity else "nothing"
            differences.append(f"our wallet is {recorded}, the venue's {wallet}")
        for symbol in sorted({*ours, *positions}):
            row, position = positions.get(symbol), ours.get(symbol)
            if row is None or position is None or Decimal(row["positionAmt"]) != position.qty:
                differences.append(f"{symbol}: we hold {position}, the venue says {row}")
                continue
            unrealised = (Decimal(row["markPrice"]) - position.entry_px) * position.qty
            gap = abs(unrealised - Decimal(row["unRealizedProfit"]))
            if gap > Decimal("0.00000001"):
                differences.append(f"{symbol}: unrealised PnL differs by {gap}")
        if not differences:
            break
        time.sleep(0.25)
    fills = len(store.query("fills", limit=1_000).documents)
    decisions = len(store.query("decisions", limit=1_000).documents)
    print(
        f"end to end: {fills} fills, {decisions} decisions, {len(ours)} positions, wallet {wallet}"
    )
    if not fills:
        differences.append("no trade happened")
    return differences


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
