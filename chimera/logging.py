"""Structured logs: one JSON object a line, with the correlation id of what is being worked on."""

import logging
import logging.config
import re
import sys
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from chimera.correlation import bind_correlation_id, correlation_id

CORRELATION_HEADER = "X-Correlation-ID"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SECRET_WORDS = ("secret", "password", "api_key", "apikey", "signature", "token", "authorization")


def configure(options: dict[str, Any]) -> None:
    """Set up structlog and the standard library's logging alike; called by Django on start."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(options.get("level", "INFO"))
    # Uvicorn has set up its own handlers by now, whose lines are not JSON.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for noisy in ("uvicorn.access", "asyncio", "httpx", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class CorrelationMiddleware:
    """Give each request an id, taken from its header when it has a sane one, and answer with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(CORRELATION_HEADER, "")
        structlog.contextvars.clear_contextvars()
        bind_correlation_id(given if _CORRELATION_ID.fullmatch(given) else uuid.uuid4().hex)
        response = self.get_response(request)
        response[CORRELATION_HEADER] = correlation_id()
        return response


def _mask_secrets(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    for key in entry:
        if any(word in key.lower() for word in _SECRET_WORDS):
            entry[key] = "***"
    return entry
