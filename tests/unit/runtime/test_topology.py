"""Which streams a worker reads, by the services it runs."""

import pytest

from chimera.runtime.topology import LIVE_SERVICES, streams_to_read


@pytest.mark.parametrize(
    "services",
    [("exchange", "strategy", "orders"), ("strategy",), ("orders",), ("orders", "positions")],
)
def test_worker_that_takes_risk_reads_of_the_troubles_of_every_other(
    services: tuple[str, ...],
) -> None:
    assert "health:events" in streams_to_read(services, ["BTCUSDT-PERP"])


def test_worker_that_runs_everything_reads_of_bundles_alone() -> None:
    assert streams_to_read(LIVE_SERVICES, ["BTCUSDT-PERP"]) == ["cfg:events"]


def test_worker_that_takes_no_risk_reads_of_no_halts() -> None:
    assert "health:events" not in streams_to_read(("features", "positions"), ["BTCUSDT-PERP"])
