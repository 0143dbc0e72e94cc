"""What lies between the ArangoDB store and the network: timeouts, and errors mapped once."""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import msgspec
from arango.exceptions import ArangoError, ArangoServerError
from arango.http import DefaultHTTPClient, HTTPClient
from arango.response import Response
from arango.typings import Headers
from requests import RequestException, Session, Timeout

from chimera.errors import (
    ChimeraError,
    ConfigInvalid,
    Conflict,
    InvalidInput,
    Transient,
    Unavailable,
)

REQUEST_TIMEOUT_S = 5.0
QUERY_RUNTIME_S = 4  # the server gives up before the client does

# https://docs.arangodb.com/3.12/develop/error-codes/
WRITE_CONFLICT = 1200
NOT_FOUND_COLLECTION = 1203
DUPLICATE_NAME = 1207
UNIQUE_VIOLATED = 1210
BAD_KEY = 1221
NOT_FOUND_DATABASE = 1228
QUERY_KILLED = 1500
DUPLICATE_GRAPH = 1925

_GATEWAY_STATUSES = (502, 503, 504)


def default_transport() -> HTTPClient:
    # Nothing is sent again behind our back: the caller decides, all our writes may be repeated.
    return DefaultHTTPClient(request_timeout=REQUEST_TIMEOUT_S, retry_attempts=0)


def encode(value: Any) -> str:
    """Return `value` as JSON; `msgspec.Raw` inside it is spliced in as it is."""
    return msgspec.json.encode(value).decode()


def decode(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as e:
        raise Transient(f"ArangoDB's answer is not JSON: {text[:80]!r}") from e


class CheckedTransport(HTTPClient):
    """Passes requests on to `inner`; a server that cannot be reached becomes `Unavailable`."""

    def __init__(self, inner: HTTPClient) -> None:
        self._inner = inner

    def create_session(self, host: str) -> Session:
        return self._inner.create_session(host)

    def send_request(
        self,
        session: Session,
        method: str,
        url: str,
        headers: Headers | None = None,
        params: MutableMapping[str, str] | None = None,
        data: Any = None,
        auth: tuple[str, str] | None = None,
    ) -> Response:
        try:
            response = self._inner.send_request(session, method, url, headers, params, data, auth)
        except Timeout as e:
            raise Unavailable("ArangoDB did not answer in time") from e
        except RequestException as e:
            raise Unavailable(f"ArangoDB cannot be reached: {type(e).__name__}") from e
        if response.status_code in _GATEWAY_STATUSES:
            raise Unavailable(f"ArangoDB is not ready: HTTP {response.status_code}")
        return response


@contextmanager
def mapped_errors(*passed_over: int) -> Iterator[None]:
    """Turn what python-arango raises into our taxonomy; error numbers in `passed_over` end it."""
    try:
        yield
    except ArangoServerError as e:
        if e.error_code not in passed_over:
            raise mapped(e) from e
    except ArangoError as e:
        raise InvalidInput(f"refused before it was sent to ArangoDB: {e}", field="body") from e
    except (KeyError, TypeError, AttributeError, IndexError) as e:
        # python-arango indexes into answers without looking at their shape first.
        raise Transient(f"ArangoDB's answer has another shape than expected: {e!r}") from e


def mapped(error: ArangoServerError) -> ChimeraError:
    """Return the error of our taxonomy for one of the server's."""
    number, status = error.error_code, error.http_code
    kind: Callable[..., ChimeraError] = InvalidInput
    if number in (WRITE_CONFLICT, UNIQUE_VIOLATED) or status in (409, 412):
        kind = Conflict
    elif number in (NOT_FOUND_DATABASE, NOT_FOUND_COLLECTION) or status in (401, 403):
        kind = ConfigInvalid
    elif status >= 500 or status == 408:
        kind = Unavailable
    elif number == QUERY_KILLED or status == 429 or (status < 300 and number != BAD_KEY):
        kind = Transient
    return kind(f"ArangoDB: {error.error_message}", arango_error=number, http_status=status)
