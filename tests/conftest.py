"""Fixtures that all kinds of test share."""

import os
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("chimera", deadline=None)  # other tests run beside these
hypothesis.settings.load_profile("chimera")

pytest_plugins = ["tests.support.fixtures_redis"]

DEFAULT_DATA_DIR = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of recorded Binance data, or skip when this machine has none."""
    path = Path(os.environ.get("CHIMERA_DATA_DIR", DEFAULT_DATA_DIR))
    if not (path / "klines").is_dir():
        pytest.skip(f"no recorded market data at {path}; set CHIMERA_DATA_DIR to where it is")
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = (report.nodeid for report in terminalreporter.stats.get("passed", ()))
    ran = any(name.startswith("tests/contract/store/") for name in passed)
    if ran and not os.environ.get("CHIMERA_TEST_ARANGO_URL"):
        terminalreporter.section("document store")
        terminalreporter.write_line(
            "The store contract did NOT run against an ArangoDB server: CHIMERA_TEST_ARANGO_URL is"
            " not set. The adapter was tested at HTTP level only."
        )
