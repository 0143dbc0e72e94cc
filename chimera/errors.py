"""The one taxonomy of errors. Each class says what happens next; each carries a stable `code`.

A refusal by a risk gate is not an error but a value, recorded like any other decision.
"""

from typing import Any


class ChimeraError(Exception):
    """Root of all errors this project raises on purpose."""

    code = "error"
    http_status = 500

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details

    def as_json(self, correlation_id: str) -> dict[str, Any]:
        """Return the one JSON error format of the platform."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "details": self.details,
                "correlation_id": correlation_id,
            }
        }


class InvalidInput(ChimeraError):
    """Somebody sent something malformed or out of range. Refused whole; `details` names the field."""

    code = "invalid_input"
    http_status = 400


class NotFound(ChimeraError):
    """The named thing does not exist, or the asker may not know that it does."""

    code = "not_found"
    http_status = 404


class Forbidden(ChimeraError):
    """The actor may not do this. Nothing was done."""

    code = "forbidden"
    http_status = 403


class Conflict(ChimeraError):
    """The thing changed meanwhile, or exists already with another content. Read again, then decide."""

    code = "conflict"
    http_status = 409


class ConfigInvalid(ChimeraError):
    """A setting or bundle cannot be used. The process refuses to start, or the bundle to activate."""

    code = "config_invalid"
    http_status = 422


class Rejected(ChimeraError):
    """The venue refused for good. The order's state changes; nothing is retried."""

    code = "venue_rejected"
    http_status = 422


class Transient(ChimeraError):
    """A read failed for a passing reason. Retried with bounded backoff, then raised."""

    code = "transient"
    http_status = 503


class RateLimited(Transient):
    """The venue asked us to slow down; `details['retry_after_ms']` says for how long."""

    code = "rate_limited"
    http_status = 429


class Unavailable(Transient):
    """A dependency (Redis, the store, the venue) cannot be reached. New risk stops until it can."""

    code = "unavailable"


class OutcomeUnknown(ChimeraError):
    """A submit or cancel may or may not have happened. Never sent again blind: the venue is asked."""

    code = "outcome_unknown"


class LeaseLost(ChimeraError):
    """Another worker holds what this one held. It must stop writing at once."""

    code = "lease_lost"
    http_status = 409


class InvariantBroken(ChimeraError):
    """Something that cannot be true is true. New risk stops, an alarm is raised, the process ends."""

    code = "invariant_broken"


def require(condition: bool, message: str, **details: Any) -> None:
    """Raise `InvariantBroken` unless `condition` holds; unlike assert it survives ``python -O``."""
    if not condition:
        raise InvariantBroken(message, **details)
