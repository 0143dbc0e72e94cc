"""Margin settings of what may be entered: set, read back, and read anew when somebody may have changed them.

Entries wait until the answer to the newest question says that nothing is amiss; exits and stops do not.
"""

from dataclasses import dataclass

from chimera.clock import Millis
from chimera.events import ACCOUNT, MarginSettingsChanged, PrepareSymbol, SymbolPrepared
from chimera.instruments import Market, market_of
from chimera.runtime.contract import Ask, Effect, Wake

from .alerts import unfit_settings
from .book import UNREAD, SymbolBook
from .lifecycle import SERVICE
from .state import RouterState


@dataclass(slots=True)
class Margin:
    """Asks about the settings of the symbols that the live bundle trades, and judges the answers."""

    state: RouterState

    def prepare(self, book: SymbolBook, now: Millis, *, cause: str) -> list[Effect]:
        """Have the settings set, and them and the filters read back, until that is answered."""
        active = self.state.active
        if active is None or book.symbol not in active.bundle.symbols:
            return []
        command = PrepareSymbol(
            id=f"prepare:{book.symbol}:{active.generation}:{now}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            symbol=book.symbol,
            leverage=active.bundle.risk.leverage,
        )
        book.margin_question = command.id
        again = Wake(SERVICE, f"prepare:{book.symbol}", now + self.state.deadlines.prepare_again)
        return [Ask(command), again]

    def recheck(self, book: SymbolBook, now: Millis, *, cause: str) -> list[Effect]:
        """Have settings read anew that may have been changed."""
        book.margin_problem = UNREAD
        return self.prepare(book, now, cause=cause)

    def on_due(self, book: SymbolBook, now: Millis, *, cause: str) -> list[Effect]:
        """Ask again while something is amiss or not known."""
        if book.margin_problem is None and book.instrument is not None:
            return []
        return self.prepare(book, now, cause=cause)

    def on_changed(self, event: MarginSettingsChanged, now: Millis) -> list[Effect]:
        """The venue announced a change, of one symbol or of the account."""
        return [
            effect
            for book in self.state.books.values()
            if event.symbol in (book.symbol, ACCOUNT)
            for effect in self.recheck(book, now, cause=event.id)
        ]

    def judge(self, prepared: SymbolPrepared, now: Millis) -> list[Effect]:
        """Say whether entries may go ahead; people are told once what the settings lack."""
        active, book = self.state.active, self.state.book(prepared.symbol)
        if prepared.cause != book.margin_question:
            return []
        problem = prepared.problem
        if market_of(prepared.symbol) is Market.SPOT:
            problem = "spot positions are not taken yet: they have no reduce-only stop"
        elif problem is None and active and prepared.leverage != active.bundle.risk.leverage:
            problem = f"leverage is {prepared.leverage}, not {active.bundle.risk.leverage}"
        book.margin_problem = problem
        if prepared.leverage == 0:  # they could not be read
            return []
        told, book.margin_alerted = book.margin_alerted, prepared.problem
        if prepared.problem in (None, told):
            return []
        return [unfit_settings(prepared, now)]
