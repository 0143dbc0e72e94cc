"""How far the price moves: average true range and realised volatility."""

import math
from collections import deque

from chimera.events.features import MarketInputs

from .base import Family, Input

_UNIT = 2.0**60  # returns are summed in units of 2**-60, finer than the precision of any price


class Atr:
    """Wilder's average true range, in the price's unit.

    First the mean of `length` true ranges, then with weight 1 / length on the newest. The very
    first bar has no true range, since the close before it is not known (as in TA-Lib).

    References
    ----------
    Wilder (1978), "New Concepts in Technical Trading Systems", section III.
    """

    __slots__ = ("_last_close", "_length", "_seen", "_sum", "_value")

    def __init__(self, length: int) -> None:
        self._length = length
        self._last_close: float | None = None
        self._seen = 0
        self._sum = 0.0
        self._value = 0.0

    def update(self, inputs: MarketInputs) -> float | None:
        bar = inputs.bar
        high, low = bar.high, bar.low
        last, self._last_close = self._last_close, bar.close
        if last is None:
            return None
        true_range = (high if high > last else last) - (low if low < last else last)
        if self._seen == self._length:
            self._value += (true_range - self._value) / self._length
            return self._value
        self._seen += 1
        self._sum += true_range
        if self._seen < self._length:
            return None
        self._value = self._sum / self._length
        return self._value


class RealisedVolatility:
    """Sample standard deviation of the last `length` log returns: a fraction per bar, not annualised.

    Sums over the window are kept in whole numbers, which are exact: nothing drifts however long it
    runs, and a large return leaves no trace once it has left the window.
    """

    __slots__ = ("_last_close", "_length", "_missing", "_returns", "_scale", "_squares", "_sum")

    def __init__(self, length: int) -> None:
        self._length = length
        self._scale = math.sqrt(length * (length - 1)) * _UNIT
        self._last_close: float | None = None
        self._returns = deque([0] * length, maxlen=length)
        self._missing = length
        self._sum = 0
        self._squares = 0

    def update(self, inputs: MarketInputs) -> float | None:
        close = inputs.bar.close
        last, self._last_close = self._last_close, close
        if last is None:
            return None
        entering = int(math.log(close / last) * _UNIT)
        leaving = self._returns[0]
        self._returns.append(entering)
        self._sum = total = self._sum + entering - leaving
        self._squares = squares = self._squares + (entering - leaving) * (entering + leaving)
        if self._missing:
            self._missing -= 1
            if self._missing:
                return None
        return math.sqrt(self._length * squares - total * total) / self._scale


ATR = Family(
    make=Atr,
    inputs=frozenset({Input.BAR}),
    window=lambda length: length + 1,
    decay=lambda length: 1.0 - 1.0 / length,
)
REALISED_VOLATILITY = Family(
    make=RealisedVolatility,
    inputs=frozenset({Input.BAR}),
    window=lambda length: length + 1,
    min_length=2,
)
