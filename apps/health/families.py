"""The streams that health and the console watch, by family; `{}` stands for a symbol's hash tag."""

from collections.abc import Iterable

from chimera.runtime.topology import FAMILIES

MARKET = "mkt:{}"
TRADES = "trades:{}"
FEATURES = "feat:events:{}"
SIGNALS = "signals:new"
ORDER_REPORTS = "ord:result:{}"
POSITIONS = "pos:events"
HEALTH = "health:events"


def stream(family: str, symbol: str) -> str:
    """Name the stream of a symbol in a family that has one for each."""
    return family.replace("{}", f"{{{symbol}}}")


def all_streams(symbols: Iterable[str]) -> list[str]:
    """Name every stream there is when `symbols` trade."""
    names = [family for family in FAMILIES if "{}" not in family]
    per_symbol = [family for family in FAMILIES if "{}" in family]
    return [*names, *(stream(family, symbol) for symbol in symbols for family in per_symbol)]
