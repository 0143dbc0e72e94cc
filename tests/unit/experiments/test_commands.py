"""``manage.py simulate`` and ``manage.py replay``: what people see who got something wrong."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from chimera.demo.stack import ROOT
from chimera.errors import Unavailable

BUNDLE = ROOT / "bundles" / "demo.yaml"
DEMO = BUNDLE.read_bytes()


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--bundle: .*bundle.yaml cannot be read: No such file"),
        (b"\xff\xfe", "--bundle: .*bundle.yaml is not UTF-8 text"),
        (b"- 1", "Expected `object`"),
        (DEMO.replace(b"rsi_7 < 38", b"rsi_9 < 38"), r"rules\[0\].when: .*unknown name rsi_9"),
    ],
)
def test_simulate_refuses_a_bundle_that_cannot_be_used(tmp_path: Path, content, message) -> None:
    path = tmp_path / "bundle.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=message):
        call_command("simulate", str(tmp_path), "--bundle", str(path))


def test_simulate_names_the_symbols_that_no_file_holds(tmp_path: Path) -> None:
    (tmp_path / "um-BTCUSDT-1m-2025.parquet").touch()
    with pytest.raises(CommandError, match="no file holds 1m bars of ETHUSDT-PERP, SOLUSDT-PERP"):
        call_command("simulate", str(tmp_path), "--bundle", str(BUNDLE))


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
