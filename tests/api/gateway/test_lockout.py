"""Wrong passwords: after some, even the right one is refused for a while, at either door."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

RIGHT = "a right password"


@pytest.fixture(autouse=True)
def viewer(db: None, settings: Any) -> User:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # the tests try often
    user = User.objects.create_user("viewer", password=RIGHT, is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    return user


def by_page(client: Client, password: str, name: str = "viewer") -> Any:
    return client.post("/admin/login/", {"username": name, "password": password})


def by_rest(client: Client, password: str, name: str = "viewer") -> Any:
    login = base64.b64encode(f"{name}:{password}".encode()).decode()
    return client.get("/api/v1/schema", HTTP_AUTHORIZATION=f"Basic {login}")


def lock_out(client: Client) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        by_rest(client, "wrong")


def test_the_page_says_so_and_for_how_long(client: Client) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert by_page(client, "wrong").status_code == 200
    assert by_page(client, "wrong").status_code == 429
    answer = by_page(client, RIGHT)
    assert answer.status_code == 429
    assert b"Try again in 15 minutes." in answer.content


def test_rest_answers_in_the_one_error_format(client: Client) -> None:
    lock_out(client)
    answer = by_rest(client, RIGHT)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "locked_out"
    assert by_page(client, RIGHT).status_code == 429  # one count for both doors


def test_others_are_not_locked_out_with_them(client: Client, viewer: User) -> None:
    User.objects.create_user("other", password=RIGHT)
    lock_out(client)
    assert by_rest(client, RIGHT, name="other").status_code == 200
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert by_rest(elsewhere, RIGHT).status_code == 200


def test_many_names_tried_from_one_address_lock_it_out(client: Client) -> None:
    """One password sprayed over names, with an account of one's own to sign in to in between."""
    User.objects.create_user("attacker", password=RIGHT)
    for number in range(settings.ADDRESS_FAILURE_LIMIT):
        assert by_rest(client, RIGHT, name="attacker").status_code == 200
        by_rest(client, "Summer2026", name=f"name{number}")
    assert by_rest(client, RIGHT, name="attacker").status_code == 429
    assert by_page(client, RIGHT).status_code == 429
    assert by_rest(Client(REMOTE_ADDR="192.0.2.7"), RIGHT).status_code == 200


def test_a_name_of_any_length_is_counted(client: Client) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        by_rest(client, "wrong", name="x" * 4_000)
    assert by_rest(client, "wrong", name="x" * 4_000).status_code == 429
    assert AccessAttempt.objects.get().username == "x" * 150


def test_it_ends_by_itself(client: Client) -> None:
    lock_out(client)
    for attempt in AccessAttempt.objects.all():
        attempt.attempt_time -= settings.AXES_COOLOFF_TIME + timedelta(seconds=1)
        attempt.save()
    assert by_rest(client, RIGHT).status_code == 200


def test_signing_in_forgives_what_came_before(client: Client) -> None:
    for _ in range(3):
        for _ in range(settings.AXES_FAILURE_LIMIT - 1):
            by_page(client, "wrong")
        assert by_page(client, RIGHT).status_code == 302
        client.logout()


def test_name_that_no_database_can_look_for_is_refused_before_it_is(
    client: Client,
) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = by_rest(client, RIGHT, name="vie\0wer")
    assert not [query for query in queries if "wer" in query["sql"]]
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"
    assert by_page(client, RIGHT, name="vie\0wer").status_code == 200  # the form says what is wrong
