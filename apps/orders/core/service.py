"""The router's state machine: every intent, every report and every deadline comes through here.

Order of a life: intent -> plan -> gates -> record -> ask -> reports -> fills -> guarded position -> exit.
What may leave is recorded first; what is unknown is asked about, never sent again.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from chimera.clock import DAY, MINUTE, Millis
from chimera.events import (
    ACCOUNT,
    REPORTS,
    AccountReported,
    BarClosed,
    BundleActivated,
    EquityMarked,
    InstrumentListed,
    IntentIssued,
    MarkPriceChanged,
    OrderChanged,
    OrderFilled,
    OrderRejected,
    PrepareSymbol,
    QueryAccount,
    QueryFailed,
    QuoteChanged,
    StopChanged,
    StreamDisconnected,
    SymbolPrepared,
    TimerFired,
    TradingHalted,
    TradingResumed,
)
from chimera.events.base import Event
from chimera.events.decisions import Action
from chimera.events.orders import (
    OrderRecord,
    OrderReport,
    OrderState,
    OrderType,
    Purpose,
    Transition,
)
from chimera.ids import client_order_id
from chimera.instruments import Instrument
from chimera.money import ZERO
from chimera.runtime.contract import START, Ask, Effect, Publish, Record, Wake

from .book import SymbolBook
from .deadlines import Deadlines
from .gates import EntryContext, RiskRefused, review_entry, review_exit
from .guardian import WOULD_TRIGGER, CancelStop, CloseNow, Move, PlaceStop, acknowledged_qty, guard
from .lifecycle import SERVICE, Lifecycle
from .sizing import plan_entry, stop_trigger

RECONCILE = f"{SERVICE}:reconcile"  # our own halt, until our books equal the venue's


class Router:
    """S4. The only way to the exchange."""

    name: ClassVar[str] = SERVICE
    consumes: ClassVar[tuple[type[Event], ...]] = (
        IntentIssued,
        *REPORTS,
        QuoteChanged,
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
        self.books: dict[str, SymbolBook] = {}
        self.lifecycle = Lifecycle(deadlines=self.deadlines, books=self.books)
        self._bundle: BundleActivated | None = None
        self._halted_by: set[str] = {RECONCILE}
        self._day_pnl: Decimal | None = None
        self._day: int = -1
        self._entries: deque[Millis] = deque()
        self._differences: dict[str, Decimal] = {}

    def restore(self, orders: Iterable[OrderRecord], positions: Iterable[SymbolBook]) -> None:
        """Take up the records of an earlier life; `handle` begins with finding out what changed since."""
        for position in positions:
            self.books[position.symbol] = position
        for order in orders:
            book = self._book(order.symbol)
            self.lifecycle.orders[order.client_order_id] = order
            if not order.state.is_terminal:
                book.orders[order.client_order_id] = order
            if order.purpose is Purpose.STOP:
                book.stop_number += 1
            elif order.stop_distance is not None and order.filled_qty:
                book.stop_distance = order.stop_distance

    def handle(self, event: Event, now: Millis) -> Iterable[Effect]:
        match event:
            case QuoteChanged():
                book = self._book(event.symbol)
                book.bid_px, book.ask_px, book.quote_ts = event.bid_px, event.ask_px, event.ts_event
            case MarkPriceChanged():
                book = self._book(event.symbol)
                book.mark_px, book.mark_ts = event.mark_px, event.ts_event
            case BarClosed():
                book = self._book(event.symbol)
                book.last_px, book.last_ts = event.close, event.ts_event
            case IntentIssued():
                return self._on_intent(event, now)
            case QueryFailed() if event.symbol == ACCOUNT:
                return [Wake(SERVICE, "account", now + self.deadlines.account_again)]
            case OrderReport():
                return self._on_report(event, now)
            case EquityMarked():
                self._day_pnl, self._day = event.day_pnl_usdt, event.ts_event // DAY
            case TimerFired():
                return self._on_timer(event, now)
            case InstrumentListed():
                book = self._book(event.instrument.symbol)
                book.instrument = event.instrument
                return self._prepare(book, now, cause=event.id)
            case BundleActivated():
                return self._activate(event, now)
            case SymbolPrepared():
                self._book(event.symbol).margin_problem = event.problem
            case AccountReported():
                return self._on_account(event, now)
            case StreamDisconnected():
                return self._on_stream(event, now)
            case TradingHalted():
                self._halted_by.add(event.source)
            case TradingResumed():
                self._halted_by.discard(event.source)
        return ()

    # --- intents -------------------------------------------------------------------------------------

    def _on_intent(self, intent: IntentIssued, now: Millis) -> list[Effect]:
        book = self._book(intent.symbol)
        if intent.action is Action.CLOSE:
            return self._exit(book, intent.id, intent.generation, now, f"intents/{intent.id}")
        order_id = client_order_id(Purpose.ENTRY, intent.id)
        if order_id in self.lifecycle.orders:
            return []  # delivered again
        side = intent.side
        px = book.taker_px(side, now, self.deadlines.price_age)
        if book.instrument is None or px is None or self._bundle is None:
            unready = OrderRecord(
                client_order_id=order_id,
                revision=1,
                symbol=intent.symbol,
                ts=now,
                intent_id=intent.id,
                generation=intent.generation,
                purpose=Purpose.ENTRY,
                side=side,
                order_type=OrderType.MARKET,
                qty=ZERO,
                state=OrderState.REFUSED,
                history=(_first(now, intent.id, "instrument, price or bundle unknown"),),
            )
            return self.lifecycle.keep(unready, now, parents=(f"intents/{intent.id}",))

        plan = plan_entry(
            side=side,
            reference_px=px,
            stop_distance=intent.stop_distance or 0.0,
            instrument=book.instrument,
            risk=self._bundle.bundle.risk,
            execution=self._bundle.bundle.execution,
        )
        context = self._context(book, book.instrument, self._bundle, intent, now)
        verdict = review_entry(plan, context)
        refused = isinstance(verdict, RiskRefused)
        order = OrderRecord(
            client_order_id=order_id,
            revision=1 if refused else 0,
            symbol=intent.symbol,
            ts=now,
            intent_id=intent.id,
            generation=intent.generation,
            purpose=Purpose.ENTRY,
            side=side,
            order_type=plan.order_type,
            qty=plan.qty,
            px=plan.px,
            state=OrderState.REFUSED if refused else OrderState.INITIALIZED,
            stop_distance=plan.stop_distance,
            gates=verdict.checks,
            history=(_first(now, intent.id, verdict.reasons),)
            if isinstance(verdict, RiskRefused)
            else (),
        )
        parents = (f"intents/{intent.id}",)
        if refused:
            return self.lifecycle.keep(order, now, parents=parents)
        self._entries.append(now)
        effects = self.lifecycle.submit(order, now, cause=intent.id, parents=parents)
        if plan.order_type is OrderType.LIMIT:
            ttl = self._bundle.bundle.execution.entry_ttl_ms
            effects.append(Wake(SERVICE, f"ttl:{order_id}", now + ttl))
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
        mark_px, mark_ts = book.reference()
        return EntryContext(
            risk=active.bundle.risk,
            instrument=instrument,
            margin_problem=book.margin_problem,
            halted_by=tuple(sorted(self._halted_by)),
            intent_generation=intent.generation,
            live_generation=active.generation,
            intent_age_ms=now - intent.ts_event,
            intent_age_max_ms=int(active.bundle.risk.max_signal_age_ms * self.deadlines.speed),
            mark_px=mark_px,
            mark_age_ms=max(0, now - mark_ts) if mark_px is not None else None,
            mark_age_max_ms=self.deadlines.price_age,
            position_qty=book.qty,
            entries_working=len(book.working(Purpose.ENTRY)),
            positions_taken=sum(
                1 for b in self.books.values() if b.qty or b.working(Purpose.ENTRY)
            ),
            day_pnl_usdt=self._day_pnl if self._day == now // DAY else None,
            entries_last_minute=len(self._entries),
        )

    def _exit(
        self, book: SymbolBook, intent_id: str, generation: int, now: Millis, *parents: str
    ) -> list[Effect]:
        """Close what is held at market, reduce-only, unless an exit is under way."""
        order_id = client_order_id(Purpose.EXIT, intent_id)
        if order_id in self.lifecycle.orders or book.instrument is None:
            return []
        held = abs(book.qty)
        checks = review_exit(held, book.qty, book.instrument)
        problems = [check.gate for check in checks if not check.passed]
        if book.working(Purpose.EXIT):
            problems.append("an exit is under way")
        order = OrderRecord(
            client_order_id=order_id,
            revision=1 if problems else 0,
            symbol=book.symbol,
            ts=now,
            intent_id=intent_id,
            generation=generation,
            purpose=Purpose.EXIT,
            side=book.position_side.opposite,
            order_type=OrderType.MARKET,
            qty=held,
            reduce_only=True,
            state=OrderState.REFUSED if problems else OrderState.INITIALIZED,
            gates=checks,
            history=(_first(now, intent_id, ", ".join(problems)),) if problems else (),
        )
        if problems:
            return self.lifecycle.keep(order, now, parents=parents)
        return self.lifecycle.submit(order, now, cause=intent_id, parents=parents)

    # --- reports and protection --------------------------------------------------------------------------

    def _on_report(self, report: OrderReport, now: Millis) -> list[Effect]:
        book = self._book(report.symbol)
        order = self.lifecycle.orders.get(report.client_order_id)
        if order is None:
            return self._on_foreign(book, report, now)
        effects = self.lifecycle.apply(report, now)
        if not effects:
            return []
        if isinstance(report, OrderFilled):
            if order.purpose is Purpose.ENTRY:
                book.stop_distance = order.stop_distance
            book.fold(report)
        if (
            isinstance(report, OrderRejected)
            and order.purpose is Purpose.STOP
            and report.code == WOULD_TRIGGER
        ):
            effects += self._carry_out(book, CloseNow("the stop would trigger at once"), now)
        return effects + self._protect(book, now, cause=report.id)

    def _on_foreign(self, book: SymbolBook, report: OrderReport, now: Millis) -> list[Effect]:
        """A fill that is not of our orders (by hand, or a liquidation) still changes what we hold."""
        if not isinstance(report, OrderFilled) or report.trade_id in book.foreign_trades:
            return []
        book.foreign_trades.add(report.trade_id)
        book.fold(report)
        kept = Record("fills", report.id, report, report.symbol, report.ts_event)
        return [kept, *self._protect(book, now, cause=report.id)]

    def _protect(self, book: SymbolBook, now: Millis, *, cause: str) -> list[Effect]:
        """Bring the stops in line with the position, and say so when the protection changed."""
        effects: list[Effect] = []
        for move in guard(book):
            effects += self._carry_out(book, move, now)
        covered = acknowledged_qty(book)
        unprotected = covered < abs(book.qty)
        if not unprotected:
            book.stop_attempts = 0
            book.unprotected_since = None
        elif book.unprotected_since is None:
            book.unprotected_since = now
            effects += (
                Wake(SERVICE, f"guard-query:{book.symbol}", now + self.deadlines.query_stop),
                Wake(SERVICE, f"guard-close:{book.symbol}", now + self.deadlines.close_unprotected),
            )
        protection = (book.qty, covered, book.unprotected_since)
        if protection != book.last_protection:
            book.last_protection = protection
            effects.append(Publish(_stop_changed(book, covered, now, cause)))
        return effects

    def _carry_out(self, book: SymbolBook, move: Move, now: Millis) -> list[Effect]:
        match move:
            case PlaceStop(qty):
                return self._place_stop(book, qty, now)
            case CancelStop(order):
                return self.lifecycle.cancel(order, now, cause=f"guard:{book.symbol}")
            case CloseNow(reason):
                book.closes += 1
                intent_id = f"guard:{book.symbol}:{now}:{book.closes}:{reason}"
                return self._exit(book, intent_id, self._generation, now)

    def _place_stop(self, book: SymbolBook, qty: Decimal, now: Millis) -> list[Effect]:
        if book.instrument is None:
            return []
        distance = book.stop_distance
        if distance is None:  # not opened by us: as far as the bundle lets a stop be
            distance = self._bundle.bundle.risk.max_stop_distance if self._bundle else 0.02
        book.stop_attempts += 1
        book.stop_number += 1
        opened_by = f"{book.symbol}:{now}:{book.stop_number}"
        order = OrderRecord(
            client_order_id=client_order_id(Purpose.STOP, opened_by),
            revision=0,
            symbol=book.symbol,
            ts=now,
            intent_id=f"guard:{opened_by}",
            generation=self._generation,
            purpose=Purpose.STOP,
            side=book.position_side.opposite,
            order_type=OrderType.STOP_MARKET,
            qty=qty,
            trigger_px=stop_trigger(
                position_side=book.position_side,
                entry_px=book.entry_px,
                stop_distance=distance,
                tick_size=book.instrument.tick_size,
            ),
            reduce_only=True,
            state=OrderState.INITIALIZED,
        )
        parents = tuple(f"fills/{fill_id}" for fill_id in book.open_fills)
        return self.lifecycle.submit(order, now, cause=order.intent_id, parents=parents)

    # --- deadlines ---------------------------------------------------------------------------------------

    def _on_timer(self, timer: TimerFired, now: Millis) -> list[Effect]:
        kind, _, key = timer.timer.partition(":")
        if kind == START:
            return self._reconcile(now, cause=timer.id)
        if kind == "account":
            return [_query_account(now, timer.id)]
        if kind in ("guard-query", "guard-close"):
            return self._on_unprotected(self._book(key), kind, now, cause=timer.id)
        order = self.lifecycle.orders.get(key)
        if order is None or order.state.is_terminal:
            return []
        if kind == "ttl":
            return self.lifecycle.cancel(order, now, cause=timer.id)
        if kind == "search":
            return self.lifecycle.look_for(order, now, cause=timer.id)
        return self.lifecycle.on_no_answer(order, now, cause=timer.id)

    def _on_unprotected(
        self, book: SymbolBook, kind: str, now: Millis, *, cause: str
    ) -> list[Effect]:
        since = book.unprotected_since
        bound = (
            self.deadlines.query_stop if kind == "guard-query" else self.deadlines.close_unprotected
        )
        if since is None or now - since < bound:
            return []
        if kind == "guard-close":
            return self._carry_out(book, CloseNow("unprotected for too long"), now)
        effects: list[Effect] = []
        for stop in book.working(Purpose.STOP):
            effects += self.lifecycle.look_for(stop, now, cause=cause)
        return effects + self._protect(book, now, cause=cause)

    # --- agreement with the venue ---------------------------------------------------------------------------

    def _reconcile(self, now: Millis, *, cause: str) -> list[Effect]:
        """Stop new risk and ask about everything that may have changed unseen."""
        self._halted_by.add(RECONCILE)
        halted = TradingHalted(
            id=f"halt:{RECONCILE}:{now}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            source=RECONCILE,
            reason="our record is being compared with the venue's",
        )
        effects: list[Effect] = [Publish(halted)]
        for book in self.books.values():
            effects += self._prepare(book, now, cause=cause)
            for order in list(book.orders.values()):
                effects.append(Publish(_told_again(order, now)))
                effects += self.lifecycle.look_for(order, now, cause=cause)
        return [*effects, _query_account(now, cause)]

    def _on_account(self, report: AccountReported, now: Millis) -> list[Effect]:
        """Compare what the venue says we hold with what our fills say."""
        if RECONCILE not in self._halted_by:
            return []
        again = [Wake(SERVICE, "account", now + self.deadlines.account_again)]
        if any(
            order.state in (OrderState.SUBMITTED, OrderState.UNKNOWN)
            for book in self.books.values()
            for order in book.orders.values()
        ):
            return list(again)
        held = {position.symbol: position for position in report.positions}
        differences = {
            symbol: held[symbol].qty if symbol in held else ZERO
            for symbol in {*held, *self.books}
            if (held[symbol].qty if symbol in held else ZERO) != self._book(symbol).qty
        }
        if differences and differences != self._differences:
            self._differences = differences  # a fill may be on its way: look once more
            return list(again)
        effects: list[Effect] = []
        for symbol, qty in differences.items():  # the venue's word, twice the same, is the truth
            book = self._book(symbol)
            book.qty = qty
            book.entry_px = held[symbol].entry_px if symbol in held else ZERO
            effects += self._protect(book, now, cause=report.id)
        self._differences = {}
        self._halted_by.discard(RECONCILE)
        resumed = TradingResumed(
            id=f"resume:{RECONCILE}:{now}",
            cause=report.id,
            ts_event=now,
            ts_init=now,
            source=RECONCILE,
        )
        for book in self.books.values():
            effects += self._protect(book, now, cause=report.id)
        return [*effects, Publish(resumed)]

    def _on_stream(self, event: StreamDisconnected, now: Millis) -> list[Effect]:
        if event.connected:
            self._halted_by.discard(event.stream)
            return self._reconcile(now, cause=event.id)
        self._halted_by.add(event.stream)
        return []

    # --- configuration ----------------------------------------------------------------------------------

    def _activate(self, event: BundleActivated, now: Millis) -> list[Effect]:
        if self._bundle is not None and event.generation <= self._bundle.generation:
            return []
        self._bundle = event
        effects: list[Effect] = []
        for symbol in event.bundle.symbols:
            effects += self._prepare(self._book(symbol), now, cause=event.id)
        return effects

    def _prepare(self, book: SymbolBook, now: Millis, *, cause: str) -> list[Effect]:
        """Have margin settings set and read back for a symbol that may be entered."""
        if self._bundle is None or book.instrument is None:
            return []
        if book.symbol not in self._bundle.bundle.symbols:
            return []
        command = PrepareSymbol(
            id=f"prepare:{book.symbol}:{self._generation}:{now}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            symbol=book.symbol,
            leverage=self._bundle.bundle.risk.leverage,
        )
        return [Ask(command)]

    @property
    def _generation(self) -> int:
        return self._bundle.generation if self._bundle is not None else 0

    def _book(self, symbol: str) -> SymbolBook:
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = SymbolBook(symbol)
        return book


def _first(now: Millis, event_id: str, note: str) -> Transition:
    return Transition(ts=now, state=OrderState.REFUSED, event=event_id, note=note)


def _query_account(now: Millis, cause: str) -> Ask:
    query = QueryAccount(
        id=f"query:{ACCOUNT}:{now}", cause=cause, ts_event=now, ts_init=now, symbol=ACCOUNT
    )
    return Ask(query)


def _told_again(order: OrderRecord, now: Millis) -> OrderChanged:
    return OrderChanged(
        id=f"ord:{order.client_order_id}:{order.revision}",
        ts_event=now,
        ts_init=now,
        symbol=order.symbol,
        order=order,
    )


def _stop_changed(book: SymbolBook, covered: Decimal, now: Millis, cause: str) -> StopChanged:
    stops = [stop for stop in book.working(Purpose.STOP) if stop.state is OrderState.OPEN]
    return StopChanged(
        id=f"stop:{book.symbol}:{now}:{book.qty}:{covered}",
        cause=cause,
        ts_event=now,
        ts_init=now,
        symbol=book.symbol,
        position_qty=book.qty,
        acknowledged_qty=covered,
        trigger_px=stops[-1].trigger_px if stops and book.qty else None,
        unprotected_since=book.unprotected_since,
    )
