"""What somebody is told who gave a wrong password too often. django-axes counts; the settings say how often."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chimera.errors import RateLimited

NAME_MAX = 150  # no account's name is longer


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str | None:
    """Return the name tried, short enough to be kept; refuse one that no database can look for."""
    name = (credentials or request.POST).get("username")
    if name is not None and "\0" in str(name):
        raise PermissionDenied
    return None if name is None else str(name)[:NAME_MAX]


def locked_out(
    request: HttpRequest, original_response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """Answer the sign-in page in place of what would have been answered."""
    problem = RateLimited(lockout_message(), code="locked_out")
    return render(request, "console/problem.html", {"problem": problem}, status=problem.http_status)


def lockout_message() -> str:
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds()) // 60
    wait = ngettext(
        "Try again in %(minutes)d minute.", "Try again in %(minutes)d minutes.", minutes
    ) % {"minutes": minutes}
    return f"{_('Too many wrong passwords for this name from this address.')} {wait}"
