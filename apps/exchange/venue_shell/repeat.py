"""Asks a venue again what it was asked before its process was killed, from its last snapshot on."""

import logging
from collections.abc import Sequence
from contextlib import suppress

from apps.exchange.core.venue.types import VenueError
from apps.exchange.venue_shell.driver import Driver
from apps.exchange.venue_shell.endpoint import Call
from apps.exchange.venue_shell.host import Counts, Host
from apps.exchange.venue_shell.journal import Advanced, Input, Played, Requested
from apps.exchange.venue_shell.params import Params
from apps.exchange.venue_shell.refusals import Refusal
from apps.exchange.venue_shell.routes import ENDPOINTS

log = logging.getLogger(__name__)

_BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def repeat(host: Host, driver: Driver, inputs: Sequence[Input]) -> None:
    """Bring `host` to where it was after `inputs`. Nobody listens yet, so nothing is sent twice."""
    for entry in inputs:
        match entry:
            case Played(actions):
                driver.play(actions)
            case Advanced(now):
                host.venue.advance(now)
            case Requested():
                _request(host, entry)
        host.publish()
    host.counts = Counts()  # of what this process serves


def _request(host: Host, entry: Requested) -> None:
    endpoint = _BY_NAME[entry.endpoint]
    call = Call(
        host=host,
        market=endpoint.market,
        account_id=entry.account_id,
        params=Params(entry.params),
        now=entry.now,
        wall=entry.wall,
    )
    try:
        with suppress(VenueError, Refusal):  # refused then as now
            endpoint.handler(call)
    except Exception:
        log.exception("%s failed, as it did the first time", endpoint.name)
