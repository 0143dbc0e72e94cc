"""The demo's own care: whose folder it empties, and what it asks of the venue."""

import socket
from pathlib import Path

import pytest

from chimera.demo.stack import _check_port, _clear
from chimera.errors import ConfigInvalid


def test_state_of_an_earlier_demo_is_removed(tmp_path: Path) -> None:
    state = tmp_path / "demo"
    for name in ("logs", "redis", "venue-state"):
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


def test_port_that_cannot_be_had_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigInvalid, match=f"port {port} cannot be had .Address already in use"
        ):
            _check_port(port)
