"""The account's books as a state machine: fills and funding in, positions and equity out."""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from chimera.clock import DAY, HOUR, Millis
from chimera.events import (
    ACCOUNT,
    AccountReported,
    BarClosed,
    EquityMarked,
    FundingPaid,
    MarkPriceChanged,
    OrderFilled,
    PositionChanged,
    TimerFired,
)
from chimera.events.base import Event
from chimera.money import ZERO, decimal_of, usdt
from chimera.runtime.contract import Effect, Publish, Record

from .ledger import PositionLedger, fold_fill, fold_funding

SERVICE = "positions"
SEEN_KEPT = 20_000
EQUITY_WHEN_FLAT_EVERY = HOUR
OPENING = "opening"  # the key of the account report that opened the books


class Positions:
    """S6. Wallet = opening balance + realised - fees + funding, at every moment."""

    name: ClassVar[str] = SERVICE
    consumes: ClassVar[tuple[type[Event], ...]] = (
        OrderFilled,
        FundingPaid,
        MarkPriceChanged,
        BarClosed,
        AccountReported,
        TimerFired,
    )

    def __init__(self) -> None:
        self._ledgers: dict[str, PositionLedger] = {}
        self._open: set[str] = set()
        self._marks: dict[str, float] = {}
        self._seen: dict[str, None] = {}
        self._opening_usdt: Decimal | None = None
        self._day: int = -1
        self._day_opening_usdt = ZERO
        self._marked_at: Millis = 0
        self._uncounted: list[OrderFilled] = []

    def restore(
        self,
        *,
        opening_usdt: Decimal | None,
        ledgers: dict[str, PositionLedger],
        seen: Iterable[str],
        uncounted: Iterable[OrderFilled],
        marked: EquityMarked | None,
    ) -> None:
        """Take up the books of an earlier life; `uncounted` fills are counted when the runtime starts."""
        self._opening_usdt = opening_usdt
        for symbol, ledger in ledgers.items():
            self._keep(symbol, ledger)
        self._seen = dict.fromkeys(seen)
        self._uncounted = list(uncounted)
        if marked is not None:
            self._day = marked.ts_event // DAY
            equity = marked.wallet_usdt + marked.unrealised_usdt
            self._day_opening_usdt = equity - marked.day_pnl_usdt

    def handle(self, event: Event, now: Millis) -> Iterable[Effect]:
        match event:
            case BarClosed():
                self._marks[event.symbol] = event.close
                return self._mark_on_bar(event)
            case MarkPriceChanged():
                self._marks[event.symbol] = event.mark_px
            case OrderFilled():
                return self._on_fill(event, now)
            case FundingPaid():
                return self._on_funding(event, now)
            case AccountReported():
                return self._on_account(event, now)
            case TimerFired():
                return self._on_start(event, now)
        return ()

    @property
    def wallet_usdt(self) -> Decimal:
        opening = self._opening_usdt if self._opening_usdt is not None else ZERO
        return opening + sum((ledger.net for ledger in self._ledgers.values()), ZERO)

    def _on_start(self, start: TimerFired, now: Millis) -> list[Effect]:
        """Count what an earlier life left, then tell everybody what is held."""
        effects = [effect for fill in self._uncounted for effect in self._on_fill(fill, now)]
        self._uncounted.clear()
        effects += [
            Publish(self._changed(symbol, now, cause=start.id)) for symbol in sorted(self._open)
        ]
        return effects + self._mark(now, now, cause=start.id)

    def _on_fill(self, fill: OrderFilled, now: Millis) -> list[Effect]:
        if not self._first_time(fill.id):
            return []
        ledger = self._ledgers.get(fill.symbol, PositionLedger())
        self._keep(
            fill.symbol,
            fold_fill(
                ledger,
                side=fill.side,
                qty=fill.last_qty,
                px=fill.last_px,
                fee=fill.fee,
                ts=fill.ts_event,
            ),
        )
        return [
            *self._snapshot(fill.symbol, now, cause=fill.id, parent=f"fills/{fill.id}"),
            *self._mark(fill.ts_event, now, cause=fill.id),
        ]

    def _on_funding(self, paid: FundingPaid, now: Millis) -> list[Effect]:
        if not self._first_time(paid.id):
            return []
        ledger = self._ledgers.get(paid.symbol, PositionLedger())
        self._keep(paid.symbol, fold_funding(ledger, paid.amount))
        return [
            Record("funding_records", paid.id, paid, paid.symbol, paid.ts_event),
            *self._snapshot(paid.symbol, now, cause=paid.id, parent=f"funding_records/{paid.id}"),
            *self._mark(paid.ts_event, now, cause=paid.id),
        ]

    def _on_account(self, report: AccountReported, now: Millis) -> list[Effect]:
        """The first report opens the books; later ones are the reconciler's evidence, not ours."""
        if self._opening_usdt is not None:
            return []
        self._opening_usdt = report.wallet_usdt
        effects: list[Effect] = [
            Record("positions_snapshots", OPENING, report, ACCOUNT, report.ts_event)
        ]
        for held in report.positions:
            adopted = PositionLedger(
                sequence=1, qty=held.qty, entry_px=held.entry_px, opened_at=report.ts_event
            )
            self._keep(held.symbol, adopted)
            effects += self._snapshot(held.symbol, now, cause=report.id)
        return effects + self._mark(report.ts_event, now, cause=report.id)

    # --- equity ----------------------------------------------------------------------------------------

    def _mark_on_bar(self, bar: BarClosed) -> Iterable[Effect]:
        if self._opening_usdt is None or bar.ts_event <= self._marked_at:
            return ()
        due = self._open or bar.ts_event - self._marked_at >= EQUITY_WHEN_FLAT_EVERY
        if not due and bar.ts_event // DAY == self._day:
            return ()
        return self._mark(bar.ts_event, bar.ts_init, cause=bar.id)

    def _mark(self, ts: Millis, now: Millis, *, cause: str) -> list[Effect]:
        if self._opening_usdt is None:
            return []
        self._marked_at = max(ts, self._marked_at)
        wallet = self.wallet_usdt
        unrealised = sum((self._unrealised(symbol) for symbol in sorted(self._open)), ZERO)
        if ts // DAY > self._day:
            self._day, self._day_opening_usdt = ts // DAY, wallet + unrealised
        marked = EquityMarked(
            id=f"equity:{ts}:{cause}",
            cause=cause,
            ts_event=ts,
            ts_init=now,
            wallet_usdt=wallet,
            unrealised_usdt=unrealised,
            open_positions=len(self._open),
            day_pnl_usdt=usdt(wallet + unrealised - self._day_opening_usdt),
        )
        return [Record("positions_snapshots", marked.id, marked, ACCOUNT, ts), Publish(marked)]

    def _unrealised(self, symbol: str) -> Decimal:
        ledger = self._ledgers[symbol]
        mark = self._marks.get(symbol)
        return ledger.unrealised(decimal_of(mark)) if mark is not None else ZERO

    # --- helpers ---------------------------------------------------------------------------------------

    def _keep(self, symbol: str, ledger: PositionLedger) -> None:
        self._ledgers[symbol] = ledger
        if ledger.qty:
            self._open.add(symbol)
        else:
            self._open.discard(symbol)

    def _snapshot(self, symbol: str, now: Millis, *, cause: str, parent: str = "") -> list[Effect]:
        changed = self._changed(symbol, now, cause=cause)
        return [
            Record(
                "positions_snapshots",
                changed.id,
                changed,
                symbol,
                changed.ts_event,
                parents=(parent,) if parent else (),
            ),
            Publish(changed),
        ]

    def _changed(self, symbol: str, now: Millis, *, cause: str) -> PositionChanged:
        ledger = self._ledgers[symbol]
        return PositionChanged(
            id=f"pos:{symbol}:{ledger.sequence}",
            cause=cause,
            ts_event=now,
            ts_init=now,
            symbol=symbol,
            sequence=ledger.sequence,
            qty=ledger.qty,
            entry_px=ledger.entry_px,
            opened_at=ledger.opened_at,
            realised_pnl=ledger.realised_pnl,
            fees=ledger.fees,
            funding=ledger.funding,
        )

    def _first_time(self, fact_id: str) -> bool:
        if fact_id in self._seen:
            return False
        self._seen[fact_id] = None
        if len(self._seen) > 2 * SEEN_KEPT:
            for old in list(self._seen)[:SEEN_KEPT]:
                del self._seen[old]
        return True
