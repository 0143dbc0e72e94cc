"""ccxt's exceptions become our taxonomy, here and nowhere else.

The rule for what changes something at the venue: a refusal is definite only when the venue said so;
everything else may have happened and is found out.
"""

import re

import ccxt

from chimera.errors import ChimeraError, OutcomeUnknown, RateLimited, Rejected, Unavailable

_CODE = re.compile(r'"code"\s*:\s*"?(-?\d+)')
_MESSAGE = re.compile(r'"msg"\s*:\s*"([^"]*)"')
CLOCK_AHEAD_OR_BEHIND = "-1021"
# The venue says it knows this id already: evidence that the first one arrived.
_DUPLICATE = ("-4116", "Duplicate order sent")


def of_change(error: Exception) -> ChimeraError:
    """Map an exception of a call that submits, cancels or sets something."""
    code, message = venue_code(error), venue_message(error)
    if any(sign in str(error) for sign in _DUPLICATE):
        return OutcomeUnknown(f"the venue already knows this id: {message}", venue_code=code)
    if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
        return RateLimited(message, venue_code=code)
    if isinstance(error, ccxt.InvalidNonce):
        return Rejected(message, venue_code=code or CLOCK_AHEAD_OR_BEHIND)
    if isinstance(error, ccxt.OperationFailed):
        return OutcomeUnknown(message, venue_code=code)
    if isinstance(error, ccxt.ExchangeError):
        return Rejected(message, venue_code=code)
    return OutcomeUnknown(f"{type(error).__name__}: {message}", venue_code=code)


def of_read(error: Exception) -> ChimeraError:
    """Map an exception of a call that only asks."""
    code, message = venue_code(error), venue_message(error)
    if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
        return RateLimited(message, venue_code=code)
    if isinstance(error, ccxt.ExchangeError):
        return Rejected(message, venue_code=code)
    return Unavailable(f"{type(error).__name__}: {message}", venue_code=code)


def venue_code(error: Exception) -> str:
    """Return Binance's own code, such as ``-2021``, or "" when there is none."""
    found = _CODE.search(str(error))
    return found.group(1) if found else ""


def venue_message(error: Exception) -> str:
    found = _MESSAGE.search(str(error))
    return found.group(1) if found else str(error)[:300]
