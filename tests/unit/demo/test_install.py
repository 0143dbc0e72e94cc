"""What the installer says while pip works, and what it leaves when pip fails."""

import subprocess
import sys
from pathlib import Path

from chimera.demo.stack import ROOT
from chimera.install import Progress

SAID = """\
Collecting Django==5.2.19 (from -r requirements.txt (line 2))
  Downloading django-5.2.19-py3-none-any.whl.metadata (3.7 kB)
Collecting pyarrow==26.0.1 (from -r requirements.txt (line 29))
  Downloading pyarrow-26.0.1-cp311-cp311-manylinux_2_28_x86_64.whl (46.3 MB)
Requirement already satisfied: rich==15.0.0 in ./.venv/lib/python3.11/site-packages
Installing collected packages: pyarrow, sqlparse, Django
"""


def test_progress_names_what_is_downloaded_then_counts_what_is_unpacked() -> None:
    progress = Progress(unpacked_before=2)
    words = [progress.words(2)]
    for line in SAID.splitlines(keepends=True):
        progress.hear(line)
        words.append(progress.words(2))
    assert list(dict.fromkeys(words)) == [
        "looking at what is there",
        "downloading: 1 packages so far, Django",
        "downloading: 1 packages so far, django-5.2.19 (3.7 kB)",
        "downloading: 2 packages so far, pyarrow",
        "downloading: 2 packages so far, pyarrow-26.0.1 (46.3 MB)",
        "unpacking: 0 of 3 packages",
    ]
    assert progress.words(4) == "unpacking: 2 of 3 packages"
    assert progress.words(9) == "unpacking: 3 of 3 packages"


def test_environment_that_was_left_half_made_is_made_whole(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    wanted = tmp_path / "requirements.txt"
    wanted.touch()
    done = subprocess.run(
        [sys.executable, "-m", "chimera.install", str(venv), str(wanted)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "installed in" in done.stdout


def test_failure_of_pip_is_shown_and_fails(tmp_path: Path) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text(f"nothing @ file://{tmp_path}/missing.whl\n")
    done = subprocess.run(
        [sys.executable, "-m", "chimera.install", sys.prefix, str(wanted)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "missing.whl" in done.stdout
    assert done.stdout.endswith(f"pip could not install {wanted}\n")
