"""What people would use instead, on the same bars, with a strategy of the same kind.

Pull-backs within a trend, long and short, each guarded by a stop three true ranges away. Their data is
loaded before the clock starts. Only what is installed takes part (requirements-bench.txt).
"""

from apps.exchange.core.venue.feeds.klines import KlineRows
from bench.figures import Figure
from bench.machine import installed
from bench.peers import backtesting_py, backtrader, nautilus

_FIGURES = {
    "backtesting": backtesting_py.figure,
    "backtrader": backtrader.figure,
    "nautilus_trader": nautilus.figure,
}


def figures(rows: KlineRows) -> tuple[Figure, ...]:
    """Run every installed peer over `rows`."""
    return tuple(figure(rows) for package, figure in _FIGURES.items() if installed(package))


def missing() -> str:
    """Return which peers are not installed."""
    return ", ".join(package for package in _FIGURES if not installed(package))
