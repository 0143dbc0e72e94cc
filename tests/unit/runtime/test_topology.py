"""Which streams a worker reads and writes, by the services it runs and the symbols it follows."""

import pytest

from chimera.runtime.topology import LIVE_SERVICES, stream_for, streams_to_read
from tests.support.routers import SYMBOL, RouterBench


@pytest.mark.parametrize(
    "services",
    [("exchange", "strategy", "orders"), ("strategy",), ("orders",), ("orders", "positions")],
)
def test_worker_that_takes_risk_reads_of_the_troubles_of_every_other(
    services: tuple[str, ...],
) -> None:
    assert "health:events" in streams_to_read(services, [SYMBOL])


def test_worker_that_runs_everything_reads_of_bundles_alone() -> None:
    assert streams_to_read(LIVE_SERVICES, [SYMBOL]) == ["cfg:events"]


def test_worker_that_takes_no_risk_reads_of_no_halts() -> None:
    assert "health:events" not in streams_to_read(("features", "positions"), [SYMBOL])


def test_what_the_account_does_in_a_symbol_nobody_follows_is_heard_by_all() -> None:
    fill = RouterBench().filled(None)

    assert stream_for(fill, {SYMBOL}) == f"ord:result:{{{SYMBOL}}}"
    elsewhere = stream_for(fill, {"ETHUSDT-PERP"})
    assert elsewhere == "ord:result:{ACCOUNT}"
    for reader in ("orders", "positions"):
        assert elsewhere in streams_to_read([reader], ["ETHUSDT-PERP"])
