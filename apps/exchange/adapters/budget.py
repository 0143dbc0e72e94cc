"""What of the venue's limits is used up, as far as its headers told, and what is kept for what must leave.

Beyond `1 - RESERVED` of a limit only that is sent which cannot wait: questions wait for the weight, entries
for the count of orders. Used by `calls`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chimera.clock import DAY, HOUR, MINUTE, SECOND, Clock

RESERVED = 0.2
_UNITS = {"SECOND": SECOND, "MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}
_HEADERS = {"REQUEST_WEIGHT": "x-mbx-used-weight-", "ORDERS": "x-mbx-order-count-"}
_WEIGHT = "x-mbx-used-weight-1m"


class Budget:
    """The limits of one market by the header that tells their use, e.g. ``x-mbx-order-count-10s``.

    Parameters
    ----------
    weight_per_minute : request weight until the venue tells its own limits
    clock : the wall's, because the venue counts by it
    """

    def __init__(self, *, weight_per_minute: int, clock: Clock) -> None:
        self._clock = clock
        self._limits = {_WEIGHT: (MINUTE, weight_per_minute)}  # window in ms, most in a window
        self._used: dict[str, tuple[int, int]] = {}  # number of the window, used in it

    def learn(self, rate_limits: Iterable[Mapping[str, Any]]) -> None:
        """Take in the ``rateLimits`` of exchangeInfo."""
        for row in rate_limits:
            start = _HEADERS.get(row["rateLimitType"])
            if start is not None and row["interval"] in _UNITS:
                unit, many = str(row["interval"]), int(row["intervalNum"])
                window = many * _UNITS[unit], int(row["limit"])
                self._limits[f"{start}{many}{unit[0].lower()}"] = window

    def note(self, headers: Mapping[str, str]) -> None:
        """Take in the headers of an answer, good or bad."""
        for name, value in headers.items():
            limit = self._limits.get(name.lower())
            if limit is not None and value.isdigit():
                self._used[name.lower()] = self._clock.now() // limit[0], int(value)

    @property
    def weight_is_low(self) -> bool:
        return self._is_low(_HEADERS["REQUEST_WEIGHT"])

    @property
    def orders_are_low(self) -> bool:
        return self._is_low(_HEADERS["ORDERS"])

    def _is_low(self, start: str) -> bool:
        for name, (window, used) in self._used.items():
            length, most = self._limits[name]
            is_now = window == self._clock.now() // length
            if name.startswith(start) and is_now and used > (1 - RESERVED) * most:
                return True
        return False
