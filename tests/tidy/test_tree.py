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


def test_every_core_module_is_reached_from_a_test(modules: list[Path]) -> None:
    """A test imports it, or a core module that a test imports does, directly or not."""
    tests = _imports(_tracked("tests/*.py"))
    cores = _imports([path for path in modules if "core" in path.parts])

    assert _unreached(cores, tests) == []


def test_core_module_that_no_test_reaches_is_found() -> None:
    cores = {"a.core.service": {"a.core.used"}, "a.core.used": set(), "a.core.alone": set()}

    assert _unreached(cores, {"tests.x": {"a.core.service.Service"}}) == ["a.core.alone"]


def _imports(paths: list[Path]) -> dict[str, set[str]]:
    """Return what each module imports, by its dotted name; a name from a module includes the module's."""
    found: dict[str, set[str]] = {}
    for path in paths:
        parts = path.relative_to(ROOT).with_suffix("").parts
        inside = parts[:-1]
        if parts[-1] == "__init__":
            parts = inside
        names = found.setdefault(".".join(parts), set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                package = inside[: len(inside) + 1 - node.level] if node.level else ()
                source = ".".join((*package, *([node.module] if node.module else [])))
                names |= {f"{source}.{alias.name}" for alias in node.names}
    return found


def _unreached(cores: dict[str, set[str]], tests: dict[str, set[str]]) -> list[str]:
    """Return the core modules that cannot be come to from what the tests import."""
    reached: set[str] = set()
    imported = set().union(*tests.values())
    while imported:
        now = {name for name in cores if any(f"{i}.".startswith(f"{name}.") for i in imported)}
        imported = set().union(*(cores[name] for name in now - reached))
        reached |= now
    return sorted(cores.keys() - reached)


def test_files_name_no_machine_and_no_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in _tracked("*.py", "*.md", "*.yaml", "*.toml", "Makefile", ".ci/run", "*.txt")
        if path != Path(__file__)
        and (match := FOREIGN.search(path.read_text(errors="replace"))) is not None
    ]
    assert found == []
