"""How wrong passwords are weighed, and what somebody is told who gave too many. django-axes keeps them."""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chimera.errors import RateLimited

NAME_MAX = 150  # no account's name is longer


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Locks out a name at an address, and an address that tried so many names in vain.

    The two have limits of their own (`AXES_FAILURE_LIMIT`, `ADDRESS_FAILURE_LIMIT`). Whoever signs in is
    forgiven for that name, not for the others tried from there.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return how near the nearer limit is, counted as failures of a name at an address."""
        of_name, of_address = (
            attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        share = of_address * settings.AXES_FAILURE_LIMIT // settings.ADDRESS_FAILURE_LIMIT
        return int(max(of_name, share))

    def reset_user_attempts(
        self, request: HttpRequest, credentials: dict[str, Any] | None = None
    ) -> int:
        of_name, _of_address = self.filter_user_attempts(request, credentials)
        deleted, _by_model = of_name.delete()
        return int(deleted)


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
    return f"{_('Too many wrong passwords from this address.')} {wait}"
