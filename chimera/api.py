"""What all REST views share: the one error format."""

import structlog
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from chimera.errors import ChimeraError, Forbidden, InvalidInput, NotFound, RateLimited
from chimera.logging import correlation_id

log = structlog.get_logger(__name__)


def exception_handler(error: Exception, context: dict[str, object]) -> Response | None:
    """Turn every error of a view into JSON with code, message, details and correlation id."""
    if isinstance(error, ChimeraError):
        return Response(error.as_json(correlation_id()), status=error.http_status)
    answer = drf_exception_handler(error, context)
    if answer is None:
        log.error("unexpected error in a view", exc_info=error)
        fault = ChimeraError("something went wrong here; the log has it under the correlation id")
        return Response(fault.as_json(correlation_id()), status=500)
    answer.data = _translated(error, answer).as_json(correlation_id())
    return answer


def _translated(error: Exception, answer: Response) -> ChimeraError:
    if isinstance(error, exceptions.ValidationError):
        return InvalidInput("the request body is not acceptable", fields=error.detail)
    detail = str(getattr(error, "detail", error))
    if isinstance(error, exceptions.Throttled):
        return RateLimited(detail, retry_after_ms=int((getattr(error, "wait", None) or 0) * 1_000))
    kind = {401: Forbidden, 403: Forbidden, 404: NotFound}.get(answer.status_code, InvalidInput)
    code = "not_authenticated" if answer.status_code == 401 else None
    return kind(detail, code=code)
