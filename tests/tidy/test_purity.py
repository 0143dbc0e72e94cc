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
    """Return the lines that use `random` otherwise than as a generator with a seed."""
    modules, generators, found = set(), set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {a.asname or a.name for a in node.names if a.name == "random"}
        elif isinstance(node, ast.ImportFrom) and node.module == "random":
            generators |= {a.asname or a.name for a in node.names if a.name == "Random"}
            found += [node.lineno for a in node.names if a.name != "Random"]

    def is_generator(node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.value.id in modules and node.attr == "Random"
        return isinstance(node, ast.Name) and node.id in generators

    allowed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            seed = node.args[0] if node.args else ast.Constant(None)
            is_seeded = not (isinstance(seed, ast.Constant) and seed.value is None)
            if is_generator(node.func) and is_seeded:
                allowed.add(node.func)
            elif (
                isinstance(node.func, ast.Attribute) and node.func.attr == "seed" and not is_seeded
            ):
                found.append(node.lineno)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            allowed |= set(ast.walk(annotation)) if annotation is not None else set()
    for node in ast.walk(tree):
        of_module = (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
        )
        if (of_module or is_generator(node)) and node not in allowed:
            found.append(node.lineno)
    return sorted(found)
