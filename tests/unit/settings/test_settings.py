"""Settings that cannot be used: one line, no traceback, and no start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def checked(settings: str, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("CHIMERA_")}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--settings", f"chimera.settings.{settings}"],
        cwd=ROOT,
        env={**own, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def complete(tmp_path: Path) -> dict[str, str]:
    return {
        "CHIMERA_SECRET_KEY": "0123456789" * 6,
        "CHIMERA_ALLOWED_HOSTS": "chimera.example",
        "CHIMERA_REDIS_URL": "redis://127.0.0.1:9/0",
        "CHIMERA_STORE_URL": "embedded://",
        "CHIMERA_STATE_DIR": str(tmp_path),
        "CHIMERA_EXCHANGE_URL": "live",
        "CHIMERA_EXCHANGE_KEY": "key",
        "CHIMERA_EXCHANGE_SECRET": "secret",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}",
    }


@pytest.mark.parametrize("url", ["live", "https://venue.example"])
def test_production_with_everything_set_starts(complete, url) -> None:
    assert checked("production", **{**complete, "CHIMERA_EXCHANGE_URL": url}).returncode == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"CHIMERA_SECRET_KEY": "", "DATABASE_URL": ""}, "CHIMERA_SECRET_KEY, DATABASE_URL"),
        ({"CHIMERA_SECRET_KEY": "short"}, "at least 50 characters"),
        ({"CHIMERA_SECRET_KEY": "k" * 60}, "must be random"),
        ({"CHIMERA_SECRET_KEY": "django-insecure-" + "0123456789" * 6}, "must be random"),
        ({"CHIMERA_ALLOWED_HOSTS": "chimera.example,*"}, "CHIMERA_ALLOWED_HOSTS"),
        ({"DATABASE_URL": "garbage"}, "DATABASE_URL"),
        ({"CHIMERA_LOG_LEVEL": "LOUD"}, "CHIMERA_LOG_LEVEL"),
        ({"CHIMERA_EXCHANGE_URL": ""}, "CHIMERA_EXCHANGE_URL"),
        ({"CHIMERA_EXCHANGE_KEY": ""}, "CHIMERA_EXCHANGE_KEY"),
        ({"CHIMERA_EXCHANGE_SECRET": ""}, "CHIMERA_EXCHANGE_SECRET"),
        ({"CHIMERA_EXCHANGE_URL": "LIVE"}, "CHIMERA_EXCHANGE_URL must be"),
        ({"CHIMERA_EXCHANGE_URL": "venue.example:443"}, "CHIMERA_EXCHANGE_URL must be"),
    ],
)
def test_production_refuses_to_start_in_one_line(complete, changed, said) -> None:
    refused = checked("production", **{**complete, **changed})
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert said in refused.stderr.strip().splitlines()[-1]


def test_local_state_is_for_its_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert checked("local", CHIMERA_STATE_DIR=str(state)).returncode == 0
    assert state.stat().st_mode & 0o077 == 0
