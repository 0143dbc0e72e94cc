"""The router's state machine: every intent, every report and every deadline comes through here.

Order of a life: intent -> plan -> gates -> record -> ask -> reports -> fills -> guarded position -> exit.
What may leave is recorded first; what is unknown is asked about, never sent again.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar

from chimera.clock import MINUTE, Millis
from chimera.events import (
    ACCOUNT,
    REPORTS,
    AccountReported,
    BarClosed,
    BundleActivated,
    DepthChanged,
    EquityMarked,
    InstrumentListed,
    IntentIssued,
    MarginSettingsChanged,
    MarkPriceChanged,
    OrderFilled,
    OrderRejected,
    QueryFailed,
    QuoteChanged,
    StreamDisconnected,
    SymbolPrepared,
    TimerFired,
    TradingHalted,
    TradingResumed,
)
from chimera.events.base import Event
from chimera.events.decisions import Action
from chimera.events.orders import (
    ACKNOWLEDGED,
    IN_DOUBT,
    OrderRecord,
    OrderReport,
    OrderState,
    OrderType,
    Purpose,
    Refusal,
)
from chimera.ids import client_order_id
from chimera.instruments import Instrument, Market, market_of
from chimera.money import decimal_of
from chimera.runtime.contract import START, Effect, Record, Wake

from .alerts import closed_by_venue, opened_by_others
from .book import UNREAD, SymbolBook
from .day_pnl import DayPnl
from .deadlines import Deadlines
from .drafts import entry_order, unready_entry
from .gates import EntryContext, RiskRefused, review_entry
from .guardian import acknowledged_qty
from .lifecycle import SERVICE, told_again
from .margin import Margin
from .protection import Protection
from .reconciliation import Reconciliation
from .sizing import plan_entry
from .state import RECONCILE, RouterState


class Router:
    """S4. The only way to the exchange."""

    name: ClassVar[str] = SERVICE
    consumes: ClassVar[tuple[type[Event], ...]] = (
        IntentIssued,
        *REPORTS,
        QuoteChanged,
        DepthChanged,
        MarkPriceChanged,
        BarClosed,
        InstrumentListed,
        BundleActivated,
        EquityMarked,
        StreamDisconnected,
        TradingHalted,
        TradingResumed,
        TimerFired,
    )

    def __init__(self, deadlines: Deadlines | None = None) -> None:
        self.deadlines = deadlines or Deadlines()
        self.state = RouterState(self.deadlines, halted_by={RECONCILE})
        self.books = self.state.books
        self.lifecycle = self.state.lifecycle
        self._protection = Protection(self.state)
        self._margin = Margin(self.state)
        self._reconciliation = Reconciliation(self.state, self._protection, self._margin)
        self._day_pnl = DayPnl(self.deadlines)
        self._entries: deque[Millis] = deque()

    def restore(
        self,
        *,
        orders: Iterable[OrderRecord],
        positions: Iterable[SymbolBook],
        marked: EquityMarked | None = None,
    ) -> None:
        """Take up the records of an earlier life; `handle` begins with finding out what changed since.

        Parameters
        ----------
        orders : the living and the recently ended, oldest first
        """
        for position in positions:
            self.books[position.symbol] = position
        for order in orders:
            book = self.state.book(order.symbol)
            self.lifecycle.orders[order.client_order_id] = order
            if not order.state.is_terminal:
                book.orders[order.client_order_id] = order
            if order.purpose is Purpose.STOP:
                book.stop_number += 1
            elif order.purpose is Purpose.EXIT and order.state is not OrderState.REFUSED:
                book.exited_at = max(book.exited_at, order.ts)
            elif order.purpose is Purpose.ENTRY and order.state is not OrderState.REFUSED:
                self._entries.append(order.ts)
                if self._made(order, book):
                    book.stop_distance = order.stop_distance
        for book in self.books.values():
            if acknowledged_qty(book) < abs(book.qty):
                book.unprotected_since = book.changed_at
        if marked is not None:
            self._day_pnl.take(marked)

    def _made(self, entry: OrderRecord, book: SymbolBook) -> bool:
        """Tell whether fills of `entry` are in the present position; the venue's clock may be ahead."""
        if not (book.qty and entry.filled_qty and entry.side is book.position_side):
            return False
        return entry.history[-1].ts + self.deadlines.settle >= book.opened_at

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        match event:
            case BarClosed():
                self.state.book(event.symbol).take_bar(event)
            case QuoteChanged():
                book = self.state.book(event.symbol)
                book.take_quote(event.bid_px, event.ask_px, event.ts_event)
            case DepthChanged() if event.bids and event.asks:
                book = self.state.book(event.symbol)
                book.take_quote(event.bids[0][0], event.asks[0][0], event.ts_event)
            case MarkPriceChanged():
                self.state.book(event.symbol).take_mark(event.mark_px, event.ts_event)
            case EquityMarked():
                self._day_pnl.take(event)
            case IntentIssued():
                return self._on_intent(event, now)
            case QueryFailed() if event.symbol == ACCOUNT:
                return self._reconciliation.on_failure(event, now)
            case OrderReport():
                effects = self._on_report(event, now)
                return effects + self._reconciliation.proceed(now, cause=event.id)
            case TimerFired():
                return self._on_timer(event, now)
            case InstrumentListed():
                return self._on_listed(event.instrument, now, cause=event.id)
            case BundleActivated():
                return self._activate(event, now)
            case SymbolPrepared():
                return self._on_prepared(event, now)
            case MarginSettingsChanged():
                return self._margin.on_changed(event, now)
            case AccountReported():
                return self._reconciliation.on_account(event, now)
            case StreamDisconnected():
                return self._on_stream(event, now)
            case TradingHalted() if event.source != RECONCILE:  # our own may come back on a stream
                return self._halt(event.source, now, cause=event.id)
            case TradingResumed() if event.source != RECONCILE:
                self.state.halted_by.discard(event.source)
        return ()

    # --- intents -------------------------------------------------------------------------------------

    def _on_intent(self, intent: IntentIssued, now: Millis) -> list[Effect]:
        book = self.state.book(intent.symbol)
        parents = (f"intents/{intent.id}",)
        if intent.action is Action.CLOSE:
            return self._protection.exit(book, intent.id, intent.generation, now, *parents)
        known = self.lifecycle.orders.get(client_order_id(Purpose.ENTRY, intent.id))
        if known is not None:  # delivered again
            return [told_again(known, now)]
        active = self.state.active
        px = book.taker_px(intent.side)
        if book.instrument is None or px is None or active is None:
            unready = unready_entry(intent, now, "instrument, quote or bundle unknown")
            return self.lifecycle.keep(unready, now, parents=parents)

        plan = plan_entry(
            side=intent.side,
            reference_px=px,
            stop_distance=intent.stop_distance or 0.0,
            instrument=book.instrument,
            risk=active.bundle.risk,
            execution=active.bundle.execution,
        )
        context = self._context(book, book.instrument, active, intent, now)
        verdict = review_entry(plan, context)
        order = entry_order(intent, verdict, now)
        if isinstance(verdict, RiskRefused):
            return self.lifecycle.keep(order, now, parents=parents)
        self._entries.append(now)
        effects = self.lifecycle.submit(order, now, cause=intent.id, parents=parents)
        if order.order_type is OrderType.LIMIT:
            ends = now + active.bundle.execution.entry_ttl_ms
            effects.append(Wake(SERVICE, f"ttl:{order.client_order_id}", ends))
        return effects

    def _context(
        self,
        book: SymbolBook,
        instrument: Instrument,
        active: BundleActivated,
        intent: IntentIssued,
        now: Millis,
    ) -> EntryContext:
        while self._entries and self._entries[0] <= now - MINUTE:
            self._entries.popleft()
        day_pnl, day_pnl_age, day_pnl_age_max = self._day_pnl.at(now, self.books.values())
        return EntryContext(
            risk=active.bundle.risk,
            instrument=instrument,
            margin_problem=book.margin_problem,
            halted_by=tuple(sorted(self.state.halted_by)),
            intent_generation=intent.generation,
            live_generation=active.generation,
            # The venue's clock may be ahead of ours: then the age is since we learned of it.
            intent_age_ms=now - min(intent.ts_event, intent.ts_init),
            intent_age_max_ms=int(active.bundle.risk.max_signal_age_ms * self.deadlines.speed),
            mark_px=None if book.mark_px is None else decimal_of(book.mark_px),
            mark_age_ms=book.mark_age(now),
            quote_age_ms=book.quote_age(now),
            price_age_max_ms=self.deadlines.price_age,
            position_qty=book.qty,
            entries_working=len(book.working(Purpose.ENTRY)),
            orders_in_doubt=sum(o.state in IN_DOUBT for o in book.orders.values()),
            positions_taken=sum(
                1 for b in self.books.values() if b.qty or b.working(Purpose.ENTRY)
            ),
            day_pnl_usdt=day_pnl,
            day_pnl_age_ms=day_pnl_age,
            day_pnl_age_max_ms=day_pnl_age_max,
            entries_last_minute=len(self._entries),
        )

    # --- reports -----------------------------------------------------------------------------------------

    def _on_report(self, report: OrderReport, now: Millis) -> list[Effect]:
        book = self.state.book(report.symbol)
        before = self.lifecycle.orders.get(report.client_order_id)
        if before is None:
            return self._on_foreign(book, report, now)
        effects = self.lifecycle.apply(report, now)
        if not effects:
            return []
        order = self.lifecycle.orders[report.client_order_id]
        if isinstance(report, OrderFilled):
            book.fold(report)
            if order.purpose is Purpose.ENTRY:
                book.stop_distance = order.stop_distance
        if order.purpose is Purpose.STOP and order is not before:
            effects += self._judge_stop(book, order, report, now)
        elif isinstance(report, OrderRejected) and order.purpose is Purpose.EXIT and book.qty:
            book.holds_nothing = book.holds_nothing or report.refusal is Refusal.NOTHING_HELD
            if not self._reconciliation.under_way:
                effects += self._reconciliation.begin(now, cause=report.id)
        return effects + self._protection.protect(book, now, cause=report.id)

    def _on_foreign(self, book: SymbolBook, report: OrderReport, now: Millis) -> list[Effect]:
        """A fill that is not of our orders (by hand, or a liquidation) still changes what we hold.

        On spot it does not: coins are no positions.
        """
        if market_of(report.symbol) is Market.SPOT or not isinstance(report, OrderFilled):
            return []
        before = book.qty
        if not book.fold(report):
            return []
        effects: list[Effect] = [Record("fills", report.id, report, report.symbol, report.ts_event)]
        if book.qty and before * book.qty <= 0:
            effects.append(opened_by_others(book, now, cause=report.id))
        effects += self._tell_venue_close(book, report, now)
        return effects + self._protection.protect(book, now, cause=report.id)

    @staticmethod
    def _tell_venue_close(book: SymbolBook, fill: OrderFilled, now: Millis) -> list[Effect]:
        """Tell people once of each order by which the venue itself closes a position."""
        if not fill.origin.is_venue or fill.venue_order_id == book.closed_by:
            return []
        book.closed_by = fill.venue_order_id
        return [closed_by_venue(fill, now)]

    def _judge_stop(
        self, book: SymbolBook, stop: OrderRecord, report: OrderReport, now: Millis
    ) -> list[Effect]:
        """Count refusals in a row; a stop beyond which the price already is, is the exit it is."""
        if stop.state in ACKNOWLEDGED:
            book.stop_refusals = 0
        if stop.state is not OrderState.REJECTED or not book.qty:
            return []
        book.stop_refusals += 1
        if not isinstance(report, OrderRejected) or report.refusal is not Refusal.WOULD_TRIGGER:
            return []
        if (
            book.stop_distance is None
        ):  # the distance was ours to choose, and not theirs to be closed at
            return []
        return self._protection.close_now(book, "the stop would trigger at once", now)

    # --- deadlines ---------------------------------------------------------------------------------------

    def _on_timer(self, timer: TimerFired, now: Millis) -> list[Effect]:
        kind, _, key = timer.timer.partition(":")
        match kind:
            case _ if kind == START:
                return self._on_start(now, cause=timer.id)
            case "unheard":
                return [self._watch(now), *self.lifecycle.look_for_unheard(now, cause=timer.id)]
            case "account":
                return self._reconciliation.on_due(now, cause=timer.id)
            case "prepare":
                return self._margin.on_due(self.state.book(key), now, cause=timer.id)
            case "guard":
                return self._protection.protect(self.state.book(key), now, cause=timer.id)
            case "guard-query":
                return self._protection.on_query_due(self.state.book(key), now, cause=timer.id)
            case "guard-close":
                return self._protection.on_close_due(self.state.book(key), now)
        order = self.lifecycle.orders.get(key)
        if order is None:
            return []
        if kind == "ttl":
            return self.lifecycle.cancel(order, now, cause=timer.id)
        return self.lifecycle.on_timer(kind, order, now, cause=timer.id)

    def _on_start(self, now: Millis, *, cause: str) -> list[Effect]:
        for book in self.books.values():
            if book.settled_until > now:  # the market's clock was set back since
                book.settled_until = 0
        return [self._watch(now), *self._reconciliation.begin(now, cause=cause)]

    def _watch(self, now: Millis) -> Wake:
        return Wake(SERVICE, "unheard", now + self.deadlines.unheard)

    def _on_stream(self, event: StreamDisconnected, now: Millis) -> list[Effect]:
        if not event.connected:  # an entry that rests could be filled without us hearing of it
            return self._halt(event.stream, now, cause=event.id)
        was_lost = event.stream in self.state.halted_by
        self.state.halted_by.discard(event.stream)
        if was_lost or event.account:
            return self._reconciliation.begin(now, cause=event.id)
        return []

    def _halt(self, source: str, now: Millis, *, cause: str) -> list[Effect]:
        """Stop new risk until `source` resumes it, and take back the entries that rest."""
        self.state.halted_by.add(source)
        return [
            effect
            for book in self.books.values()
            for effect in self._protection.withdraw(book, now, cause=cause)
        ]

    # --- configuration ----------------------------------------------------------------------------------

    def _activate(self, event: BundleActivated, now: Millis) -> list[Effect]:
        active = self.state.active
        if active is not None and event.generation <= active.generation:
            return []
        self.state.active = event
        effects: list[Effect] = []
        for symbol in event.bundle.symbols:
            book = self.state.book(symbol)
            if active is None or active.bundle.risk.leverage != event.bundle.risk.leverage:
                book.margin_problem = UNREAD
            if book.margin_problem is not None:
                effects += self._margin.prepare(book, now, cause=event.id)
        return effects

    def _on_listed(self, instrument: Instrument, now: Millis, *, cause: str) -> list[Effect]:
        book = self.state.book(instrument.symbol)
        unknown_before, book.instrument = book.instrument is None, instrument
        if book.qty and unknown_before:  # a stop could not be placed before
            return self._protection.protect(book, now, cause=cause)
        return []

    def _on_prepared(self, event: SymbolPrepared, now: Millis) -> list[Effect]:
        effects = self._margin.judge(event, now)
        if event.instrument is not None:
            effects += self._on_listed(event.instrument, now, cause=event.id)
        return effects
