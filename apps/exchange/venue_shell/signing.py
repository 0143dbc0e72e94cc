"""Who is asking, and is it really them: API keys, HMAC signatures over the raw bytes, timestamps."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import quote

from apps.exchange.venue_shell import refusals
from apps.exchange.venue_shell.params import Params
from chimera.clock import Millis

AHEAD_MAX_MS = 1_000
RECV_WINDOW_DEFAULT_MS = 5_000
RECV_WINDOW_MAX_MS = 60_000
RECV_WINDOW = r"[0-9]{1,20}(\.[0-9]{1,3})?"
MICROSECONDS_FROM = 10**14  # a millisecond timestamp has 13 digits until the year 2286


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A demo key. Derived from the venue's seed and printed on start: it guards paper only."""

    account_id: str
    key: str
    secret: str

    @classmethod
    def derive(cls, account_id: str, seed: int) -> "Credential":
        def digest(purpose: str) -> str:
            text = f"chimera-paper-{purpose}:{account_id}:{seed}"
            return hashlib.sha256(text.encode()).hexdigest()

        return cls(account_id=account_id, key=digest("key"), secret=digest("secret"))


class KeyRing:
    """The venue's API keys."""

    def __init__(self, *credentials: Credential) -> None:
        self._by_key = {credential.key: credential for credential in credentials}

    def find(self, api_key: str | None) -> Credential:
        """Return the credential of `api_key`, or raise -2014 (malformed) or -2015 (unknown)."""
        if not api_key or not api_key.isalnum():
            raise refusals.malformed_key()
        credential = self._by_key.get(api_key)
        if credential is None:
            raise refusals.unknown_key()
        return credential


def check_request(secret: str, query: str, body: str, params: Params, now: Millis) -> None:
    """Check the time and signature of a REST request; `query` and `body` exactly as sent."""
    check_time(params, now)
    signature = params.required("signature")
    _check_digest(secret, (_unsigned(query) + _unsigned(body),), signature)


def check_message(secret: str, params: Params, now: Millis) -> None:
    """Check the time and signature of a websocket API request: parameters sorted by name."""
    check_time(params, now)
    signature = params.required("signature")
    pairs = sorted((k, v) for k, v in params.raw().items() if k != "signature")
    raw = "&".join(f"{name}={value}" for name, value in pairs)
    encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    _check_digest(secret, (raw, encoded), signature)


def check_time(params: Params, now: Millis) -> None:
    """Raise -1021 unless ``timestamp < now + 1000`` and ``now - timestamp <= recvWindow``."""
    timestamp = params.required_integer("timestamp")
    if timestamp >= MICROSECONDS_FROM:
        timestamp //= 1_000
    window = _receive_window(params.raw())
    if timestamp >= now + AHEAD_MAX_MS:
        raise refusals.ahead_of_server()
    if now - timestamp > window:
        raise refusals.outside_window()


def _receive_window(values: Mapping[str, str]) -> Decimal:
    text = values.get("recvWindow")
    if not text:
        return Decimal(RECV_WINDOW_DEFAULT_MS)
    if not re.fullmatch(RECV_WINDOW, text):
        raise refusals.illegal("recvWindow", RECV_WINDOW)
    window = Decimal(text)
    if not 0 < window <= RECV_WINDOW_MAX_MS:
        raise refusals.window_too_wide()
    return window


def _unsigned(text: str) -> str:
    if "signature=" not in text:
        return text
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))


def _check_digest(secret: str, payloads: tuple[str, ...], signature: str) -> None:
    if not signature.isascii():
        raise refusals.bad_signature()
    for payload in payloads:
        digest = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if hmac.compare_digest(digest, signature.lower()):
            return
    raise refusals.bad_signature()
