"""The demo's own care: whose folder it empties, and what it asks of the venue."""

import os
import socket
from pathlib import Path

import pytest

from chimera.demo.claims import check_port, claim_folder
from chimera.demo.command import data_paths
from chimera.demo.stack import Feed, feed_news
from chimera.errors import ConfigInvalid


def test_state_of_an_earlier_demo_is_removed(tmp_path: Path) -> None:
    state = tmp_path / "demo"
    for name in ("logs", "redis", "venue-state"):
        (state / name).mkdir(parents=True)
    (state / "chimera.sqlite3-wal").touch()
    for _ in range(2):
        os.close(claim_folder(state))
        assert list(state.iterdir()) == []
    assert state.stat().st_mode & 0o077 == 0


def test_folder_of_a_demo_that_runs_is_left_alone(tmp_path: Path) -> None:
    lock = claim_folder(tmp_path)
    (tmp_path / "venue.json").touch()
    with pytest.raises(ConfigInvalid, match="a demo already runs in"):
        claim_folder(tmp_path)
    assert (tmp_path / "venue.json").exists()
    os.close(lock)
    os.close(claim_folder(tmp_path))


def test_folder_of_somebody_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    letter = tmp_path / "letter.txt"
    letter.touch()
    with pytest.raises(ConfigInvalid, match=r"holds letter\.txt"):
        claim_folder(tmp_path)
    with pytest.raises(ConfigInvalid, match="is a file"):
        claim_folder(letter)
    assert letter.exists()


def test_data_names_one_path_with_spaces_or_several_as_a_shell_does(tmp_path: Path) -> None:
    spaced, one, two = (tmp_path / name for name in ("with space.parquet", "1.gz", "2.gz"))
    for path in (spaced, one, two):
        path.touch()
    assert data_paths([str(spaced)]) == [str(spaced)]
    assert data_paths([f"{one} '{spaced}'"]) == [str(one), str(spaced)]
    assert data_paths([f"{tmp_path}/*.gz"]) == [str(one), str(two)]
    assert data_paths([f"{one} /is/gone"]) == [str(one), "/is/gone"]
    assert data_paths(["/is gone", "it's gone"]) == ["/is gone", "it's gone"]


def test_port_that_cannot_be_had_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigInvalid, match=f"port {port} cannot be had .Address already in use"
        ):
            check_port(port)


def test_feed_is_spoken_of_when_it_has_ended_or_lags_behind() -> None:
    at = 1_746_374_040_000
    assert feed_news(Feed(at, done=False, lag_ms=200_000), 40) == ("", "")
    kind, words = feed_news(Feed(at, done=False, lag_ms=200_001), 40)
    assert (kind, "cannot keep up with SPEED=40" in words) == ("behind", True)
    kind, words = feed_news(Feed(at, done=True, lag_ms=200_001), 40)
    assert (kind, "ended at 2025-05-04 15:54:00 UTC" in words) == ("ended", True)
