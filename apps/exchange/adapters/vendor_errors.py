"""ccxt's exceptions become our taxonomy, here and nowhere else.

The rule for what changes something at the venue: a refusal is definite only when the venue said so;
everything else, an answer of 5xx whatever its code, may have happened and is found out.
"""

from collections.abc import Mapping
from typing import Any

import ccxt

from chimera.errors import ChimeraError, OutcomeUnknown, RateLimited, Rejected, Unavailable

CLOCK_AHEAD_OR_BEHIND = "-1021"
DUPLICATE_ID = "-4116"
DUPLICATE_TEXT = "Duplicate order sent."  # spot says it under the code of every refusal
UNAUTHORISED = 401
REQUEST_TIMEOUT = 408
SERVER_ERRORS = 500  # and above
LIMIT_STATUS = (418, 429)
LIMIT_CODES = ("-1003", "-1015")
TEXT_MAX = 300


def note_answer(error: Exception, *, status: int, headers: Any, body: Any) -> None:
    """Keep the venue's own answer with the exception: ccxt's text leaves out parts of it."""
    error.answer = (status, headers or {}, body)  # type: ignore[attr-defined]


def of_change(error: Exception) -> ChimeraError:
    """Map an exception of a call that submits, cancels or sets something."""
    code, message = venue_code(error), venue_message(error)
    if code == DUPLICATE_ID or message == DUPLICATE_TEXT:  # evidence that the first one arrived
        return OutcomeUnknown(f"the venue already knows this id: {message}", venue_code=code)
    if _is_limit(error):
        return _limited(error)
    if isinstance(error, ccxt.InvalidNonce):
        return Rejected(message, venue_code=code)
    if _is_refusal(error):
        return Rejected(message, venue_code=code)
    return OutcomeUnknown(f"{type(error).__name__}: {message}", venue_code=code)


def of_read(error: Exception) -> ChimeraError:
    """Map an exception of a call that only asks."""
    code, message = venue_code(error), venue_message(error)
    if _is_limit(error):
        return _limited(error)
    if _is_refusal(error):
        return Rejected(message, venue_code=code)
    return Unavailable(f"{type(error).__name__}: {message}", venue_code=code)


def venue_code(error: Exception) -> str:
    """Return Binance's own code, such as ``-2021``, or "" when there is none."""
    return str(_body(error).get("code", ""))


def venue_message(error: Exception) -> str:
    return str(_body(error).get("msg") or error)[:TEXT_MAX]


def headers_of(error: Exception) -> Mapping[str, str]:
    """Return the headers of the answer, none when there was no answer."""
    return _answer(error)[1]


def _limited(error: Exception) -> RateLimited:
    headers = headers_of(error)
    seconds = next((v for name, v in headers.items() if name.lower() == "retry-after"), None)
    retry_after_ms = int(float(seconds) * 1_000) if seconds is not None else None
    return RateLimited(
        venue_message(error), venue_code=venue_code(error), retry_after_ms=retry_after_ms
    )


def _is_limit(error: Exception) -> bool:
    return _answer(error)[0] in LIMIT_STATUS or venue_code(error) in LIMIT_CODES


def _is_refusal(error: Exception) -> bool:
    status = _answer(error)[0]
    if status >= SERVER_ERRORS or status == REQUEST_TIMEOUT:
        return False
    return isinstance(error, ccxt.ExchangeError) or _is_bad_key(error)


def _is_bad_key(error: Exception) -> bool:
    """Tell whether the key was refused, which ccxt takes for a rate limit once a call has succeeded."""
    return _answer(error)[0] == UNAUTHORISED


def _answer(error: Exception) -> tuple[int, Mapping[str, str], Any]:
    answer: tuple[int, Mapping[str, str], Any] = getattr(error, "answer", (0, {}, None))
    return answer


def _body(error: Exception) -> Mapping[str, Any]:
    body = _answer(error)[2]
    return body if isinstance(body, dict) else {}
