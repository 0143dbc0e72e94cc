"""Is the tree as agreed? Rooms, lengths, words that must not be in it."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 420  # lower it when you can; a module that outgrows it wants to be two
FOREIGN = re.compile(r"/work/|/root/|/home/\w+/|pypi\.org|registry\.npmjs|deb\.debian")


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@pytest.fixture(scope="module")
def modules() -> list[Path]:
    found = [p for p in _tracked("chimera/*.py", "apps/*.py") if "migrations" not in p.parts]
    if not found:
        pytest.skip("not a git checkout")
    return found


def test_modules_stay_short_enough_to_read(modules: list[Path]) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in modules}
    assert {p.name: n for p, n in lengths.items() if n > LINES_MAX} == {}


def test_modules_say_what_they_are(modules: list[Path]) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules
        if (text := path.read_text()).strip()
        and path.name != "apps.py"
        and ast.get_docstring(ast.parse(text)) is None
    ]
    assert silent == []


def test_cores_hold_no_float_made_decimal(modules: list[Path]) -> None:
    """`Decimal(0.1)` is not a tenth: floats become exact through `chimera.money.decimal_of`."""
    wrong = [
        f"{path.name}:{node.lineno}"
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Decimal"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, float)
    ]
    assert wrong == []


def test_every_core_module_is_met_by_a_test(modules: list[Path]) -> None:
    tests = "\n".join(path.read_text() for path in _tracked("tests/*.py"))
    apps = {path.parts[path.parts.index("apps") + 1] for path in modules if "core" in path.parts}
    untested = [app for app in sorted(apps) if f"apps.{app}.core" not in tests]
    assert untested == []


def test_files_name_no_machine_and_no_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in _tracked("*.py", "*.md", "*.yaml", "*.toml", "Makefile", ".ci/run", "*.txt")
        if path != Path(__file__)
        and (match := FOREIGN.search(path.read_text(errors="replace"))) is not None
    ]
    assert found == []
