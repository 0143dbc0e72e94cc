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
    QueryFailed,
    QueryOrder,
    SubmitOrder,
    SubmitUnknown,
)
from chimera.events.orders import OrderRecord, OrderReport, OrderState, OrderType
from chimera.runtime.contract import Ask, Effect, Publish, Record, Wake

from .book import SymbolBook
from .deadlines import Deadlines
from .table import Happening, advance, apply_fill

SERVICE = "orders"
ENDED_KEPT = 2_000  # ended orders remembered for fills and reports that come late

_STATUS_MEANS = {
    OrderState.OPEN: Happening.ACCEPT,
    OrderState.PARTIALLY_FILLED: Happening.ACCEPT,
    OrderState.CANCELED: Happening.CANCEL,
    OrderState.EXPIRED: Happening.EXPIRE,
    OrderState.REJECTED: Happening.REJECT,
    OrderState.FILLED: Happening.EXPIRE,  # its fills are counted by now: what is left never trades
}

_Ending = OrderCanceled | OrderExpired


@dataclass(slots=True)
class _Search:
    """A question about one order that the venue has not settled yet."""

    began: Millis
    asked: int = 0
    misses: int = 0


@dataclass(slots=True)
class Lifecycle:
    """All our orders, the living and the recently ended."""

    deadlines: Deadlines
    books: dict[str, SymbolBook]
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    _searches: dict[str, _Search] = field(default_factory=dict)

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
        search = self._searches.setdefault(order.client_order_id, _Search(began=now))
        search.asked += 1
        command = QueryOrder(
            id=f"query:{order.client_order_id}:{now}:{search.asked}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            conditional=order.is_conditional,
        )
        return [Ask(command)]

    def keep(
        self, order: OrderRecord, now: Millis, *, parents: tuple[str, ...] = ()
    ) -> list[Effect]:
        """Make `order` the current revision: remembered, recorded, published."""
        self.orders[order.client_order_id] = order
        living = self.books[order.symbol].orders
        if order.state.is_terminal:
            living.pop(order.client_order_id, None)
            self._searches.pop(order.client_order_id, None)
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

    # --- what the venue says -----------------------------------------------------------------------------

    def apply(self, report: OrderReport, now: Millis) -> list[Effect]:
        """Take in a report about an order of ours; one that says nothing new changes nothing."""
        order = self.orders[report.client_order_id]
        match report:
            case OrderFilled():
                return self._count_fill(order, report, now)
            case OrderAccepted():
                venue_id = report.venue_order_id
                return self._step(order, Happening.ACCEPT, report, now, venue_order_id=venue_id)
            case OrderTriggered():
                note = f"triggered; the venue trades it as {report.venue_order_id}"
                return self._step(order, Happening.TRIGGER, report, now, note)
            case OrderRejected():
                note = f"{report.code} {report.message}"
                return self._step(order, Happening.REJECT, report, now, note)
            case OrderCanceled():
                return self._end(order, Happening.CANCEL, report, now)
            case OrderExpired():
                return self._end(order, Happening.EXPIRE, report, now)
            case SubmitUnknown():
                lost = self._step(order, Happening.LOSE_TRACK, report, now, report.message)
                return [
                    *lost,
                    *self.look_for(self.orders[order.client_order_id], now, cause=report.id),
                ]
            case CancelRejected():
                return self.look_for(order, now, cause=report.id)
            case OrderStatus():
                return self._settle(order, report, now)
            case OrderNotFound():
                return self._miss(order, report, now)
            case QueryFailed():
                return [self._again(order, now)]
        return []

    def on_no_answer(self, order: OrderRecord, now: Millis, *, cause: str) -> list[Effect]:
        """A submit or cancel was not answered in time: find out."""
        if order.state is OrderState.SUBMITTED:
            lost = advance(
                order, Happening.LOSE_TRACK, ts=now, event_id=cause, note="no answer in time"
            )
            kept = self.keep(lost, now) if lost is not None else []
            return [*kept, *self.look_for(self.orders[order.client_order_id], now, cause=cause)]
        fill_due = order.state is OrderState.OPEN and order.order_type is OrderType.MARKET
        if fill_due or order.state in (OrderState.UNKNOWN, OrderState.PENDING_CANCEL):
            return self.look_for(order, now, cause=cause)
        return []

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
        return [
            *self.keep(counted, now),
            Record(
                "fills",
                fill.id,
                fill,
                fill.symbol,
                fill.ts_event,
                parents=(f"orders/{order.client_order_id}",),
            ),
        ]

    def _end(
        self, order: OrderRecord, happening: Happening, report: _Ending, now: Millis
    ) -> list[Effect]:
        ended = self._step(order, happening, report, now)
        if report.filled_qty > order.filled_qty:  # a fill we have not seen yet
            ended += self.look_for(self.orders[order.client_order_id], now, cause=report.id)
        return ended

    def _settle(self, order: OrderRecord, status: OrderStatus, now: Millis) -> list[Effect]:
        """The venue answered a question; the fills it knew of came before this."""
        self._searches.pop(order.client_order_id, None)
        happening = _STATUS_MEANS[status.state]
        if happening is Happening.ACCEPT and order.state is OrderState.PENDING_CANCEL:
            happening = Happening.KEEP
        note = f"the venue says {status.state.value}"
        return self._step(order, happening, status, now, note, status.venue_order_id)

    def _miss(self, order: OrderRecord, report: OrderNotFound, now: Millis) -> list[Effect]:
        """Not found once proves nothing: a fresh order may be invisible for seconds."""
        search = self._searches.setdefault(order.client_order_id, _Search(began=now))
        search.misses += 1
        if search.misses < 2 or now - search.began < self.deadlines.settle:
            return [] if order.state.is_terminal else [self._again(order, now)]
        gone = Happening.NOT_PLACED if order.state is OrderState.UNKNOWN else Happening.CANCEL
        note = f"the venue did not know it in {search.misses} questions"
        return self._step(order, gone, report, now, note)

    def _again(self, order: OrderRecord, now: Millis) -> Wake:
        return Wake(SERVICE, f"search:{order.client_order_id}", now + self.deadlines.query_again)

    def _forget_oldest(self) -> None:
        if len(self.orders) <= 2 * ENDED_KEPT:
            return
        ended = [key for key, order in self.orders.items() if order.state.is_terminal]
        for key in ended[:ENDED_KEPT]:
            del self.orders[key]
