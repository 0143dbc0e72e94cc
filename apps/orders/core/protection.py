"""Protects positions: does what `guardian` says, and closes at market what stays unprotected too long.

Exits and the taking back of entries that are no longer wanted are here too.
"""

from dataclasses import dataclass
from decimal import Decimal

from chimera.clock import Millis
from chimera.events import StopChanged
from chimera.events.orders import (
    ACKNOWLEDGED,
    IN_DOUBT,
    OrderRecord,
    OrderState,
    OrderType,
    Purpose,
)
from chimera.ids import client_order_id
from chimera.money import decimal_of
from chimera.runtime.contract import Effect, Publish, Wake

from .alerts import without_stop
from .book import SymbolBook
from .drafts import exit_order, stop_order
from .gates import review_exit
from .guardian import (
    CancelStop,
    CloseNow,
    Move,
    PlaceStop,
    acknowledged_qty,
    guard,
)
from .lifecycle import SERVICE, told_again
from .state import RouterState

WIDEST_STOP = 0.02  # where not even the bundle says how far a stop may be


@dataclass(slots=True)
class Protection:
    """Carries the guardian's moves out: each method returns the effects that bring a stop or an exit."""

    state: RouterState

    def protect(self, book: SymbolBook, now: Millis, *, cause: str) -> list[Effect]:
        """Bring stops and entries in line with the position, and say when its protection changed."""
        effects: list[Effect] = []
        for move in guard(book):
            effects += self._carry_out(book, move, now)
        covered = acknowledged_qty(book)
        if covered >= abs(book.qty):
            book.unprotected_since = None
            book.close_again_at = 0
        elif book.unprotected_since is None:
            book.unprotected_since = now
            effects += self._deadlines(book, now, earliest=now)
        protection = (book.qty, covered, book.unprotected_since)
        if protection != book.last_protection:
            book.last_protection = protection
            effects.append(Publish(_stop_changed(book, covered, now, cause)))
        return effects + self.withdraw(book, now, cause=cause)

    def withdraw(self, book: SymbolBook, now: Millis, *, cause: str) -> list[Effect]:
        """Cancel the entries that rest and are no longer wanted."""
        return [
            effect
            for entry in book.working(Purpose.ENTRY)
            if entry.order_type is OrderType.LIMIT and entry.state in ACKNOWLEDGED
            if not self._is_wanted(entry, book, now)
            for effect in self.state.lifecycle.cancel(entry, now, cause=cause)
        ]

    def resume(self, book: SymbolBook, now: Millis) -> list[Effect]:
        """Watch again what was unprotected when an earlier life ended; answers get a moment to come."""
        if book.unprotected_since is None:
            return []
        return self._deadlines(
            book, book.unprotected_since, earliest=now + self.state.deadlines.answer
        )

    def on_query_due(self, book: SymbolBook, now: Millis, *, cause: str) -> list[Effect]:
        """Unprotected for some time: ask about the stops that are in doubt."""
        if not self._unprotected_for(book, self.state.deadlines.query_stop, now):
            return []
        effects: list[Effect] = []
        for stop in book.working(Purpose.STOP):
            effects += self.state.lifecycle.look_for(stop, now, cause=cause)
        return effects + self.protect(book, now, cause=cause)

    def on_close_due(self, book: SymbolBook, now: Millis) -> list[Effect]:
        """Unprotected for too long: close, and look again until it is over."""
        if not self._unprotected_for(book, self.state.deadlines.close_unprotected, now):
            return []
        if not self._may_close(book):
            return self._protect_again(book, now)
        again = now + self.state.deadlines.close_again
        return [
            *self.close_now(book, "unprotected for too long", now),
            Wake(SERVICE, f"guard-close:{book.symbol}", again),
        ]

    def close_now(self, book: SymbolBook, reason: str, now: Millis) -> list[Effect]:
        """Close at market, at most one exit at a time and not faster than `close_again`.

        Where the venue says that nothing is held, the comparison with its books comes first.
        """
        if book.holds_nothing or self._exit_under_way(book, now) or not self._may_close(book):
            return []
        if now < book.close_again_at:
            return [Wake(SERVICE, f"guard:{book.symbol}", book.close_again_at)]
        book.close_again_at = now + self.state.deadlines.close_again
        book.closes += 1
        intent_id = f"guard:{book.symbol}:{now}:{book.closes}:{reason}"
        return self.exit(book, intent_id, self.state.generation, now)

    def exit(
        self, book: SymbolBook, intent_id: str, generation: int, now: Millis, *parents: str
    ) -> list[Effect]:
        """Close what is held at market, reduce-only, unless an exit is under way.

        What rests of its entry goes too. An intent that came before is told what became of it.
        """
        known = self.state.lifecycle.orders.get(client_order_id(Purpose.EXIT, intent_id))
        if known is not None:
            return [told_again(known, now)]
        held = abs(book.qty)
        largest = book.instrument.market_max_qty if book.instrument is not None else None
        qty = min(held, largest) if largest else held
        checks = review_exit(qty, book.qty, book.instrument)
        problems = [check.gate for check in checks if not check.passed]
        if self._exit_under_way(book, now):
            problems.append("an exit is under way")
        order = exit_order(
            book,
            intent_id=intent_id,
            generation=generation,
            qty=qty,
            checks=checks,
            refusal=", ".join(problems),
            now=now,
        )
        if problems:
            return self.state.lifecycle.keep(order, now, parents=parents)
        book.exited_at = now
        sent = self.state.lifecycle.submit(order, now, cause=intent_id, parents=parents)
        return sent + self.withdraw(book, now, cause=intent_id)

    def _may_close(self, book: SymbolBook) -> bool:
        """Tell whether what is held is ours to close: not what others opened where we do not trade."""
        active = self.state.active
        is_traded = active is not None and book.symbol in active.bundle.symbols
        return is_traded or book.stop_distance is not None

    def _protect_again(self, book: SymbolBook, now: Millis) -> list[Effect]:
        """Try to place a stop for as long as there is none, and tell people once."""
        told = book.close_again_at > 0
        book.close_again_at = now + self.state.deadlines.prepare_again
        book.stop_refusals = 0
        return [
            *([] if told else [without_stop(book, now)]),
            *self.protect(book, now, cause=f"guard:{book.symbol}"),
            Wake(SERVICE, f"guard-close:{book.symbol}", book.close_again_at),
        ]

    def _exit_under_way(self, book: SymbolBook, now: Millis) -> bool:
        """Tell whether an exit may still fill soon.

        What is in doubt is found out first. One that the venue took and that is not over long after
        does not keep a second one back: the word of its end may be lost, and two reduce-only orders
        close no more than what is held.
        """
        leaving = book.working(Purpose.EXIT)
        youngest = now - self.state.deadlines.exit_over
        return len(leaving) > 1 or any(e.ts > youngest or e.state in IN_DOUBT for e in leaving)

    def _is_wanted(self, entry: OrderRecord, book: SymbolBook, now: Millis) -> bool:
        """Tell whether an entry may rest on: in its time, no halt, and its position not closed."""
        in_time = now < entry.ts + self.state.execution.entry_ttl_ms
        closed = entry.ts <= book.exited_at or (entry.filled_qty > 0 and book.qty == 0)
        return in_time and not closed and not self.state.is_halted

    def _carry_out(self, book: SymbolBook, move: Move, now: Millis) -> list[Effect]:
        match move:
            case PlaceStop(qty):
                return self._place_stop(book, qty, now)
            case CancelStop(order):
                return self.state.lifecycle.cancel(order, now, cause=f"guard:{book.symbol}")
            case CloseNow(reason):
                return self.close_now(book, reason, now)

    def _place_stop(self, book: SymbolBook, qty: Decimal, now: Millis) -> list[Effect]:
        from_px, distance = self._stop_basis(book, now)
        if book.instrument is None or from_px is None:
            return []
        book.stop_number += 1
        order = stop_order(
            book,
            qty=qty,
            from_px=from_px,
            distance=distance,
            tick_size=book.instrument.tick_size,
            generation=self.state.generation,
            now=now,
        )
        parents = tuple(f"fills/{fill_id}" for fill_id in book.open_fills)
        return self.state.lifecycle.submit(order, now, cause=order.intent_id, parents=parents)

    def _stop_basis(self, book: SymbolBook, now: Millis) -> tuple[Decimal | None, float]:
        """Return the price that a stop is away from, and how far (a fraction); None while it is not known.

        Of our own position that is its entry. What others opened is protected from where the price is
        now, as far away as the bundle lets a stop be: their entry may be long ago, and once the venue
        refused a stop from there the next one waits for a price.
        """
        if book.stop_distance is not None:
            return book.entry_px, book.stop_distance
        active, price_age = self.state.active, self.state.deadlines.price_age
        distance = active.bundle.risk.widest_stop if active else WIDEST_STOP
        mark_age = book.mark_age(now)
        if book.mark_px is not None and mark_age is not None and mark_age <= price_age:
            return decimal_of(book.mark_px), distance
        has_just_traded = abs(now - book.changed_at) <= price_age
        return (book.entry_px if has_just_traded or not book.stop_refusals else None), distance

    def _deadlines(self, book: SymbolBook, since: Millis, *, earliest: Millis) -> list[Effect]:
        deadlines = self.state.deadlines
        close_at = max(since + deadlines.close_unprotected, earliest)
        return [
            Wake(SERVICE, f"guard-query:{book.symbol}", since + deadlines.query_stop),
            Wake(SERVICE, f"guard-close:{book.symbol}", close_at),
        ]

    @staticmethod
    def _unprotected_for(book: SymbolBook, bound: Millis, now: Millis) -> bool:
        return book.unprotected_since is not None and now - book.unprotected_since >= bound


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
