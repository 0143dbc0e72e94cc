"""What the venue's own doors say: whether it is there, what time its market has, whether it goes on.

Called by the probes. Only a local venue tells how its market runs; elsewhere time is the wall's.
"""

from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
from django.conf import settings

from chimera.clock import Millis, WallClock
from chimera.errors import ConfigInvalid
from chimera.venue_url import venue_url

TIMEOUT_S = 2.0
VENUE_FAILURES = (OSError, HTTPException, ValueError, ConfigInvalid)
"""What reading the venue's doors may raise: it cannot be reached, or does not answer as it should."""
LIVE_VENUE_URL = "https://fapi.binance.com"


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """The market's time, how much faster than the wall it runs, and when its recording ended.

    `behind_ms` is how far the venue is from where it should be at that speed.
    """

    now: Millis
    speed: float = 1.0
    ended_at: Millis | None = None
    behind_ms: Millis = 0


class _Position(msgspec.Struct):
    at: Millis
    done: bool
    lag_ms: Millis


class _Status(msgspec.Struct):
    now: Millis
    speed: float
    feed: _Position


def venue_read(path: str) -> bytes:
    """Return what the venue's public REST door answers at `path`.

    Raises
    ------
    VENUE_FAILURES
        If it cannot be reached, or answers anything but 200.
    """
    address = venue_url(settings.EXCHANGE_URL) or LIVE_VENUE_URL
    with urlopen(Request(f"{address}{path}"), timeout=TIMEOUT_S) as answer:  # noqa: S310  it is http(s)
        if answer.status != HTTPStatus.OK:
            raise ValueError(f"the venue answered {answer.status}")
        return bytes(answer.read())


def venue_feed() -> Feed:
    """Return how the market runs; raises like `venue_read`."""
    if venue_url(settings.EXCHANGE_URL) is not None:
        try:
            told = msgspec.json.decode(venue_read("/venue/status"), type=_Status)
        except HTTPError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
        else:
            ended_at = told.feed.at if told.feed.done else None
            behind_ms = told.feed.lag_ms
            return Feed(now=told.now, speed=told.speed, ended_at=ended_at, behind_ms=behind_ms)
    return Feed(now=WallClock().now())
