"""Which clock the market runs by: a replay tells its own. Small, for workers without a connection."""

import json
from urllib.error import URLError
from urllib.request import urlopen

from chimera.clock import Clock, ScaledClock, WallClock
from chimera.errors import Unavailable
from chimera.venue_url import venue_url


def venue_clock(url: str) -> Clock:
    """Return the clock of the market at `url`: a replay's own, or the wall.

    Raises
    ------
    ConfigInvalid
        If `url` names no venue.
    Unavailable
        If nothing answers there.
    """
    address = venue_url(url)
    if address is None:
        return WallClock()
    try:
        with urlopen(f"{address}/venue/clock", timeout=5) as answer:  # noqa: S310  (operator's setting)
            told = json.load(answer)
    except (URLError, OSError, ValueError) as error:
        raise Unavailable(f"the venue at {address} does not tell its clock: {error}") from error
    if told["speed"] == 1 and told.get("origin") is None:
        return WallClock()
    return ScaledClock(origin=told["origin"], speed=told["speed"], anchor_ns=told["anchor_ns"])
