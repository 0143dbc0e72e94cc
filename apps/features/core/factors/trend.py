"""Where the price tends: the exponential moving average."""

from chimera.events.features import MarketInputs

from .base import Family, Input


class Ema:
    """Exponential moving average of closes, with weight 2 / (length + 1) on the newest.

    It starts as the mean of the first `length` closes, as TA-Lib's EMA does.
    """

    __slots__ = ("_alpha", "_length", "_seen", "_sum", "_value")

    def __init__(self, length: int) -> None:
        self._length = length
        self._alpha = 2.0 / (length + 1)
        self._seen = 0
        self._sum = 0.0
        self._value = 0.0

    def update(self, inputs: MarketInputs) -> float | None:
        close = inputs.bar.close
        if self._seen == self._length:
            self._value += self._alpha * (close - self._value)
            return self._value
        self._seen += 1
        self._sum += close
        if self._seen < self._length:
            return None
        self._value = self._sum / self._length
        return self._value


EMA = Family(
    make=Ema,
    inputs=frozenset({Input.BAR}),
    window=lambda length: length,
    decay=lambda length: 1.0 - 2.0 / (length + 1),
)
