"""How one-sided the recent moves were: the relative strength index."""

from chimera.events.features import MarketInputs

from .base import Family, Input


class Rsi:
    """Wilder's relative strength index of closes, 0 to 100; unknown while no close ever differed.

    Rises and falls are averaged apart: first the mean over `length` changes, then with weight
    1 / length on the newest. The index is the rises' share of both.

    References
    ----------
    Wilder (1978), "New Concepts in Technical Trading Systems", section VI.
    """

    __slots__ = ("_falls", "_last", "_length", "_rises", "_seen")

    def __init__(self, length: int) -> None:
        self._length = length
        self._last: float | None = None
        self._seen = 0
        self._rises = 0.0
        self._falls = 0.0

    def update(self, inputs: MarketInputs) -> float | None:
        close = inputs.bar.close
        last, self._last = self._last, close
        if last is None:
            return None
        rise = close - last if close > last else 0.0
        fall = last - close if close < last else 0.0
        length = self._length
        if self._seen == length:
            self._rises += (rise - self._rises) / length
            self._falls += (fall - self._falls) / length
        else:
            self._seen += 1
            self._rises += rise / length
            self._falls += fall / length
            if self._seen < length:
                return None
        moves = self._rises + self._falls
        return 100.0 * self._rises / moves if moves else None


RSI = Family(
    make=Rsi,
    inputs=frozenset({Input.BAR}),
    window=lambda length: length + 1,
    decay=lambda length: 1.0 - 1.0 / length,
)
