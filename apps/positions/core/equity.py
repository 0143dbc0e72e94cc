"""What the books are worth at the market's prices, when that is told, and what the day added to it."""

from collections.abc import Sequence
from decimal import Decimal

from chimera.clock import DAY, MINUTE, SECOND, Millis
from chimera.events import ACCOUNT, BarClosed, EquityMarked, MarkPriceChanged
from chimera.events.positions import EQUITY_WHEN_FLAT_EVERY, EQUITY_WHEN_OPEN_EVERY
from chimera.money import ZERO, decimal_of, is_price, usdt
from chimera.runtime.contract import Effect, Publish, Record

from .books import Books

EQUITY_RECORDED_EVERY = MINUTE  # of the marks between bars
MARK_HOLDS: Millis = 10 * SECOND


class Equity:
    """Marks the books to market: at the mark price, as the venue does.

    The close of a bar takes the mark's place where the newest mark is older than the bar by more than
    `MARK_HOLDS`, or none was ever heard of; the next mark takes it back. `speed` stretches that: in a
    replayed market, streams that tick by the wall are so much further apart.
    """

    def __init__(self, books: Books, *, speed: float) -> None:
        self._books = books
        self._open = books.open
        self._mark_holds = MARK_HOLDS * speed
        self._prices: dict[str, float] = {}
        self._mark_ts: dict[str, Millis] = {}
        self._unrealised: dict[str, Decimal] = {}  # of open symbols, at the present price
        self._day: int = -1
        self._day_opening_usdt = ZERO
        self._marked_at: Millis = 0
        self._recorded_at: Millis = 0  # the newest mark that was recorded
        self._marked_bars: dict[str, Millis] = {}
        self._marked_before: Millis = 0  # bars up to then were marked in an earlier life

    def restore(self, marked: EquityMarked) -> None:
        """Go on with the day that `marked` belongs to; transfers may have been recorded since."""
        self._marked_at = self._recorded_at = self._marked_before = marked.ts_event
        self._day = marked.ts_event // DAY
        equity = marked.wallet_usdt + marked.unrealised_usdt
        unmarked = self._books.transferred_usdt - marked.transferred_usdt
        self._day_opening_usdt = equity - marked.day_pnl_usdt + unmarked

    def begin(self, now: Millis) -> None:
        """Begin a life at `now`; the market's clock may have been set back since the last one."""
        self._marked_at = min(self._marked_at, now)
        self._marked_before = min(self._marked_before, now)

    @property
    def value_usdt(self) -> Decimal | None:
        """Wallet and unrealised gain; None while the price of something held is unknown."""
        unrealised = self._unrealised_usdt()
        return None if unrealised is None else self._books.wallet_usdt + unrealised

    def is_before_today(self, ts: Millis) -> bool:
        return ts // DAY < self._day

    def move(self, amount: Decimal) -> None:
        """Leave `amount` out of the day's result: it moved the wallet, and nobody earned it."""
        self._day_opening_usdt += amount

    def take_mark(self, symbol: str, px: float, ts: Millis) -> None:
        if is_price(px):
            self._mark_ts[symbol] = ts
            self._take_price(symbol, px)

    def take_bar(self, bar: BarClosed) -> None:
        """Take the mark price that the bar brings, else its close unless a mark holds."""
        if bar.mark_px is not None:
            self.take_mark(bar.symbol, bar.mark_px, bar.ts_event)
        elif is_price(bar.close) and not self._mark_holds_at(bar):
            self._take_price(bar.symbol, bar.close)

    def forget_gain(self, symbol: str) -> None:
        """The position has changed."""
        self._unrealised.pop(symbol, None)

    def mark_on_bar(self, bar: BarClosed) -> Sequence[Effect]:
        """Mark at every bar of what is held; when flat hourly, and as soon as a new day begins."""
        ts = bar.ts_event
        if bar.symbol not in self._open:
            if ts - self._marked_at < EQUITY_WHEN_FLAT_EVERY and ts // DAY <= self._day:
                return ()
            if self._open and ts // DAY <= self._day:
                return ()  # marked at the bars of what is held
        if self._books.opening_usdt is None:
            return ()
        if ts <= self._marked_bars.get(bar.symbol, self._marked_before):
            return ()  # delivered again
        self._marked_bars[bar.symbol] = ts
        return self.mark(ts, bar.ts_init, cause=bar.id)

    def mark_between_bars(self, price: MarkPriceChanged) -> Sequence[Effect]:
        """Mark every few seconds while the symbol is held; the record keeps one of them a minute."""
        ts = price.ts_event
        if price.symbol not in self._open or ts - self._marked_at < EQUITY_WHEN_OPEN_EVERY:
            return ()
        recorded = ts - self._recorded_at >= EQUITY_RECORDED_EVERY
        return self.mark(ts, price.ts_init, cause=price.id, recorded=recorded)

    def mark(self, ts: Millis, now: Millis, *, cause: str, recorded: bool = True) -> list[Effect]:
        """Tell the equity, unless something held has no price yet: unknown is not zero."""
        books = self._books
        unrealised = self._unrealised_usdt()
        if books.opening_usdt is None or unrealised is None:
            return []
        self._marked_at = max(ts, self._marked_at)
        wallet = books.wallet_usdt
        equity = wallet + unrealised
        if ts // DAY > self._day:
            self._day, self._day_opening_usdt = ts // DAY, equity
        marked = EquityMarked(
            id=f"equity:{ts}:{cause}",
            cause=cause,
            ts_event=ts,
            ts_init=now,
            wallet_usdt=wallet,
            unrealised_usdt=unrealised,
            open_positions=len(self._open),
            day_pnl_usdt=usdt(equity - self._day_opening_usdt),
            transferred_usdt=books.transferred_usdt,
        )
        if not recorded:
            return [Publish(marked)]
        self._recorded_at = self._marked_at
        return [
            Record("positions_snapshots", marked.id, marked, ACCOUNT, ts, durable=False),
            Publish(marked),
        ]

    def _mark_holds_at(self, bar: BarClosed) -> bool:
        heard = self._mark_ts.get(bar.symbol)
        return heard is not None and bar.ts_event - heard <= self._mark_holds

    def _take_price(self, symbol: str, px: float) -> None:
        self._prices[symbol] = px
        self._unrealised.pop(symbol, None)

    def _unrealised_usdt(self) -> Decimal | None:
        """Return the gain of all that is held; None while the price of one is unknown."""
        total = ZERO
        for symbol in self._open:
            gain = self._unrealised.get(symbol)
            if gain is None:
                px = self._prices.get(symbol)
                if px is None:
                    return None
                gain = self._books.ledgers[symbol].unrealised(decimal_of(px))
                self._unrealised[symbol] = gain
            total += gain
        return total
