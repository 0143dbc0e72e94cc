"""What all REST answers share: the one error format, for views and for paths that no view serves.

`exception_handler` and `JSONParser` are set in the settings, the four error pages in `chimera/urls.py`.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults
from rest_framework import exceptions, parsers, renderers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from chimera.correlation import correlation_id
from chimera.errors import ChimeraError, Forbidden, InvalidInput, NotFound, RateLimited

API_ROOT = "/api/"

log = structlog.get_logger(__name__)


class JSONParser(parsers.JSONParser):
    """DRF's parser, that refuses nesting which Python cannot follow instead of failing at it."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError as error:
            raise exceptions.ParseError("JSON parse error - nested too deep") from error


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Turn every error of a view into JSON with code, message, details and correlation id."""
    _answer_in_json(context["request"])
    if isinstance(error, ChimeraError):
        return Response(error.as_json(correlation_id()), status=error.http_status)
    if isinstance(error, RequestDataTooBig):
        refusal = InvalidInput("the request body is too large", code="body_too_large")
        return Response(
            refusal.as_json(correlation_id()), status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        )
    answer = drf_exception_handler(error, context)
    if answer is None:
        log.error("unexpected error in a view", exc_info=error)
        return Response(_fault().as_json(correlation_id()), status=500)
    translated = _translated(error, answer, context["request"])
    answer.data = translated.as_json(correlation_id())
    if isinstance(translated, RateLimited):
        answer.status_code = translated.http_status
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses, such as a host that is not ours."""
    return _json_or_page(
        request, 400, InvalidInput("the request is malformed"), defaults.bad_request, exception
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json_or_page(
        request, 403, Forbidden("you may not do this"), defaults.permission_denied, exception
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json_or_page(
        request, 404, NotFound("there is no such path"), defaults.page_not_found, exception
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after an error outside a REST view; Django has logged it."""
    return _json_or_page(request, 500, _fault(), _fault_page)


def _fault_page(request: HttpRequest) -> HttpResponse:
    """Name the id to look for; uses nothing that may be what is broken."""
    page = loader.render_to_string("500.html", {"correlation_id": correlation_id()})
    return HttpResponse(page, status=500)


def _json_or_page(
    request: HttpRequest,
    status: int,
    error: ChimeraError,
    page: Callable[..., HttpResponse],
    *exception: Exception,
) -> HttpResponse:
    if not request.path.startswith(API_ROOT):
        return page(request, *exception)
    return JsonResponse(error.as_json(correlation_id()), status=status)


def _answer_in_json(request: Request) -> None:
    """Let errors be JSON also where the view answers in another format, such as metrics."""
    request.accepted_renderer = renderers.JSONRenderer()
    request.accepted_media_type = renderers.JSONRenderer.media_type


def _fault() -> ChimeraError:
    return ChimeraError("something went wrong here; the log has it under the correlation id")


def _translated(error: Exception, answer: Response, request: Request) -> ChimeraError:
    if isinstance(error, exceptions.ValidationError):
        return InvalidInput("the request body is not acceptable", fields=error.detail)
    detail = str(getattr(error, "detail", error)) or "there is nothing here"
    if isinstance(error, exceptions.Throttled):
        return RateLimited(detail, retry_after_ms=int((getattr(error, "wait", None) or 0) * 1_000))
    if getattr(request, "axes_locked_out", False):
        return RateLimited("too many wrong passwords; wait and try again", code="locked_out")
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return Forbidden(detail, code="not_authenticated")
    kind = {403: Forbidden, 404: NotFound}.get(answer.status_code, InvalidInput)
    return kind(detail)
