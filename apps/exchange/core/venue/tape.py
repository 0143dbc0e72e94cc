"""A symbol's public history: recent trades, candles of every interval, and the last day's ticker.

Kept only when the venue publishes its market. Minutes are stored as floats (they are market data) and
written with the symbol's decimals when somebody asks.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice, takewhile

import msgspec

from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.candles import Candle, Minutes
from apps.exchange.core.venue.instruments import VenueInstrument
from apps.exchange.core.venue.outbound import Kline, Ticker, Traded
from chimera.clock import DAY, INTERVALS, MINUTE, Millis
from chimera.money import ZERO, decimal_of, quantize

TRADES_KEPT = 2_000
MINUTES_KEPT = 45 * DAY // MINUTE  # 6 MB a symbol
_QUOTE_INCREMENT = Decimal("0.00000001")

_pack_trades = msgspec.msgpack.encode
_unpack_trades = msgspec.msgpack.Decoder(list[Traded]).decode

_State = tuple[VenueInstrument, int | None, bytes, Minutes, Candle | None, "_Early | None"]
_Early = tuple[Millis, int, int]  # minute, first and last trade id


class Tape:
    """Trades and candles of one symbol.

    Parameters
    ----------
    price_places : decimals of what the candles are of, where it is not the symbol's price
    minutes_kept : how many minutes of history it holds
    """

    def __init__(
        self,
        instrument: VenueInstrument,
        *,
        price_places: int | None = None,
        minutes_kept: int = MINUTES_KEPT,
    ) -> None:
        self._instrument = instrument
        self._price_places = price_places
        self.trades: deque[Traded] = deque(maxlen=TRADES_KEPT)
        self._closed = Minutes(minutes_kept)
        self._newest: Candle | None = None
        self._early: _Early | None = None  # printed before the move that opens their minute
        self._watchers: Counter[str] = Counter()
        self._told: dict[str, Millis] = {}  # interval -> open time of the candle last told

    def __getstate__(self) -> _State:
        """Return what is kept of it, packed. Who watched is gone by then."""
        trades = _pack_trades(list(self.trades))
        return self._instrument, self._price_places, trades, self._closed, self._newest, self._early

    def __setstate__(self, kept: _State) -> None:
        instrument, price_places, trades, closed, newest, early = kept
        self.__init__(instrument, price_places=price_places)  # type: ignore[misc]
        self.trades.extend(_unpack_trades(trades))
        self._closed, self._newest, self._early = closed, newest, early

    def print(self, trade: Traded) -> None:
        self.trades.append(trade)
        minute, trade_id = trade.ts - trade.ts % MINUTE, trade.trade_id
        if self._newest is not None and self._newest.open_time == minute:
            self._newest.name_trades(trade_id, trade_id)
            return
        first = self._early[1] if self._early and self._early[0] == minute else trade_id
        self._early = minute, first, trade_id

    def move(self, ts: Millis, price: float, volume: float, *, bought: bool) -> None:
        """Let the market trade `volume` at `price`."""
        self.roll(ts)
        minute = ts - ts % MINUTE
        if self._newest is None or self._newest.open_time < minute:
            self._newest = self._begin(Candle(minute, price, price, price, price))
        if self._early is not None:
            if self._early[0] == minute:
                self._newest.name_trades(*self._early[1:])
            self._early = None
        self._newest.add(price, volume, bought=bought)

    def roll(self, ts: Millis) -> None:
        """Fill minutes without a trade up to, not including, the one of `ts`: flat and empty."""
        if self._newest is None:
            return
        close, minute = self._newest.close, ts - ts % MINUTE
        first = max(self._newest.open_time + MINUTE, minute - self._closed.kept * MINUTE)
        for open_time in range(first, minute, MINUTE):
            self._newest = self._begin(Candle(open_time, close, close, close, close))

    def load(self, candles: Iterable[Candle]) -> None:
        """Put older minutes before what is there."""
        if self._newest is not None:
            self._closed.append(self._newest)
        self._closed.prepend(candles)
        self._newest = self._closed.pop() if len(self._closed) else None

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
            newest = min(end, self._newest_open()) if end is not None else self._newest_open()
            start = newest - newest % width - (limit - 1) * width
        bars = self._bars(start + -start % width, width)
        if end is not None:
            bars = takewhile(lambda bar: bar.open_time <= end, bars)
        return [self._kline(bar, width) for bar in islice(bars, limit)]

    def _bars(self, start: Millis, width: Millis) -> Iterator[Candle]:
        """Yield the candles of `width` that open at `start`, a multiple of it, or later."""
        newest, closed = self._newest, self._closed
        if newest is None:
            return
        current = newest.open_time - newest.open_time % width
        place = closed.index(start)
        while place < len(closed):
            open_time = closed.open_time(place)
            open_time -= open_time % width
            if open_time == current:
                break
            following = closed.index(open_time + width, place)
            yield closed.total(place, following, open_time)
            place = following
        if current >= start:
            yield self._candle(current)

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
        if self._newest is None:
            return
        for interval in self._watchers:
            width = INTERVALS[interval]
            current = now - now % width
            newest = self._newest.open_time - self._newest.open_time % width
            told = self._told.get(interval, newest)
            if told < current:
                for kline in self.klines(interval, start=told, end=current - 1):
                    yield interval, kline, True
            self._told[interval] = current
            if newest == current:
                yield interval, self._kline(self._candle(newest), width), False

    def _candle(self, open_time: Millis) -> Candle:
        """Return the sum of the minutes from `open_time` on; there is at least one."""
        assert self._newest is not None
        place, end = self._closed.index(open_time), len(self._closed)
        if place == end:
            return self._newest.copy(open_time)
        total = self._closed.total(place, end, open_time)
        total.merge(self._newest)
        return total

    def ticker(self, now: Millis) -> Ticker:
        """Return the rolling day as of `now`."""
        since, closed, newest = now - DAY + 1, self._closed, self._newest
        if newest is None or newest.open_time < since:
            total = Candle(now, 0.0, 0.0, 0.0, 0.0)
        else:
            place = closed.index(since)
            first = closed.open_time(place) if place < len(closed) else newest.open_time
            total = self._candle(first)
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

    def _newest_open(self) -> Millis:
        return 0 if self._newest is None else self._newest.open_time

    def _begin(self, candle: Candle) -> Candle:
        if self._newest is not None:
            self._closed.append(self._newest)
        return candle

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


def _exact(value: float, increment: Decimal) -> Decimal:
    return quantize(decimal_of(value), increment, "half_even")
