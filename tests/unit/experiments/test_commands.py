"""``manage.py simulate`` and ``manage.py replay``: what people see who got something wrong."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from chimera.errors import Unavailable


@pytest.mark.parametrize(
    "options",
    [
        ("--wallet", "abc"),
        ("--wallet", "nan"),
        ("--wallet=-5",),
        ("--wallet", "1e999"),
        ("--bars=-1",),
        ("--bars", "0"),
        ("--bars", "many"),
    ],
)
def test_simulate_names_the_option_that_is_out_of_range(tmp_path: Path, options) -> None:
    with pytest.raises(CommandError, match=options[0].partition("=")[0]):
        call_command("simulate", str(tmp_path), *options)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"- 1"])
def test_simulate_refuses_a_bundle_that_cannot_be_read(tmp_path: Path, content) -> None:
    path = tmp_path / "bundle.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError):
        call_command("simulate", str(tmp_path), "--bundle", str(path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "garbage"), "--from"),
        (("--from", "9" * 30), "--from"),
        (("--to", "2025-05-04T16:00"), "names no time zone"),
        (
            ("--from", "2025-06-01T00:00Z", "--to", "2025-05-01T00:00Z"),
            "--to: must be after --from",
        ),
    ],
)
def test_replay_refuses_times_that_are_none(settings, options, message) -> None:
    settings.STORE_URL = "memory://"
    with pytest.raises(CommandError, match=message):
        call_command("replay", *options)


def test_replay_without_a_record_to_read_says_so(monkeypatch) -> None:
    def broken(_url: str) -> None:
        raise Unavailable("no such table: store_document")

    monkeypatch.setattr("apps.experiments.management.commands.replay.open_store", broken)
    with pytest.raises(CommandError, match="unavailable: no such table"):
        call_command("replay")
