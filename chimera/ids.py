"""Deterministic ids: pure functions of what they name, so that a replay repeats them."""

import hashlib
from functools import lru_cache

from chimera.clock import Millis

CLIENT_ORDER_ID_MAX = 36  # Binance: ^[.A-Z:/a-z0-9_-]{1,36}$


def bar_id(symbol: str, interval: str, close_time: Millis) -> str:
    """Name a closed bar, e.g. ``BTCUSDT-PERP:1m:1746374040000``."""
    return f"{symbol}:{interval}:{close_time}"


@lru_cache(1_024)  # an order is looked for under its id, and then made under it
def client_order_id(purpose: str, *parts: str | int) -> str:
    """Derive the id under which the venue will know an order.

    Parameters
    ----------
    purpose : one short word that people can read in the venue's lists: ``entry``, ``exit``, ``stop``
    parts : what makes the order unique, such as the intent's id and the attempt's number

    Returns
    -------
    str, 36 characters of ``[a-z0-9-]``; over 100 bits of SHA-256, so two never collide.
    """
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()
    return f"c-{purpose}-{digest}"[:CLIENT_ORDER_ID_MAX]


def content_hash(content: bytes) -> str:
    """Return the SHA-256 of `content` in hex: the address of an immutable document."""
    return hashlib.sha256(content).hexdigest()


def position_id(symbol: str, sequence: int) -> str:
    """Return the id of the symbol's position after `sequence` changes."""
    return f"pos:{symbol}:{sequence}"
