"""What the books last said of the day's profit, and for how long that may be believed.

Flat books neither earn nor lose: their word holds for as long as they may be silent. While something is
held, or changed after the word, the next one must follow within seconds, or with the next bar.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from chimera.clock import DAY, Millis
from chimera.events import EquityMarked
from chimera.events.positions import EQUITY_WHEN_FLAT_EVERY

from .book import SymbolBook
from .deadlines import Deadlines

# The day's PnL, USDT; its age, and the greatest age at which it may be believed.
Word = tuple[Decimal | None, Millis, Millis]


@dataclass(slots=True)
class DayPnl:
    """The newest word of the books, which may stop telling at any moment."""

    deadlines: Deadlines
    _told: EquityMarked | None = None
    _moving_since: Millis | None = None  # from when on flat books may no longer be what was told

    def take(self, marked: EquityMarked) -> None:
        self._told, self._moving_since = marked, None

    def at(self, now: Millis, books: Iterable[SymbolBook]) -> Word:
        """Return what was told and how old it is at `now`, given the positions in `books`.

        The PnL is None, unknown, where nothing was told of today.
        """
        told, age_max = self._told, self.deadlines.equity_age
        if told is None or told.ts_event // DAY != now // DAY:
            return None, 0, age_max
        since = told.ts_event
        if not told.open_positions:
            changed = self._changed_since(told, books)
            if changed is None:
                age_max += EQUITY_WHEN_FLAT_EVERY
            else:
                since = changed
        # A word from the future is of a market whose clock was set back: it is not believed either.
        return told.day_pnl_usdt, abs(now - since), age_max

    def _changed_since(self, told: EquityMarked, books: Iterable[SymbolBook]) -> Millis | None:
        """Return since when there is what the books, flat when they spoke, did not know of."""
        covered = max(told.ts_event, told.ts_init)  # the venue's clock or ours may be ahead
        first: Millis | None = None
        for book in books:
            changed_at = book.changed_at
            if (changed_at > covered or book.qty) and (first is None or changed_at < first):
                first = changed_at
        if first is None:
            self._moving_since = None
        elif self._moving_since is None:
            self._moving_since = max(told.ts_event, first)
        return self._moving_since
