"""Agreement with the venue: after a start, and after the user stream was lost.

1. New risk stops. Every order of ours that lives is asked about.
2. Once nothing is in doubt any more the account is asked for, which costs the venue's limits dearly,
   and the venue's positions are compared with ours. Only an answer to a question of this comparison
   counts, and it counts once.
3. The same difference twice is the truth: the position is adopted, guarded, and said so.
4. Orders of ours that rest there though we believe them over are cancelled. New risk resumes.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from chimera.clock import MINUTE, SECOND, Millis
from chimera.events import (
    ACCOUNT,
    AccountReported,
    CancelOrder,
    PositionAdopted,
    QueryAccount,
    QueryFailed,
    TradingHalted,
    TradingResumed,
)
from chimera.events.orders import IN_DOUBT, OrderType, Purpose
from chimera.events.positions import HeldPosition
from chimera.instruments import Market, market_of
from chimera.money import ZERO
from chimera.runtime.contract import Ask, Effect, Publish, Record, Wake

from .alerts import adopted_from_venue
from .book import UNREAD
from .lifecycle import SERVICE, told_again
from .margin import Margin
from .protection import Protection
from .state import RECONCILE, RouterState

AT_ONCE = 4  # questions about the account in a minute that a new comparison does not wait for
LONGEST_PAUSE = 8  # between two questions, in units of the shortest


@dataclass(slots=True)
class Reconciliation:
    """The comparison with the venue: one at a time, and no new risk until it is over."""

    state: RouterState
    protection: Protection
    margin: Margin
    _differences: dict[str, Decimal] = field(default_factory=dict)
    _differ_since: Millis = 0
    _asked_at: deque[Millis] = field(default_factory=deque)  # in the last minute
    _questions: set[str] = field(default_factory=set)  # of this comparison, not answered yet
    _number: int = 0  # of questions ever, so that ids never repeat
    _next_at: Millis = 0  # when the account may be asked for again

    @property
    def under_way(self) -> bool:
        return RECONCILE in self.state.halted_by

    def begin(self, now: Millis, *, cause: str) -> list[Effect]:
        """Stop new risk, ask about everything that may have changed unseen, and watch it again."""
        if not self.under_way:
            self._differences = {}
        self.state.halted_by.add(RECONCILE)
        self._questions.clear()  # what they will be answered may be from before
        self._next_at = now if len(self._recent(now)) < AT_ONCE else self._later()
        halted = TradingHalted(
            id=f"halt:{RECONCILE}:{now}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            source=RECONCILE,
            reason="our record is being compared with the venue's",
        )
        effects: list[Effect] = [Publish(halted), *self.state.lifecycle.tell_ended(now)]
        for book in self.state.books.values():
            for order in list(book.orders.values()):
                effects.append(told_again(order, now))
                effects += self.state.lifecycle.look_for(order, now, cause=cause)
                if order.purpose is Purpose.ENTRY and order.order_type is OrderType.LIMIT:
                    ends = order.ts + self.state.execution.entry_ttl_ms
                    effects.append(Wake(SERVICE, f"ttl:{order.client_order_id}", max(now, ends)))
            if book.margin_problem != UNREAD:
                effects += self.margin.recheck(book, now, cause=cause)
            effects += self.protection.resume(book, now)
            effects += self.protection.protect(book, now, cause=cause)
        return [*effects, *self.on_due(now, cause=cause)]

    def on_due(self, now: Millis, *, cause: str) -> list[Effect]:
        """Ask for the account, or look again whether it may be asked for."""
        if not self.under_way:
            return []
        look_again = max(self._next_at, now + self.state.deadlines.account_again)
        return self.proceed(now, cause=cause) or [Wake(SERVICE, "account", look_again)]

    def proceed(self, now: Millis, *, cause: str) -> list[Effect]:
        """Ask for the account as soon as nothing else is in doubt, and not too often."""
        if not self.under_way or now < self._next_at or self._in_doubt():
            return []
        self._number += 1
        self._recent(now).append(now)
        query = QueryAccount(
            id=f"query:{ACCOUNT}:{now}:{self._number}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            symbol=ACCOUNT,
        )
        self._questions.add(query.id)
        self._next_at = max(self._later(), now + self.state.deadlines.answer)
        return [Ask(query), Wake(SERVICE, "account", self._next_at)]

    def on_failure(self, failed: QueryFailed, now: Millis) -> list[Effect]:
        """The account could not be read."""
        if failed.cause not in self._questions:
            return []
        self._questions.discard(failed.cause)
        return self._look_once_more(now)

    def on_account(self, report: AccountReported, now: Millis) -> list[Effect]:
        """Compare what the venue says we hold with what our fills say."""
        if not self.under_way or report.cause not in self._questions:
            return []
        self._questions.discard(report.cause)
        if self._in_doubt():
            return self._look_once_more(now)
        held = {position.symbol: position for position in report.positions}
        for position in report.positions:
            self.state.book(position.symbol).take_mark(float(position.mark_px), report.ts_event)
        effects = self._compare_settings(report, now)
        differences = self._compare(held)
        if differences and differences != self._differences:
            self._differences, self._differ_since = differences, report.ts_event
            return [*effects, *self._look_once_more(now)]  # a fill may be on its way
        for symbol in differences:
            effects += self._adopt(symbol, held.get(symbol), report)
        self._differences = {}
        self.state.halted_by.discard(RECONCILE)
        resumed = TradingResumed(
            id=f"resume:{RECONCILE}:{now}",
            cause=report.id,
            ts_event=now,
            ts_init=now,
            source=RECONCILE,
        )
        for book in self.state.books.values():
            book.holds_nothing = False
            effects += self.protection.protect(book, now, cause=report.id)
        return [*effects, *self._sweep(report, now), Publish(resumed)]

    def _in_doubt(self) -> bool:
        """Tell whether a question is open, or an order may trade at any moment.

        What the venue says of an order in words that nobody knows is an answer: its fills came with it,
        and waiting for a better one would keep the account from ever being compared.
        """
        lifecycle = self.state.lifecycle
        return lifecycle.is_searching or any(
            (order.state in IN_DOUBT or order.trades_now) and not lifecycle.is_unclear(order)
            for book in self.state.books.values()
            for order in book.orders.values()
        )

    def _compare(self, held: dict[str, HeldPosition]) -> dict[str, Decimal]:
        """Return the venue's quantity wherever ours is another."""
        perpetuals = {s for s in self.state.books if market_of(s) is Market.USDM}
        differences = {}
        for symbol in sorted({*held, *perpetuals}):
            qty = held[symbol].qty if symbol in held else ZERO
            if qty != self.state.book(symbol).qty:
                differences[symbol] = qty
        return differences

    def _compare_settings(self, report: AccountReported, now: Millis) -> list[Effect]:
        """Have the settings read again where a position has others than those we believe in."""
        active, books = self.state.active, self.state.books
        return [
            effect
            for held in report.positions
            if active is not None and held.symbol in books
            if books[held.symbol].margin_problem is None
            if not held.isolated or held.leverage != active.bundle.risk.leverage
            for effect in self.margin.recheck(books[held.symbol], now, cause=report.id)
        ]

    def _adopt(
        self, symbol: str, held: HeldPosition | None, report: AccountReported
    ) -> list[Effect]:
        at = self._differ_since  # the venue held this already when it was first reported
        adopted = PositionAdopted(
            id=f"adopted:{symbol}:{at}",
            cause=report.id,
            ts_event=at,
            ts_init=report.ts_init,
            symbol=symbol,
            qty=held.qty if held is not None else ZERO,
            entry_px=held.entry_px if held is not None else ZERO,
            wallet_usdt=report.wallet_usdt,
        )
        book = self.state.book(symbol)
        alert = adopted_from_venue(adopted, book, report.ts_init)
        book.adopt(adopted)
        kept = Record("positions_snapshots", adopted.id, adopted, symbol, adopted.ts_event)
        return [kept, Publish(adopted), alert]

    def _sweep(self, report: AccountReported, now: Millis) -> list[Effect]:
        """Cancel what rests under our ids though we believe it over."""
        effects: list[Effect] = []
        for resting in report.orders:
            order = self.state.lifecycle.orders.get(resting.client_order_id)
            if order is None or not order.state.is_terminal:
                continue
            command = CancelOrder(
                id=f"sweep:{order.client_order_id}:{now}",
                cause=report.id,
                ts_event=now,
                ts_init=now,
                symbol=order.symbol,
                client_order_id=order.client_order_id,
                conditional=order.is_conditional,
            )
            effects.append(Ask(command))
        return effects

    def _look_once_more(self, now: Millis) -> list[Effect]:
        self._next_at = self._later()
        return [Wake(SERVICE, "account", max(now, self._next_at))]

    def _later(self) -> Millis:
        """Return when the next question may follow: the more the last minute saw, the later."""
        pause = min(1 << len(self._asked_at) - 1, LONGEST_PAUSE)
        return self._asked_at[-1] + pause * self.state.deadlines.account_again

    def _recent(self, now: Millis) -> deque[Millis]:
        """Return when the account was asked for in the last minute."""
        minute = MINUTE // SECOND * self.state.deadlines.account_again
        while self._asked_at and self._asked_at[0] <= now - minute:
            self._asked_at.popleft()
        return self._asked_at
