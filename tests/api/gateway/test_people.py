"""What an administrator may change about people in the admin, and what about themselves."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client

ClientOf = Callable[[str], Client]
FORM = {"date_joined_0": "2025-01-01", "date_joined_1": "00:00:00", "is_active": "on"}


def give_role(client: Client, user: User, role: str) -> None:
    group = Group.objects.get(name=role)
    form = {**FORM, "username": user.username, "is_staff": "on", "groups": [group.pk]}
    client.post(f"/admin/auth/user/{user.pk}/change/", form)


def roles(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_administrator_gives_another_a_role(client_of: ClientOf) -> None:
    other = User.objects.create(username="other", is_staff=True)
    give_role(client_of("admin"), other, "viewer")
    assert roles(other) == {"viewer"}


def test_administrator_cannot_give_themselves_a_role(client_of: ClientOf) -> None:
    client = client_of("admin")
    oneself = User.objects.get(username="a-admin")
    give_role(client, oneself, "approver")
    assert roles(oneself) == {"admin"}
    page = client.get(f"/admin/auth/user/{oneself.pk}/change/")
    assert page.status_code == 200
    assert b'name="groups"' not in page.content


@pytest.mark.parametrize("field", ["is_superuser", "user_permissions"])
def test_administrator_cannot_make_anybody_more_than_a_role(
    client_of: ClientOf, field: str
) -> None:
    other = User.objects.create(username="other", is_staff=True)
    page = client_of("admin").get(f"/admin/auth/user/{other.pk}/change/")
    assert f'name="{field}"'.encode() not in page.content


def test_history_keeps_which_roles_somebody_was_given(client_of: ClientOf) -> None:
    other = User.objects.create(username="other", is_staff=True)
    client = client_of("admin")
    for role in ("viewer", "approver", "approver"):
        give_role(client, other, role)
    kept = LogEntry.objects.filter(object_id=str(other.pk), change_message__startswith="Roles")
    assert [(entry.user.username, entry.change_message) for entry in kept.order_by("pk")] == [
        ("a-admin", "Roles: - → viewer"),
        ("a-admin", "Roles: viewer → approver"),
    ]
