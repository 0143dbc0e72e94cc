"""What a stream's name says: its slot in a cluster, its dead letters, how long it may grow.

`chimera.events.stream_of` gives the names. Braces are Redis hash tags: all streams of a symbol live
in one slot.
"""

# Entries kept per stream, by family. Market data is refilled from snapshots and orders from the
# record, so these bound memory (about 0.4 kB an entry), not history.
_BOUNDS = {
    "mkt": 20_000,
    "trades": 2_000,  # who reads them wants the latest; in mkt they would push the bars out
    "feat": 20_000,
    "signals": 50_000,
    "ord": 50_000,
    "pos": 50_000,
    "cfg": 10_000,
    "health": 10_000,
    "metrics": 10_000,
    "dead": 10_000,
}
_BOUND_OF_OTHERS = 10_000


def dead_letters(stream: str) -> str:
    """Name the dead-letter stream that shares `stream`'s slot, e.g. ``dead:{BTCUSDT-PERP}``."""
    return f"dead:{{{hash_tag(stream)}}}"


def hash_tag(stream: str) -> str:
    """Return what Redis Cluster hashes: the text in the first braces, else the whole name."""
    _, opened, rest = stream.partition("{")
    tag, closed, _ = rest.partition("}")
    return tag if opened and closed and tag else stream


def max_length(stream: str) -> int:
    """Return about how many entries `stream` keeps; Redis trims by whole nodes of up to 100."""
    return _BOUNDS.get(stream.partition(":")[0], _BOUND_OF_OTHERS)
