"""What rules and guards may read besides the bundle's factors. One list for lint and for the strategy."""

from chimera.lang import NUMBER, Type

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
