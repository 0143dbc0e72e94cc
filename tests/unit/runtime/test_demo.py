"""The demo's own care: whose folder it empties, and what it asks of the venue."""

from pathlib import Path

import pytest

from chimera.demo import _clear
from chimera.errors import ConfigInvalid


def test_state_of_an_earlier_demo_is_removed(tmp_path: Path) -> None:
    state = tmp_path / "demo"
    for name in ("logs", "redis"):
        (state / name).mkdir(parents=True)
    (state / "chimera.sqlite3-wal").touch()
    _clear(state)
    assert not state.exists()
    _clear(state)


def test_folder_of_somebody_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    letter = tmp_path / "letter.txt"
    letter.touch()
    with pytest.raises(ConfigInvalid, match=r"holds letter\.txt"):
        _clear(tmp_path)
    with pytest.raises(ConfigInvalid, match="is a file"):
        _clear(letter)
    assert letter.exists()
