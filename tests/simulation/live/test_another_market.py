"""A bundle of other symbols, activated while positions are open: the worker follows it by itself."""

import re
from pathlib import Path

import pytest

from chimera.runtime.topology import LIVE_SERVICES
from tests.support.desk_run import BUNDLE, desk_run

SPEED = 120.0
pytestmark = pytest.mark.timeout(500)


def bundle_of(directory: Path, name: str, *symbols: str) -> Path:
    text = re.sub(
        r"^symbols: .*$", f"symbols: [{', '.join(symbols)}]", BUNDLE.read_text(), flags=re.M
    )
    path = directory / f"{name}.yaml"
    path.write_text(text)
    return path


def test_worker_follows_a_bundle_to_other_symbols(data_dir: Path, tmp_path: Path) -> None:
    first = bundle_of(tmp_path, "first", "BTCUSDT-PERP")
    second = bundle_of(tmp_path, "second", "ETHUSDT-PERP", "SOLUSDT-PERP")
    with desk_run(data_dir, tmp_path, speed=SPEED, bundle=first) as run:
        run.demo.start_worker("desk", LIVE_SERVICES)
        run.wait(run.holding, "a position in the first symbol", seconds=120)
        held = set(run.venue.positions())

        run.ask("bundle", "activate", str(second), "--reason", "test", "--actor", "test")
        run.wait(
            lambda: bool(set(run.venue.positions()) - held), "a position in another", seconds=180
        )
        run.wait(lambda: not run.venue.unprotected(), "protection", seconds=5)
        run.wait(run.books_are_equal, "equal books", seconds=40)
        assert run.errors_logged() == []
