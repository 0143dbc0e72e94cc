"""What rules and guards may read. One list for lint and for the strategy."""

from chimera.bundles import Bundle
from chimera.lang import NUMBER, Names, Type

RULE_NAMES: dict[str, Type] = {
    "open": NUMBER,
    "high": NUMBER,
    "low": NUMBER,
    "close": NUMBER,
    "volume": NUMBER,
    "mark_px": NUMBER,
    "position_side": NUMBER,  # -1 short, 0 flat, 1 long
    "bars_held": NUMBER,  # closed bars since the position was opened
    "unrealised_frac": NUMBER,  # gain at the bar's close as a fraction of the entry price
}


def names_of(bundle: Bundle) -> Names:
    """Return what the expressions of `bundle` may read: these names and the bundle's factors."""
    return {**RULE_NAMES, **{factor.name: NUMBER for factor in bundle.factors}}
