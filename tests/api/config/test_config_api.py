"""The REST door of S10 for each kind of visitor."""

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from apps.config.services import bundle_activate, bundle_check
from tests.support.bundles import GOOD_BUNDLE

pytestmark = pytest.mark.django_db(transaction=True)
ACTIVE, BUNDLES = "/api/v1/active", "/api/v1/bundles"


@pytest.fixture(autouse=True)
def _own_bus_and_store(settings):
    settings.REDIS_URL = "memory://"
    settings.STORE_URL = "embedded://"


@pytest.fixture
def viewer() -> APIClient:
    return signed_in("vera", "view_release")


@pytest.fixture
def operator() -> APIClient:
    return signed_in("otto", "add_release", "view_release")


def signed_in(name: str, *permissions: str) -> APIClient:
    user = User.objects.create_user(name)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="config", codename__in=permissions)
    )
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_active_is_for_signed_in_people_only():
    answer = APIClient().get(ACTIVE)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "not_authenticated"


def test_active_before_any_activation_is_not_found(viewer):
    answer = viewer.get(ACTIVE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_active_shows_the_release(viewer):
    release = bundle_activate(text=GOOD_BUNDLE, actor="ada", reason="try it")
    shown = viewer.get(ACTIVE).json()
    assert (shown["generation"], shown["name"], shown["state"]) == (1, "small", "ACTIVE")
    assert (shown["bundle_hash"], shown["actor"]) == (release.bundle_hash, "ada")


def test_bundles_checks_and_stores_nothing(operator):
    answer = operator.post(BUNDLES, {"text": GOOD_BUNDLE}, format="json")
    checked = bundle_check(GOOD_BUNDLE)
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "small",
        "bundle_hash": checked.bundle_hash,
        "warm_up_bars": checked.warm_up_bars,
        "findings": [],
    }
    assert operator.get(ACTIVE).status_code == 404


def test_bundles_reports_warnings(operator):
    text = GOOD_BUNDLE + "execution: {limit_offset_bps: 2}\n"
    (finding,) = operator.post(BUNDLES, {"text": text}, format="json").json()["findings"]
    assert finding == {
        "level": "warning",
        "path": "execution.limit_offset_bps",
        "rule": "setting_unused",
        "message": "market entries have no limit",
    }


def test_bundles_of_a_bad_bundle_answers_with_all_findings(operator):
    text = GOOD_BUNDLE.replace("name: ema_5", "name: ema_6")
    answer = operator.post(BUNDLES, {"text": text}, format="json")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "bundle_invalid")
    assert {finding["rule"] for finding in error["details"]["findings"]} == {"expression"}
    assert error["correlation_id"]


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": None}, {"text": ["a"]}, {"text": "#" * 300_000}, []]
)
def test_bundles_with_a_malformed_body_is_refused(operator, body):
    answer = operator.post(BUNDLES, body, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input")


def test_bundles_needs_the_permission(viewer):
    answer = viewer.post(BUNDLES, {"text": GOOD_BUNDLE}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def test_admin_shows_releases_and_changes_none(client):
    release = bundle_activate(text=GOOD_BUNDLE, actor="ada", reason="try it")
    client.force_login(User.objects.create_superuser("root"))
    listed = client.get("/admin/config/release/")
    assert "try it" in listed.content.decode()
    assert f"{release.created_at:%Y-%m-%d %H:%M:%S} UTC" in listed.content.decode()
    assert client.get(f"/admin/config/release/{release.pk}/change/").status_code == 200
    assert client.post(f"/admin/config/release/{release.pk}/change/", {}).status_code == 403
    assert client.get("/admin/config/release/add/").status_code == 403
    assert client.post(f"/admin/config/release/{release.pk}/delete/").status_code == 403
