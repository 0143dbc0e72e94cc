"""The content security policy: strict for the console, as loose as Unfold needs for the admin.

Unfold's pages run on Alpine, which compiles expressions in attributes, and carry style elements;
neither works under the console's policy. No script of foreign origin runs on either.
"""

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

ADMIN_DIRECTIVES = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class ConsoleCSPMiddleware(CSPMiddleware):
    """Django-csp's middleware with the admin's exception."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path.startswith(reverse("admin:index")):
            parts.replace = {**(parts.replace or {}), **ADMIN_DIRECTIVES}
        return parts
