"""Agreement with the venue: after a start, and after the user stream was lost.

1. New risk stops. Every order of ours that lives is asked about, and the account.
2. Once nothing is in doubt any more, the venue's positions are compared with ours.
3. The same difference twice is the truth: the position is adopted, guarded, and said so.
4. Orders of ours that rest there though we believe them over are cancelled. New risk resumes.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from chimera.clock import Millis
from chimera.events import (
    AccountReported,
    CancelOrder,
    OrderChanged,
    PositionAdopted,
    TradingHalted,
    TradingResumed,
)
from chimera.events.orders import OrderRecord, OrderType, Purpose
from chimera.events.positions import HeldPosition
from chimera.instruments import Market, market_of
from chimera.money import ZERO
from chimera.runtime.contract import Ask, Effect, Publish, Record, Wake

from .guardian import IN_DOUBT
from .lifecycle import SERVICE
from .protection import Protection
from .state import RouterState

RECONCILE = f"{SERVICE}:reconcile"  # our own halt, until our books equal the venue's


@dataclass(slots=True)
class Reconciliation:
    state: RouterState
    protection: Protection
    _differences: dict[str, Decimal] = field(default_factory=dict)
    _differ_since: Millis = 0

    @property
    def under_way(self) -> bool:
        return RECONCILE in self.state.halted_by

    def begin(self, now: Millis, *, cause: str) -> list[Effect]:
        """Stop new risk, ask about everything that may have changed unseen, and watch it again."""
        self.state.halted_by.add(RECONCILE)
        self._differences = {}
        halted = TradingHalted(
            id=f"halt:{RECONCILE}:{now}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            source=RECONCILE,
            reason="our record is being compared with the venue's",
        )
        effects: list[Effect] = [Publish(halted)]
        for book in self.state.books.values():
            for order in list(book.orders.values()):
                effects.append(Publish(_told_again(order, now)))
                effects += self.state.lifecycle.look_for(order, now, cause=cause)
                if order.purpose is Purpose.ENTRY and order.order_type is OrderType.LIMIT:
                    ends = order.ts + self.state.execution.entry_ttl_ms
                    effects.append(Wake(SERVICE, f"ttl:{order.client_order_id}", max(now, ends)))
            effects += self.protection.resume(book, now)
            effects += self.protection.protect(book, now, cause=cause)
        return [*effects, *self.state.query_account(now, cause=cause)]

    def ask_again(self, now: Millis, *, cause: str) -> list[Effect]:
        return self.state.query_account(now, cause=cause) if self.under_way else []

    def on_account(self, report: AccountReported, now: Millis) -> list[Effect]:
        """Compare what the venue says we hold with what our fills say."""
        if not self.under_way:
            return []
        if self._in_doubt():
            return [self._later(now)]
        held = {position.symbol: position for position in report.positions}
        differences = self._compare(held)
        if differences and differences != self._differences:
            self._differences, self._differ_since = differences, report.ts_event
            return [self._later(now)]  # a fill may be on its way: look once more
        effects: list[Effect] = []
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
            effects += self.protection.protect(book, now, cause=report.id)
        return [*effects, *self._sweep(report, now), Publish(resumed)]

    def _in_doubt(self) -> bool:
        """Tell whether a question is open, or an order may trade at any moment."""
        return self.state.lifecycle.is_searching or any(
            order.state in IN_DOUBT or order.order_type is OrderType.MARKET
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
        self.state.book(symbol).adopt(adopted)
        kept = Record("positions_snapshots", adopted.id, adopted, symbol, adopted.ts_event)
        return [kept, Publish(adopted)]

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

    def _later(self, now: Millis) -> Wake:
        return Wake(SERVICE, "account", now + self.state.deadlines.account_again)


def _told_again(order: OrderRecord, now: Millis) -> OrderChanged:
    return OrderChanged(
        id=f"ord:{order.client_order_id}:{order.revision}",
        ts_event=now,
        ts_init=now,
        symbol=order.symbol,
        order=order,
    )
