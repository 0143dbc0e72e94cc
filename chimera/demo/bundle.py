"""Which bundle the demo activates: its own, or the same rules for the symbols and bars of other data.

Called by `stack` when the venue has said what it plays. The result is checked and activated as
any bundle is.
"""

import io
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chimera.clock import INTERVALS
from chimera.errors import ConfigInvalid
from chimera.instruments import Market, symbol_of

LINE_MAX = 100


class Played(msgspec.Struct, frozen=True):
    """What the venue plays, by market: its symbols, and the width of those recorded as bars."""

    symbols: Mapping[Market, Sequence[str]]
    intervals: Mapping[Market, Mapping[str, str]]


def bundle_fitted(text: str, played: Played) -> str:
    """Return the bundle `text` such that everything it trades is played.

    It stays as it is where the venue plays all its symbols in bars that make its own. Else the symbols
    become those of the recorded futures, and the interval the next that these bars can make.

    Raises
    ------
    ConfigInvalid
        If no futures are played, or `text` is no bundle at all.
    """
    yaml = YAML()
    yaml.width = LINE_MAX
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        bundle = yaml.load(text)
        wanted, interval = list(bundle["symbols"]), str(bundle["interval"])
    except (YAMLError, KeyError, TypeError) as error:
        raise ConfigInvalid(f"the bundle names no symbols or no interval: {error}") from error
    futures = {symbol_of(s, Market.USDM): s for s in played.symbols.get(Market.USDM, ())}
    if not futures:
        spot = ", ".join(played.symbols.get(Market.SPOT, ())) or "nothing"
        raise ConfigInvalid(
            f"DATA has {spot} of the spot market only, and the demo's bundle trades futures "
            f"({', '.join(wanted)}): give recordings of futures, whose names begin with um-"
        )
    symbols = wanted if set(wanted) <= futures.keys() else sorted(futures)
    recorded = played.intervals.get(Market.USDM, {})
    bars = [recorded[futures[symbol]] for symbol in symbols if futures[symbol] in recorded]
    fitting = _interval_made_of(bars, interval)
    if (symbols, fitting) == (wanted, interval):
        return text
    bundle["symbols"][:] = symbols
    bundle["interval"] = fitting
    written = io.StringIO()
    yaml.dump(bundle, written)
    return written.getvalue()


def _interval_made_of(bars: Iterable[str], wanted: str) -> str:
    """Return the shortest interval from `wanted` on that whole bars of all the given widths make."""
    widths = [INTERVALS[interval] for interval in bars]
    for interval, width in INTERVALS.items():
        if width >= INTERVALS.get(wanted, 0) and all(width % part == 0 for part in widths):
            return interval
    raise ConfigInvalid("DATA has bars of widths that make no common interval")
