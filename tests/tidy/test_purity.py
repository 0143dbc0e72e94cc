"""A core that asks a clock, chance or the outside fails the checks; each is tried with a bad core."""

import ast
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
UNSEEDED = (
    "import random\nrandom.gauss(0, 1)",
    "import random as r\nr.uniform(0, 1)",
    "from random import betavariate",
    "from random import SystemRandom",
    "from random import *",
    "import random\nrandom.Random()",
    "import random\nrandom.Random(None)",
    "import random\nrandom.seed(1)",
    "from random import Random\nRandom()",
    "from random import Random as R\nR()",
    "from random import Random\nfield(default_factory=Random)",
    "def f(rng):\n    rng.seed()",
)
SEEDED = (
    "import random\ndef f(rng: random.Random, seed: int):\n    random.Random(seed).gauss(0, 1)",
    "from random import Random\nRandom(7).shuffle([])",
    "from random import Random\ndef f(rng: Random | None) -> Random: ...",
    "def f(rng):\n    rng.seed(1)",
)
PURE = ("events", "lang", "runtime")
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


@pytest.mark.parametrize("body", UNSEEDED)
def test_chance_without_a_seed_is_found(body: str) -> None:
    assert unseeded(ast.parse(body)) != []


@pytest.mark.parametrize("body", SEEDED)
def test_generator_with_a_seed_is_allowed(body: str) -> None:
    assert unseeded(ast.parse(body)) == []


def test_no_core_takes_chances() -> None:
    """The import contract lets the venue's core have `random`, for its seeded order flow."""
    cores = [
        path
        for tree in (*ROOT.glob("apps/*/core"), *(ROOT / "chimera" / n for n in PURE))
        for path in tree.rglob("*.py")
    ]
    assert len(cores) > 100
    found = {
        str(path.relative_to(ROOT)): lines
        for path in cores
        if (lines := unseeded(ast.parse(path.read_text())))
    }
    assert found == {}


def unseeded(tree: ast.Module) -> list[int]:
    """Return the lines that use `random` otherwise than, under its own name, as a generator with a seed."""
    nodes = list(ast.walk(tree))
    calls = {node.func: node for node in nodes if isinstance(node, ast.Call)}
    hints = [getattr(node, kind, None) for node in nodes for kind in ("annotation", "returns")]
    types = {part for hint in hints if hint is not None for part in ast.walk(hint)}

    def is_harmless(generator: ast.expr) -> bool:
        call = calls.get(generator)
        return generator in types or (call is not None and has_seed(call))

    found = []
    for node in nodes:
        match node:
            case ast.alias(name="random" | "Random", asname=str()):
                found.append(node.lineno)
            case ast.ImportFrom(module="random"):
                found += [alias.lineno for alias in node.names if alias.name != "Random"]
            case ast.Attribute(value=ast.Name(id="random")):
                if node.attr != "Random" or not is_harmless(node):
                    found.append(node.lineno)
            case ast.Name(id="Random") if not is_harmless(node):
                found.append(node.lineno)
            case ast.Call(func=ast.Attribute(attr="seed")) if not has_seed(node):
                found.append(node.lineno)
    return found


def has_seed(call: ast.Call) -> bool:
    return bool(call.args) and ast.unparse(call.args[0]) != "None"
