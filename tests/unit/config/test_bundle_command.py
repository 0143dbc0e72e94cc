"""``manage.py bundle``: what people see."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from apps.config.models import Release
from tests.support.bundles import DEMO_BUNDLE, GOOD_BUNDLE


@pytest.fixture(autouse=True)
def _own_bus_and_store(settings):
    settings.REDIS_URL = "memory://"
    settings.STORE_URL = "embedded://"


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("bundle", *map(str, arguments), stdout=out, stderr=out, no_color=True)
    return out.getvalue()


def test_check_of_the_demo_bundle_prints_its_hash():
    printed = run("check", DEMO_BUNDLE)
    assert "demo is valid: 5 rules, 8 factors" in printed
    assert "sha256 " in printed


def test_check_of_a_bad_bundle_prints_every_finding_and_fails(tmp_path: Path):
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD_BUNDLE.replace("name: ema_5", "name: ema_6"))
    err = StringIO()
    with pytest.raises(CommandError, match="the bundle was refused"):
        call_command("bundle", "check", str(path), stderr=err)
    printed = err.getvalue().splitlines()
    assert len(printed) == 2
    assert all(line.startswith("error: rules[") for line in printed)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("missing.yaml", None, "cannot be read"), ("binary.yaml", b"\xff\xfe\xfa", "not UTF-8")],
)
def test_check_of_an_unreadable_file_says_so(tmp_path: Path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=message):
        run("check", path)


@pytest.mark.django_db(transaction=True)
def test_activate_then_show_prints_the_release():
    assert "generation 1 is active (announced)" in run(
        "activate", DEMO_BUNDLE, "--reason", "first look", "--actor", "ada"
    )
    shown = run("show")
    assert "generation 1: demo, by ada" in shown
    assert '"name":"demo"' in shown


@pytest.mark.django_db
def test_show_before_any_activation_says_so():
    with pytest.raises(CommandError, match="no bundle is active"):
        run("show")


@pytest.mark.django_db
def test_show_without_tables_says_how_to_make_them(monkeypatch):
    def no_table(*_: object, **__: object) -> None:
        raise OperationalError("no such table: config_release")

    monkeypatch.setattr(Release.objects, "filter", no_table)
    with pytest.raises(CommandError, match=r"manage\.py migrate"):
        run("show")
