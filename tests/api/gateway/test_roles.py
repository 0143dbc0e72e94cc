"""Every path of the platform against every role. A path that is not in the table fails the test."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from apps.health.catalogue import SERVICE_NAMES
from tests.support.builders import Story

ROLES = ("anonymous", "roleless", "viewer", "operator", "approver", "admin")

# What each kind of door answers to the roles above. 302 leads to the sign-in page.
OPEN = (200, 200, 200, 200, 200, 200)
PAGE = (302, 403, 200, 200, 200, 200)
REST = (403, 403, 200, 200, 200, 200)
SIGNED_IN = (403, 200, 200, 200, 200, 200)
PROBE = (503, 503, 503, 503, 503, 503)  # nothing is up in this test; who may ask is what counts
STAFF = (302, 200, 200, 200, 200, 200)
ADMIN_ONLY = (302, 403, 403, 403, 403, 200)
NOBODY = (302, 403, 403, 403, 403, 403)  # superusers alone
NO_RELEASE = (403, 403, 404, 404, 404, 404)
POST_ONLY = (403, 403, 403, 405, 403, 405)
SEE_RELEASES = (302, 403, 200, 200, 200, 200)
SIGN_OUT = (302, 405, 405, 405, 405, 405)
ADMIN_404 = (302, 404, 404, 404, 404, 404)

STORY = Story().run(40)
DECISION = next(write.key for write in STORY.writes if write.collection == "decisions")
ORDER = next(write.key for write in STORY.writes if write.collection == "orders")

TABLE: dict[str, tuple[str, tuple[int, ...]]] = {
    "overview": ("/", PAGE),
    "decisions": ("/decisions", PAGE),
    "decision": (f"/decisions/{DECISION}", PAGE),
    "orders": ("/orders", PAGE),
    "order": (f"/orders/{ORDER}", PAGE),
    "positions": ("/positions", PAGE),
    "alerts": ("/alerts", PAGE),
    "document": (f"/documents/orders/{ORDER}", PAGE),
    "api-overview": ("/api/v1/overview", REST),
    "api-decisions": ("/api/v1/decisions", REST),
    "api-decision": (f"/api/v1/decisions/{DECISION}", REST),
    "api-orders": ("/api/v1/orders", REST),
    "api-order": (f"/api/v1/orders/{ORDER}", REST),
    "api-positions": ("/api/v1/positions", REST),
    "api-alerts": ("/api/v1/alerts", REST),
    "api-trace": (f"/api/v1/trace/decisions/{DECISION}", REST),
    "health": ("/health", PROBE),
    "ready": ("/ready", PROBE),
    "metrics": ("/api/v1/metrics", SIGNED_IN),
    "schema": ("/api/v1/schema", SIGNED_IN),
    "config-active": ("/api/v1/active", NO_RELEASE),
    "config-bundles": ("/api/v1/bundles", POST_ONLY),
    "set_language": ("/i18n/setlang/", (302,) * 6),
    "admin:index": ("/admin/", STAFF),
    "admin:login": ("/admin/login/", (200, 302, 302, 302, 302, 302)),
    "admin:logout": ("/admin/logout/", SIGN_OUT),
    "admin:password_change": ("/admin/password_change/", STAFF),
    "admin:password_change_done": ("/admin/password_change/done/", STAFF),
    "admin:autocomplete": ("/admin/autocomplete/", NOBODY),
    "admin:jsi18n": ("/admin/jsi18n/", STAFF),
    "admin:view_on_site": ("/admin/r/1/1/", ADMIN_404),
    "admin:app_list": ("/admin/auth/", (302, 404, 404, 404, 404, 200)),
    "admin:auth_user_changelist": ("/admin/auth/user/", ADMIN_ONLY),
    "admin:auth_user_add": ("/admin/auth/user/add/", ADMIN_ONLY),
    "admin:auth_user_change": ("/admin/auth/user/1/change/", ADMIN_ONLY),
    "admin:auth_user_history": ("/admin/auth/user/1/history/", ADMIN_ONLY),
    "admin:auth_user_delete": ("/admin/auth/user/1/delete/", NOBODY),
    "admin:auth_user_password_change": ("/admin/auth/user/1/password/", ADMIN_ONLY),
    "admin:auth_group_changelist": ("/admin/auth/group/", ADMIN_ONLY),
    "admin:auth_group_add": ("/admin/auth/group/add/", NOBODY),
    "admin:auth_group_change": ("/admin/auth/group/1/change/", ADMIN_ONLY),
    "admin:auth_group_history": ("/admin/auth/group/1/history/", ADMIN_ONLY),
    "admin:auth_group_delete": ("/admin/auth/group/1/delete/", NOBODY),
    "admin:config_release_changelist": ("/admin/config/release/", SEE_RELEASES),
    "admin:config_release_add": ("/admin/config/release/add/", NOBODY),
    "admin:config_release_change": (
        "/admin/config/release/1/change/",
        (302, 403, 302, 302, 302, 302),
    ),
    "admin:config_release_history": (
        "/admin/config/release/1/history/",
        (302, 302, 302, 302, 302, 302),
    ),
    "admin:config_release_delete": ("/admin/config/release/1/delete/", NOBODY),
    **{
        f"{name}-{kind}": (f"/api/v1/{name}/{kind}", PROBE)
        for name in SERVICE_NAMES
        for kind in ("health", "ready")
    },
    # Experiments need neither Redis nor the venue; Celery they can wait for.
    "experiments-health": ("/api/v1/experiments/health", OPEN),
    "experiments-ready": ("/api/v1/experiments/ready", OPEN),
    "admin:search": ("/admin/search/", STAFF),
}


def routes(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from routes(entry, inner)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}" if entry.name else f"{namespace}{entry.pattern}"


# Unnamed patterns of Django's admin: redirects of old addresses, and what matches nothing else.
UNNAMED = {"admin:<path:object_id>/", "admin:(?P<url>.*)$"}


def test_every_route_is_in_the_table():
    known = set(TABLE) | UNNAMED
    unknown = sorted(set(routes(get_resolver())) - known)
    assert not unknown, f"say in the table who may use {unknown}"


def test_table_names_no_route_that_is_gone():
    assert sorted(set(TABLE) - set(routes(get_resolver()))) == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_each_role_as_the_table_says(client_of, desk_store, role):
    desk_store.write(STORY.writes)
    client = client_of(role)
    column = ROLES.index(role)
    wrong = {}
    for name, (path, expected) in TABLE.items():
        path = _of_this_user(path, client)
        status = client.get(path).status_code
        if status != expected[column]:
            wrong[name] = f"{status} instead of {expected[column]}"
    assert not wrong


def _of_this_user(path: str, client) -> str:
    """Put existing ids in place of the table's 1; nobody is user 1 in every database."""
    from django.contrib.auth.models import Group, User

    if "/auth/user/1/" in path:
        other, _ = User.objects.get_or_create(username="someone")
        return path.replace("/1/", f"/{other.pk}/")
    if "/auth/group/1/" in path:
        return path.replace("/1/", f"/{Group.objects.get(name='viewer').pk}/")
    return path
