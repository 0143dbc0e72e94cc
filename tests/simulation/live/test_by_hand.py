"""R4 with whole processes: somebody buys by hand what the bundle does not trade."""

import re
from pathlib import Path

import pytest

from chimera.runtime.topology import LIVE_SERVICES
from tests.support.desk_run import BUNDLE, desk_run

SPEED = 60.0
pytestmark = pytest.mark.timeout(500)
TOGETHER = {"desk": LIVE_SERVICES}
APART = {name: (name,) for name in LIVE_SERVICES}


@pytest.mark.parametrize("workers", [TOGETHER, APART], ids=["together", "apart"])
def test_r4_position_bought_by_hand_in_another_symbol_is_protected_and_kept(
    workers: dict[str, tuple[str, ...]], data_dir: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "one.yaml"
    only = re.sub(r"^symbols: .*$", "symbols: [BTCUSDT-PERP]", BUNDLE.read_text(), flags=re.M)
    bundle.write_text(only)
    with desk_run(data_dir, tmp_path, speed=SPEED, bundle=bundle) as run:
        for name, services in workers.items():
            run.demo.start_worker(name, services)
        run.wait(run.holding, "a position of ours", seconds=120)

        run.venue.buy("SOLUSDT", "3")

        run.wait(lambda: not run.venue.unprotected(), "a stop for both", seconds=60)
        run.wait(run.books_are_equal, "equal books", seconds=40)
        before = run.decisions()
        run.wait(lambda: run.decisions() > before + 5, "more decisions", seconds=60)
        assert "SOLUSDT" in run.venue.positions()
        assert run.errors_logged() == []
