"""An order's life after it was approved: submit, cancel, look for, and take in what the venue reports.

Each function here ends in the same way: the order's next revision is recorded and published.
"""

from dataclasses import dataclass, field

import msgspec

from chimera.clock import Millis
from chimera.events import (
    CancelOrder,
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderChanged,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderStatus,
    OrderTriggered,
    OrderUnclear,
    QueryFailed,
    QueryOrder,
    SubmitOrder,
    SubmitUnknown,
)
from chimera.events.orders import IN_DOUBT, OrderRecord, OrderReport, OrderState, OrderType
from chimera.runtime.contract import Ask, Effect, Publish, Record, Wake

from .book import SymbolBook
from .deadlines import Deadlines
from .table import Happening, advance, apply_fill

SERVICE = "orders"
ENDED_KEPT = 2_000  # ended orders remembered for fills and reports that come late
PATIENT_AFTER = 20  # questions about one order, after which they become rare
TOLD_AGAIN = 100  # of the newest orders, the ended ones are told again
ASKED_AT_ONCE = 20  # unheard orders: a small part of the venue's limits, however many rest

_STATUS_MEANS = {
    OrderState.OPEN: Happening.ACCEPT,
    OrderState.PARTIALLY_FILLED: Happening.ACCEPT,
    OrderState.CANCELED: Happening.CANCEL,
    OrderState.EXPIRED: Happening.EXPIRE,
    OrderState.REJECTED: Happening.REJECT,
    OrderState.FILLED: Happening.EXPIRE,  # its fills are counted: what is left never trades
}

_Ending = OrderCanceled | OrderExpired


@dataclass(slots=True)
class _Search:
    """A question about one order that the venue has not settled yet."""

    began: Millis
    asked: int = 0
    misses: int = 0
    unclear: bool = False  # the venue answered, and nobody knows what it means


@dataclass(slots=True)
class Lifecycle:
    """All our orders, the living and the recently ended."""

    deadlines: Deadlines
    books: dict[str, SymbolBook]
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    _searches: dict[str, _Search] = field(default_factory=dict)
    _heard: dict[str, Millis] = field(default_factory=dict)  # when the venue spoke of a living one

    @property
    def is_searching(self) -> bool:
        """Whether the venue still owes an answer about some order."""
        return any(not search.unclear for search in self._searches.values())

    def is_unclear(self, order: OrderRecord) -> bool:
        """Tell whether the venue's last answer about `order` was one that nobody can read."""
        search = self._searches.get(order.client_order_id)
        return search is not None and search.unclear

    # --- what we do ----------------------------------------------------------------------------------

    def submit(
        self, order: OrderRecord, now: Millis, *, cause: str, parents: tuple[str, ...]
    ) -> list[Effect]:
        """Record an initialized order as submitted, ask the venue, and watch for the answer."""
        submitted = advance(order, Happening.SUBMIT, ts=now, event_id=cause)
        if submitted is None or order.client_order_id in self.orders:
            return []  # the same ask twice is one order
        command = SubmitOrder(
            id=f"submit:{order.client_order_id}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            purpose=order.purpose,
            side=order.side,
            order_type=order.order_type,
            qty=order.qty,
            px=order.px,
            trigger_px=order.trigger_px,
            time_in_force=order.time_in_force,
            reduce_only=order.reduce_only,
        )
        return [
            *self.keep(submitted, now, parents=parents),
            Ask(command),
            Wake(SERVICE, f"answer:{order.client_order_id}", now + self.deadlines.answer),
        ]

    def cancel(self, order: OrderRecord, now: Millis, *, cause: str) -> list[Effect]:
        """Ask the venue to cancel an order that rests; of any other nothing is asked."""
        asked = advance(order, Happening.ASK_CANCEL, ts=now, event_id=cause)
        if asked is None:
            return []
        command = CancelOrder(
            id=f"cancel:{order.client_order_id}:{asked.revision}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            conditional=order.is_conditional,
        )
        return [
            *self.keep(asked, now),
            Ask(command),
            Wake(SERVICE, f"answer:{order.client_order_id}", now + self.deadlines.answer),
        ]

    def look_for(self, order: OrderRecord, now: Millis, *, cause: str) -> list[Effect]:
        """Ask what became of an order."""
        search = self._search(order, now)
        search.asked, search.unclear = search.asked + 1, False
        command = QueryOrder(
            id=f"query:{order.client_order_id}:{now}:{search.asked}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            conditional=order.is_conditional,
        )
        unanswered = Wake(SERVICE, f"search:{order.client_order_id}", now + self.deadlines.answer)
        return [Ask(command), unanswered]

    def look_for_unheard(self, now: Millis, *, cause: str) -> list[Effect]:
        """Ask about living orders nobody spoke of for long: a single lost report shows nowhere else."""
        since = now - self.deadlines.unheard
        unheard = sorted(
            (heard_at, key)
            for book in self.books.values()
            for key, order in book.orders.items()
            if key not in self._searches
            if (heard_at := self._heard.get(key, order.history[-1].ts)) <= since
        )
        return [
            effect
            for _, key in unheard[:ASKED_AT_ONCE]
            for effect in self.look_for(self.orders[key], now, cause=cause)
        ]

    def keep(
        self, order: OrderRecord, now: Millis, *, parents: tuple[str, ...] = ()
    ) -> list[Effect]:
        """Make `order` the current revision: remembered, recorded, published."""
        self.orders[order.client_order_id] = order
        living = self.books[order.symbol].orders
        if order.state.is_terminal:
            living.pop(order.client_order_id, None)
            self._searches.pop(order.client_order_id, None)
            self._heard.pop(order.client_order_id, None)
            self._forget_oldest()
        else:
            living[order.client_order_id] = order
        changed = OrderChanged(
            id=f"ord:{order.client_order_id}:{order.revision}",
            cause=order.history[-1].event,
            ts_event=now,
            ts_init=now,
            symbol=order.symbol,
            order=order,
        )
        return [
            Record(
                "orders",
                order.client_order_id,
                order,
                order.symbol,
                order.ts,
                revision=order.revision,
                parents=parents,
            ),
            Publish(changed),
        ]

    def tell_ended(self, now: Millis) -> list[Effect]:
        """Tell again how the newest orders ended: whoever waits for one may have missed it."""
        newest = list(self.orders.values())[-TOLD_AGAIN:]
        return [told_again(order, now) for order in newest if order.state.is_terminal]

    # --- what the venue says -----------------------------------------------------------------------------

    def apply(self, report: OrderReport, now: Millis) -> list[Effect]:
        """Take in a report about an order of ours; one that says nothing new changes nothing."""
        order = self.orders[report.client_order_id]
        if not order.state.is_terminal and not isinstance(report, QueryFailed):
            self._heard[order.client_order_id] = now
        match report:
            case OrderFilled():
                return self._count_fill(order, report, now)
            case OrderAccepted():
                venue_id = report.venue_order_id
                moved = self._step(order, Happening.ACCEPT, report, now, venue_order_id=venue_id)
                return moved + self._doubt(order, report, now)
            case OrderTriggered() if order.triggered_at is not None:
                return []
            case OrderTriggered():
                note = f"triggered; the venue trades it as {report.venue_order_id}"
                fired = msgspec.structs.replace(order, triggered_at=report.ts_event)
                moved = self._step(fired, Happening.TRIGGER, report, now, note)
                fill_due = now + self.deadlines.answer
                watch = Wake(SERVICE, f"triggered:{order.client_order_id}", fill_due)
                return [*moved, watch, *self._doubt(order, report, now)] if moved else []
            case OrderRejected():
                note = f"{report.code} {report.message}"
                return self._step(order, Happening.REJECT, report, now, note)
            case OrderCanceled():
                return self._end(order, Happening.CANCEL, report, now)
            case OrderExpired():
                return self._end(order, Happening.EXPIRE, report, now)
            case SubmitUnknown() | OrderUnclear() | CancelRejected() if order.state.is_terminal:
                return []
            case SubmitUnknown():
                lost = self._step(order, Happening.LOSE_TRACK, report, now, report.message)
                return lost + self.look_for(order, now, cause=report.id)
            case OrderUnclear():
                lost = self._step(order, Happening.MISREAD, report, now, report.message)
                search = self._searches.get(order.client_order_id)
                if search is None:
                    return lost + self.look_for(order, now, cause=report.id)
                search.unclear = True
                return lost
            case CancelRejected():
                return self.look_for(order, now, cause=report.id)
            case OrderStatus():
                return self._settle(order, report, now)
            case OrderNotFound():
                return self._miss(order, report, now)
            case QueryFailed() if order.client_order_id in self._searches:
                return [self._again(order, now)]
        return []

    def on_timer(self, kind: str, order: OrderRecord, now: Millis, *, cause: str) -> list[Effect]:
        """A deadline of one order has come."""
        match kind:
            case "search" if order.client_order_id in self._searches:
                return self.look_for(order, now, cause=cause)
            case "answer":
                return self._on_no_answer(order, now, cause=cause)
            case "triggered" if not order.state.is_terminal:
                return self.look_for(order, now, cause=cause)
        return []

    def _on_no_answer(self, order: OrderRecord, now: Millis, *, cause: str) -> list[Effect]:
        """A submit or cancel was not answered in time, or a market order not filled: find out."""
        match order.state:
            case OrderState.SUBMITTED:
                note = "no answer in time"
                lost = advance(order, Happening.LOSE_TRACK, ts=now, event_id=cause, note=note)
                kept = self.keep(lost, now) if lost is not None else []
                return kept + self.look_for(order, now, cause=cause)
            case OrderState.UNKNOWN | OrderState.PENDING_CANCEL:
                return self.look_for(order, now, cause=cause)
            case OrderState.OPEN | OrderState.PARTIALLY_FILLED if (
                order.order_type is OrderType.MARKET
            ):
                return self.look_for(order, now, cause=cause)
        return []

    def _doubt(self, order: OrderRecord, report: OrderReport, now: Millis) -> list[Effect]:
        """Ask about an order that we believed rejected until this report of it."""
        if order.state is not OrderState.REJECTED or order is self.orders[order.client_order_id]:
            return []
        return self.look_for(order, now, cause=report.id)

    def _step(
        self,
        order: OrderRecord,
        happening: Happening,
        report: OrderReport,
        now: Millis,
        note: str = "",
        venue_order_id: str = "",
    ) -> list[Effect]:
        moved = advance(order, happening, ts=now, event_id=report.id, note=note)
        if moved is None:
            return []
        if venue_order_id and not moved.venue_order_id:
            moved = msgspec.structs.replace(moved, venue_order_id=venue_order_id)
        return self.keep(moved, now)

    def _count_fill(self, order: OrderRecord, fill: OrderFilled, now: Millis) -> list[Effect]:
        counted = apply_fill(order, fill)
        if counted is None:
            return []
        parents = (f"orders/{order.client_order_id}",)
        return [
            *self.keep(counted, now),
            Record("fills", fill.id, fill, fill.symbol, fill.ts_event, parents=parents),
            *(self._doubt(order, fill, now) if counted.state is OrderState.UNKNOWN else ()),
        ]

    def _end(
        self, order: OrderRecord, happening: Happening, report: _Ending, now: Millis
    ) -> list[Effect]:
        """An order over is over only when all its fills were counted: they may be on their way."""
        if report.filled_qty > order.filled_qty:
            return self.look_for(order, now, cause=report.id)
        return self._step(order, happening, report, now)

    def _settle(self, order: OrderRecord, status: OrderStatus, now: Millis) -> list[Effect]:
        """The venue said what became of an order."""
        if status.filled_qty > order.filled_qty:
            return [self._again(order, now)]  # fills it knew of are still on their way
        happening = _STATUS_MEANS[status.state]
        if happening is Happening.ACCEPT and order.state is OrderState.PENDING_CANCEL:
            search = self._searches.get(order.client_order_id)
            if search is not None and search.asked < 2:
                return [self._again(order, now)]  # the cancel may not have arrived yet
            happening = Happening.KEEP
        note = f"the venue says {status.state.value}"
        settled = self._step(order, happening, status, now, note, status.venue_order_id)
        order_now = self.orders[order.client_order_id]
        if order_now.trades_now and not order_now.state.is_terminal:
            return [*settled, self._again(order, now)]  # it is over soon, and that may be missed
        self._searches.pop(order.client_order_id, None)
        return settled + self._doubt(order, status, now)

    def _miss(self, order: OrderRecord, report: OrderNotFound, now: Millis) -> list[Effect]:
        """Not found once proves nothing: a fresh order may be invisible for seconds."""
        if order.state.is_terminal:
            self._searches.pop(order.client_order_id, None)
            return []
        search = self._search(order, now)
        search.misses += 1
        if search.misses < 2 or now - search.began < self.deadlines.settle:
            return [self._again(order, now)]
        self._searches.pop(order.client_order_id)
        never_was = order.state in IN_DOUBT and not order.venue_order_id
        gone = Happening.NOT_PLACED if never_was else Happening.CANCEL
        note = f"the venue did not know it in {search.misses} questions"
        return self._step(order, gone, report, now, note)

    def _search(self, order: OrderRecord, now: Millis) -> _Search:
        """Return the open search, or begin one; an order in doubt may be visible since it was sent."""
        search = self._searches.get(order.client_order_id)
        if search is None:
            began = min(order.history[0].ts, now) if order.state in IN_DOUBT else now
            search = self._searches[order.client_order_id] = _Search(began=began)
        return search

    def _again(self, order: OrderRecord, now: Millis) -> Wake:
        patience = 1 if self._search(order, now).asked < PATIENT_AFTER else 30
        at = now + patience * self.deadlines.query_again
        return Wake(SERVICE, f"search:{order.client_order_id}", at)

    def _forget_oldest(self) -> None:
        if len(self.orders) <= 2 * ENDED_KEPT:
            return
        ended = [key for key, order in self.orders.items() if order.state.is_terminal]
        for key in ended[:ENDED_KEPT]:
            del self.orders[key]


def told_again(order: OrderRecord, now: Millis) -> Publish:
    """Tell an order's present revision to whoever may have missed it."""
    return Publish(
        OrderChanged(
            id=f"ord:{order.client_order_id}:{order.revision}",
            ts_event=now,
            ts_init=now,
            symbol=order.symbol,
            order=order,
        )
    )
