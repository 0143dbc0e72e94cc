"""A core that asks a clock, chance or the outside fails the checks; each is tried with a bad core."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

CALLS = (
    "from chimera.clock import WallClock\nWallClock().now()",
    "import uuid\nuuid.uuid4()",
    "import os\nos.urandom(8)",
    "import numpy as np\nnp.random.default_rng()",
)
IMPORTS = ("uuid", "secrets", "os", "chimera.locks", "chimera.logging", "chimera.bus")


@pytest.mark.parametrize("body", CALLS)
def test_core_that_asks_chance_or_a_clock_fails_the_linter(body: str) -> None:
    checked = subprocess.run(
        [
            BIN / "ruff",
            "check",
            "--select",
            "TID251",
            "--stdin-filename",
            "apps/orders/core/bad.py",
        ],
        cwd=ROOT,
        input=body,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 1, checked.stderr
    assert "TID251" in checked.stdout


def test_core_that_imports_a_shell_fails_the_contract(tmp_path: Path) -> None:
    for name in ("apps", "chimera"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    bad = "".join(f"import {name}\n" for name in IMPORTS)
    (tmp_path / "apps/orders/core/bad.py").write_text(bad)
    checked = subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=tmp_path, capture_output=True, text=True
    )
    assert checked.returncode == 1, checked.stderr
    missed = [n for n in IMPORTS if f"apps.orders.core.bad -> {n}" not in checked.stdout]
    assert missed == []
