"""Do the Makefile's targets call our commands as those want to be called?"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALLING = ("setup", "dev", "peers")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", INSTALLING)
def test_installing_names_the_environment_and_a_file_of_requirements(target: str) -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "VENV=elsewhere", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    calls = re.findall(r"-m chimera\.install (.*)", planned.stdout)
    assert calls
    for call in calls:
        environment, requirements = call.split()
        assert environment == "elsewhere"
        assert (ROOT / requirements).is_file()
