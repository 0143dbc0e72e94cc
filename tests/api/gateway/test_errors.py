"""The one JSON error format, whatever went wrong, and wherever below /api/ it did."""

import base64
import json

import pytest
from django.test import Client
from rest_framework.throttling import AnonRateThrottle

from chimera.errors import ChimeraError
from tests.support.builders import SYMBOL

pytestmark = pytest.mark.django_db

PARTS = {"code", "message", "details", "correlation_id"}


def error_of(answer, status: int) -> dict:
    assert answer.status_code == status, answer.content
    assert answer["content-type"] == "application/json"
    body = json.loads(answer.content)
    assert set(body) == {"error"}
    assert set(body["error"]) == PARTS
    assert body["error"]["message"]
    assert body["error"]["correlation_id"] == answer["X-Correlation-ID"]
    return body["error"]


def check_bundle(client: Client, body: bytes, content_type: str = "application/json"):
    return client.post("/api/v1/bundles", body, content_type=content_type)


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/v1/xyz", "/api/v2/x", "/api/v1/decisions/", "/api/v1/orders/..%2fetc%2fpasswd"],
)
def test_path_that_nothing_serves_is_not_found(viewer, path):
    assert error_of(viewer.get(path), 404)["code"] == "not_found"


def test_page_that_does_not_exist_stays_a_page(viewer):
    answer = viewer.get("/xyz")
    assert answer.status_code == 404
    assert answer["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["overview", "schema", "metrics", "decisions", "active"])
def test_strangers_are_told_that_they_are_not_signed_in(client, path):
    assert error_of(client.get(f"/api/v1/{path}"), 403)["code"] == "not_authenticated"


def test_wrong_password_is_not_authenticated(client):
    login = base64.b64encode(b"viewer:wrong").decode()
    answer = client.get("/api/v1/overview", HTTP_AUTHORIZATION=f"Basic {login}")
    assert error_of(answer, 403)["code"] == "not_authenticated"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"text":', "application/json", 400),
        (b'{"text": "\xff"}', "application/json", 400),
        (b"[" * 200_000, "application/json", 400),
        (b'{"text": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "application/json", 400),
        (b'{"text": "' + b"a" * 3_000_000 + b'"}', "application/json", 413),
        (b"<a/>", "application/xml", 415),
        (b"text=a", "application/x-www-form-urlencoded", 415),
        (b"null", "application/json", 400),
        (b'{"text": 5}', "application/json", 422),
    ],
)
def test_bodies_that_cannot_be_read_are_refused(client_of, body, content_type, status):
    error_of(check_bundle(client_of("operator"), body, content_type), status)


def test_wrong_method_and_unservable_format_are_refused(viewer, desk_store):
    error_of(viewer.delete("/api/v1/overview"), 405)
    error_of(viewer.get("/api/v1/overview", HTTP_ACCEPT="application/xml"), 406)
    error_of(viewer.get("/api/v1/overview?format=xml"), 404)


@pytest.mark.parametrize("path", ["/api/v1/orders?symbol=%00", "/api/v1/o%00rders"])
def test_null_character_in_an_address_is_refused_before_the_database_fails_at_it(viewer, path):
    error_of(viewer.get(path), 400)


def test_null_character_in_a_filter_of_the_admin_is_a_bad_request(client_of):
    answer = client_of("admin").get("/admin/auth/user/?username=%00")
    assert answer.status_code == 400
    assert b"Traceback" not in answer.content


def test_foreign_host_is_refused(viewer):
    error_of(viewer.get("/api/v1/overview", HTTP_HOST="evil.example"), 400)


def test_error_outside_a_view_names_no_cause(viewer, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ValueError("the secret is 42")

    monkeypatch.setattr("apps.gateway.api.views.OverviewView.dispatch", broken)
    viewer.raise_request_exception = False
    answer = viewer.get("/api/v1/overview")
    assert error_of(answer, 500)["code"] == "error"
    assert b"secret" not in answer.content


def test_broken_page_names_the_id_to_look_for_and_no_cause(viewer, monkeypatch):
    def broken(*_: object) -> None:
        raise ValueError("the secret is 42")

    monkeypatch.setattr("apps.gateway.pages.overview_choice", broken)
    viewer.raise_request_exception = False
    answer = viewer.get("/")
    assert answer.status_code == 500
    assert answer["X-Correlation-ID"] in answer.content.decode()
    assert b"secret" not in answer.content


def test_unforeseen_error_of_a_view_names_no_cause(viewer, monkeypatch):
    def broken(*_: object) -> None:
        raise ValueError("the secret is 42")

    monkeypatch.setattr("apps.gateway.api.views.overview_snapshot", broken)
    answer = viewer.get("/api/v1/overview")
    assert error_of(answer, 500)["code"] == ChimeraError.code
    assert b"secret" not in answer.content


@pytest.mark.parametrize(
    "given", ["<script>", '"},{"x":"', "a b", "a" * 65, "${jndi:x}", "\x1b[31m"]
)
def test_correlation_id_of_strange_letters_is_replaced(client, given):
    answer = client.get("/api/v1/active", HTTP_X_CORRELATION_ID=given)
    assert answer["X-Correlation-ID"].isalnum()
    assert len(answer["X-Correlation-ID"]) == 32


def test_correlation_id_of_the_caller_is_kept(client):
    answer = client.get("/api/v1/active", HTTP_X_CORRELATION_ID="order-7.a:b_c")
    assert error_of(answer, 403)["correlation_id"] == "order-7.a:b_c"


def test_form_without_its_token_is_refused_with_a_page_of_ours(client_of):
    client = Client(enforce_csrf_checks=True)
    client.cookies = client_of("viewer").cookies
    answer = client.post("/admin/logout/")
    assert answer.status_code == 403
    assert b"This form is out of date" in answer.content


def test_overview_page_of_an_unknown_symbol_is_not_found(viewer, story):
    assert viewer.get("/", {"symbol": SYMBOL}).status_code == 200
    answer = viewer.get("/", {"symbol": "NOSUCH-PERP"})
    assert answer.status_code == 404
    assert b"NOSUCH-PERP is neither traded nor recorded" in answer.content


@pytest.mark.parametrize(
    "path", ["/api/v1/decisions", "/api/v1/metrics", "/api/v1/xyz", "/", "/xyz"]
)
def test_no_cache_keeps_what_one_person_saw(viewer, path):
    assert {"private", "no-store"} <= set(viewer.get(path)["Cache-Control"].split(", "))


def test_address_that_a_visitor_claims_is_not_believed(rf):
    throttle = AnonRateThrottle()
    claims = [
        rf.get("/", headers={"X-Forwarded-For": claimed}) for claimed in ("1.1.1.1", "2.2.2.2")
    ]
    assert {throttle.get_ident(request) for request in claims} == {"127.0.0.1"}
