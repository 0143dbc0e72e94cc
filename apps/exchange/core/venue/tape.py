"""A symbol's public history: recent trades, candles of every interval, and the last day's ticker.

Kept only when the venue publishes its market. Minutes are stored as floats (they are market data) and
written with the symbol's decimals when somebody asks.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

import msgspec

from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.instruments import VenueInstrument
from apps.exchange.core.venue.outbound import Kline, Ticker, Traded
from chimera.clock import DAY, INTERVALS, MINUTE, Millis
from chimera.money import ZERO, decimal_of, quantize

TRADES_KEPT = 2_000
MINUTES_KEPT = 8_640  # six days
_QUOTE_INCREMENT = Decimal("0.00000001")


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


_pack = msgspec.msgpack.encode
_unpack_trades = msgspec.msgpack.Decoder(list[Traded]).decode
_unpack_minutes = msgspec.msgpack.Decoder(list[Candle]).decode


class Tape:
    """Trades and candles of one symbol; `price_places` are the decimals of what is no price of its own."""

    def __init__(self, instrument: VenueInstrument, *, price_places: int | None = None) -> None:
        self._instrument = instrument
        self._price_places = price_places
        self.trades: deque[Traded] = deque(maxlen=TRADES_KEPT)
        self._minutes: deque[Candle] = deque(maxlen=MINUTES_KEPT)
        self._watchers: Counter[str] = Counter()
        self._told: dict[str, Millis] = {}  # interval -> open time of the candle last told
        self._early: tuple[Millis, int, int] | None = (
            None  # minute, first and last id before its candle
        )

    def __getstate__(self) -> tuple[VenueInstrument, int | None, bytes, bytes]:
        """Return what is kept of it: rows by the thousand, packed. Who watched is gone by then."""
        trades, minutes = _pack(list(self.trades)), _pack(list(self._minutes))
        return self._instrument, self._price_places, trades, minutes

    def __setstate__(self, kept: tuple[VenueInstrument, int | None, bytes, bytes]) -> None:
        instrument, price_places, trades, minutes = kept
        self.__init__(instrument, price_places=price_places)  # type: ignore[misc]
        self.trades.extend(_unpack_trades(trades))
        self._minutes.extend(_unpack_minutes(minutes))

    def print(self, trade: Traded) -> None:
        self.trades.append(trade)
        minute = trade.ts - trade.ts % MINUTE
        if self._minutes and self._minutes[-1].open_time == minute:
            self._minutes[-1].name_trades(trade.trade_id, trade.trade_id)
            return
        # Prints come before the move that opens their minute's candle.
        first = self._early[1] if self._early and self._early[0] == minute else trade.trade_id
        self._early = minute, first, trade.trade_id

    def move(self, ts: Millis, price: float, volume: float, *, bought: bool) -> None:
        """Let the market trade `volume` at `price`."""
        self.roll(ts)
        minute = ts - ts % MINUTE
        if not self._minutes or self._minutes[-1].open_time < minute:
            self._minutes.append(Candle(minute, price, price, price, price))
        if self._early is not None:
            if self._early[0] == minute:
                self._minutes[-1].name_trades(*self._early[1:])
            self._early = None
        self._minutes[-1].add(price, volume, bought=bought)

    def roll(self, ts: Millis) -> None:
        """Fill minutes without a trade up to, not including, the one of `ts`: flat and empty."""
        if not self._minutes:
            return
        last = self._minutes[-1]
        minute = ts - ts % MINUTE
        first = max(last.open_time + MINUTE, minute - MINUTES_KEPT * MINUTE)
        for open_time in range(first, minute, MINUTE):
            close = last.close
            self._minutes.append(Candle(open_time, close, close, close, close))

    def load(self, candles: Iterable[Candle]) -> None:
        """Put older minutes before what is there."""
        before = self._minutes[0].open_time if self._minutes else None
        older = [c for c in candles if before is None or c.open_time < before]
        self._minutes = deque([*older, *self._minutes], maxlen=MINUTES_KEPT)

    def klines(
        self,
        interval: str,
        *,
        start: Millis | None = None,
        end: Millis | None = None,
        limit: int = 500,
    ) -> list[Kline]:
        """Return candles oldest first: the latest `limit`, or the first `limit` from `start`."""
        width = INTERVALS.get(interval)
        if width is None:
            raise refuse.bad_interval()
        if start is None:
            newest = min(end, self._newest()) if end is not None else self._newest()
            start = newest - newest % width - (limit - 1) * width
        found: list[Candle] = []
        for minute in self._minutes:
            open_time = minute.open_time - minute.open_time % width
            if open_time < start or (end is not None and open_time > end):
                continue
            if found and found[-1].open_time == open_time:
                found[-1].merge(minute)
            elif len(found) == limit:
                break
            else:
                found.append(_copy(minute, open_time))
        return [self._kline(candle, width) for candle in found]

    def watch(self, interval: str) -> None:
        """Have `moves` tell of this interval, until as many `unwatch` calls."""
        if interval not in INTERVALS:
            raise refuse.bad_interval()
        self._watchers[interval] += 1

    def unwatch(self, interval: str) -> None:
        self._watchers[interval] -= 1
        if not self._watchers[interval]:
            del self._watchers[interval]
            self._told.pop(interval, None)

    def moves(self, now: Millis) -> Iterator[tuple[str, Kline, bool]]:
        """Yield (interval, candle, closed) of every watched candle that closed, then the current one."""
        if not self._minutes:
            return
        for interval in self._watchers:
            width = INTERVALS[interval]
            current, newest = now - now % width, self._newest() - self._newest() % width
            told = self._told.get(interval, newest)
            if told < current:
                for kline in self.klines(interval, start=told, end=current - 1):
                    yield interval, kline, True
            self._told[interval] = current
            if newest == current:
                yield interval, self._kline(self._candle(newest), width), False

    def _candle(self, open_time: Millis) -> Candle:
        """Return the sum of the minutes from `open_time` on."""
        tail = list(takewhile(lambda m: m.open_time >= open_time, reversed(self._minutes)))
        total = _copy(tail[-1], open_time)
        for minute in reversed(tail[:-1]):
            total.merge(minute)
        return total

    def ticker(self, now: Millis) -> Ticker:
        """Return the rolling day as of `now`."""
        day = [m for m in self._minutes if m.open_time > now - DAY]
        total = _copy(day[0], day[0].open_time) if day else Candle(now, 0.0, 0.0, 0.0, 0.0)
        for minute in day[1:]:
            total.merge(minute)
        kline = self._kline(total, now - total.open_time)
        ids = [trade.trade_id for trade in self.trades]
        return Ticker(
            open=kline.open,
            high=kline.high,
            low=kline.low,
            last=kline.close,
            last_qty=self.trades[-1].qty if self.trades else ZERO,
            volume=kline.volume,
            quote_volume=kline.quote_volume,
            open_time=total.open_time,
            close_time=now,
            first_id=ids[0] if ids else -1,
            last_id=ids[-1] if ids else -1,
            count=kline.trades,
        )

    def _newest(self) -> Millis:
        return self._minutes[-1].open_time if self._minutes else 0

    def _kline(self, candle: Candle, width: Millis) -> Kline:
        places = self._price_places
        tick = Decimal(1).scaleb(-(self._instrument.price_precision if places is None else places))
        step = Decimal(1).scaleb(-self._instrument.quantity_precision)
        return Kline(
            open_time=candle.open_time,
            close_time=candle.open_time + width - 1,
            open=_exact(candle.open, tick),
            high=_exact(candle.high, tick),
            low=_exact(candle.low, tick),
            close=_exact(candle.close, tick),
            volume=_exact(candle.volume, step),
            quote_volume=_exact(candle.quote_volume, _QUOTE_INCREMENT),
            trades=candle.trades,
            taker_base=_exact(candle.taker_base, step),
            taker_quote=_exact(candle.taker_quote, _QUOTE_INCREMENT),
            first_trade_id=candle.first_trade_id,
            last_trade_id=candle.last_trade_id,
        )


def _copy(candle: Candle, open_time: Millis) -> Candle:
    still = Candle(open_time, candle.open, candle.high, candle.low, candle.close)
    still.volume, still.quote_volume = candle.volume, candle.quote_volume
    still.trades = candle.trades
    still.taker_base, still.taker_quote = candle.taker_base, candle.taker_quote
    still.first_trade_id, still.last_trade_id = candle.first_trade_id, candle.last_trade_id
    return still


def _exact(value: float, increment: Decimal) -> Decimal:
    return quantize(decimal_of(value), increment, "half_even")
