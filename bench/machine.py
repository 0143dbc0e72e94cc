"""Facts about the machine a run was made on; without them its figures say nothing."""

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "Django",
    "redis",
    "hiredis",
    "msgspec",
    "numpy",
    "uvloop",
    "uvicorn",
    "ccxt",
    "aiohttp",
)


def machine_facts() -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := installed(name))},
        "commit": _commit(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "calibration_ms": round(calibration_ms(), 1),
    }


def installed(package: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def calibration_ms() -> float:
    """Time a fixed loop of plain Python, best of five: how fast this machine is just now."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter_ns()
        total = 0
        for number in range(1_000_000):
            total += number & 7
        best = min(best, (time.perf_counter_ns() - began) / 1e6)
    return best


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip()
