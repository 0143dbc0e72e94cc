"""Candles, and a store of minutes that holds months of them: eight bytes a value, pickled at once."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from chimera.clock import DAY, MINUTE, Millis

ROOM = DAY // MINUTE  # minutes beyond those kept, so that old ones go a day at a time


@dataclass(slots=True)
class Candle:
    """A minute, or the sum of several. Prices quote per base, volumes base and quote units."""

    open_time: Millis
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    quote_volume: float = 0.0
    trades: int = 0
    taker_base: float = 0.0
    taker_quote: float = 0.0
    first_trade_id: int = -1  # unknown
    last_trade_id: int = -1

    def add(self, price: float, volume: float, *, bought: bool) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += volume
        self.quote_volume += price * volume
        self.trades += 1
        if bought:
            self.taker_base += volume
            self.taker_quote += price * volume

    def merge(self, later: "Candle") -> None:
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.trades += later.trades
        self.taker_base += later.taker_base
        self.taker_quote += later.taker_quote
        if later.last_trade_id >= 0:
            self.name_trades(later.first_trade_id, later.last_trade_id)

    def name_trades(self, first: int, last: int) -> None:
        if self.first_trade_id < 0:
            self.first_trade_id = first
        self.last_trade_id = last

    def copy(self, open_time: Millis) -> "Candle":
        """Return the same under another open time."""
        still = Candle(open_time, self.open, self.high, self.low, self.close)
        still.volume, still.quote_volume = self.volume, self.quote_volume
        still.trades = self.trades
        still.taker_base, still.taker_quote = self.taker_base, self.taker_quote
        still.first_trade_id, still.last_trade_id = self.first_trade_id, self.last_trade_id
        return still


_WHOLE = ("open_time", "trades", "first_trade_id", "last_trade_id")
_CODES = {name: "q" if name in _WHOLE else "d" for name in Candle.__slots__}


class Minutes:
    """Closed minutes in columns, oldest first; of more than `kept` the oldest go."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self._columns = {name: array(code) for name, code in _CODES.items()}

    def __len__(self) -> int:
        return len(self._columns["open_time"])

    def append(self, minute: Candle) -> None:
        for name, column in self._columns.items():
            column.append(getattr(minute, name))
        if len(self) > self.kept + ROOM:
            self._forget()

    def prepend(self, minutes: Iterable[Candle]) -> None:
        """Put minutes before those that are there; what is not older than them is passed over."""
        first = self._columns["open_time"][0] if len(self) else None
        older = Minutes(self.kept)
        for minute in minutes:
            if first is None or minute.open_time < first:
                older.append(minute)
        for name, column in self._columns.items():
            column[:0] = older._columns[name]
        self._forget()

    def pop(self) -> Candle:
        """Take the newest out; there must be one."""
        return Candle(**{name: column.pop() for name, column in self._columns.items()})

    def index(self, ts: Millis, low: int = 0) -> int:
        """Return the place of the first minute at or after `ts`, from place `low` on."""
        return bisect_left(self._columns["open_time"], ts, low)

    def open_time(self, place: int) -> Millis:
        return self._columns["open_time"][place]

    def total(self, first: int, last: int, open_time: Millis) -> Candle:
        """Return the minutes at ``[first, last)``, of which there is at least one, as one candle."""
        if last == first + 1:
            minute = Candle(*(column[first] for column in self._columns.values()))
            minute.open_time = open_time
            return minute
        part = {name: column[first:last] for name, column in self._columns.items()}
        named = [i for i in part["first_trade_id"] if i >= 0]
        return Candle(
            open_time=open_time,
            open=part["open"][0],
            high=max(part["high"]),
            low=min(part["low"]),
            close=part["close"][-1],
            volume=sum(part["volume"]),
            quote_volume=sum(part["quote_volume"]),
            trades=sum(part["trades"]),
            taker_base=sum(part["taker_base"]),
            taker_quote=sum(part["taker_quote"]),
            first_trade_id=named[0] if named else -1,
            last_trade_id=max(part["last_trade_id"]),
        )

    def _forget(self) -> None:
        for column in self._columns.values():
            del column[: -self.kept]
