"""Demo users exist in demo mode, and nowhere else."""

import json

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import RequestFactory

pytestmark = pytest.mark.django_db


def signed_in(name: str, password: str) -> User | None:
    asked = RequestFactory().post("/admin/login/")
    return authenticate(asked, username=name, password=password)


def test_demo_users_outside_demo_mode_are_refused(settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="demo mode only"):
        call_command("demo_users")
    assert not User.objects.exists()


def test_demo_users_sign_in_with_the_printed_passwords_and_have_their_role(settings, capsys):
    settings.DEMO = True
    call_command("demo_users", "--json")
    passwords = json.loads(capsys.readouterr().out)
    assert list(passwords) == ["viewer", "operator", "approver", "admin"]
    for role, password in passwords.items():
        user = signed_in(role, password)
        assert user is not None
        assert [group.name for group in user.groups.all()] == [role]
        assert not user.is_superuser


def test_demo_users_made_again_get_new_passwords_and_stay_four(settings, capsys):
    settings.DEMO = True
    call_command("demo_users", "--json")
    first = json.loads(capsys.readouterr().out)
    call_command("demo_users")
    assert User.objects.count() == 4
    assert signed_in("viewer", first["viewer"]) is None
