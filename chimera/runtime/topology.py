"""Who publishes what: from it a worker knows which streams it must read and which it hears in memory."""

from collections.abc import Collection, Iterable, Sequence

from chimera.events import ACCOUNT, stream_of, symbol_of_event
from chimera.events.base import Event

LIVE_SERVICES = ("exchange", "features", "strategy", "orders", "positions")
ROUTER_LEASE = "service:orders"  # its token comes with every command to the exchange

# family of streams: (publishers, readers). Families named with {} have one stream for each symbol.
# Of its own health every worker tells, whatever services it runs.
FAMILIES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "mkt:{}": (frozenset({"exchange"}), frozenset({"features", "orders", "positions"})),
    "trades:{}": (frozenset({"exchange"}), frozenset()),
    "feat:events:{}": (frozenset({"features"}), frozenset({"strategy"})),
    "signals:new": (frozenset({"strategy"}), frozenset({"orders"})),
    "ord:cmd:{}": (frozenset({"orders"}), frozenset({"exchange"})),
    "ord:result:{}": (frozenset({"exchange"}), frozenset({"orders", "positions"})),
    "pos:events": (
        frozenset({"orders", "positions"}),
        frozenset({"strategy", "orders", "positions"}),
    ),
    "cfg:events": (
        frozenset({"config"}),
        frozenset({"features", "strategy", "orders", "exchange"}),
    ),
    "health:events": (
        frozenset(LIVE_SERVICES),
        frozenset({"strategy", "orders"}),
    ),
}
_OF_THE_ACCOUNT = ("ord:cmd:{}", "ord:result:{}")


def leases_of(services: Iterable[str]) -> list[str]:
    """Name the lease of each service, in the one order in which all workers take them."""
    return [f"service:{name}" for name in sorted(services)]


def streams_to_read(services: Iterable[str], symbols: Sequence[str]) -> list[str]:
    """Return the streams on which others publish what `services` read.

    Their own events may come back there: a worker leaves out what it published itself.
    """
    local = frozenset(services)
    streams = []
    for family, (publishers, readers) in FAMILIES.items():
        if not readers & local or publishers <= local:
            continue
        if "{}" not in family:
            streams.append(family)
            continue
        names = [*symbols, ACCOUNT] if family in _OF_THE_ACCOUNT else symbols
        streams.extend(family.replace("{}", f"{{{name}}}") for name in names)
    return streams


def stream_for(event: Event, symbols: Collection[str]) -> str:
    """Return the stream of `event` among workers of `symbols`.

    What the account does in another symbol, by hand for instance, goes where all of them hear it.
    """
    stream, symbol = stream_of(event), symbol_of_event(event)
    if symbol in symbols or stream.replace(f"{{{symbol}}}", "{}") not in _OF_THE_ACCOUNT:
        return stream
    return stream.replace(f"{{{symbol}}}", f"{{{ACCOUNT}}}")
