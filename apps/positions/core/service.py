"""The books of the futures account as a state machine: fills and funding in, positions and equity out.

What is held, bought and sold on spot is not theirs, nor what was paid in another asset than USDT.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import ClassVar, NamedTuple

import msgspec

from chimera.clock import HOUR, Millis
from chimera.events import (
    ACCOUNT,
    AccountReported,
    BarClosed,
    EquityMarked,
    FeeCharged,
    FundingPaid,
    MarkPriceChanged,
    OrderFilled,
    PositionAdopted,
    PositionChanged,
    TimerFired,
    WalletTransferred,
)
from chimera.events.base import Event
from chimera.events.positions import TRADED, TradedSymbols
from chimera.ids import position_id
from chimera.instruments import Market, is_settled_in_usdt, market_of
from chimera.money import SETTLEMENT_ASSET, ZERO
from chimera.runtime.contract import START, Effect, Publish, Record, Wake
from chimera.seen import SeenIds

from .books import Books
from .equity import Equity
from .ledger import PositionLedger, adopt_position, fold_fee, fold_fill, fold_funding, take_back
from .unexplained import Unexplained, alert_of, booking

SERVICE = "positions"
TELL_EQUITY = "equity"  # the timer
OPENING = "opening"  # the key of the account report that opened the books

RECENT_KEPT = 1_000


class Counted(NamedTuple):
    """A fact that was counted and what it added to the wallet; an older adoption may come yet."""

    ts: Millis
    symbol: str
    net: Decimal
    fill: OrderFilled | None = None


class Positions:
    """S6. Keeps the books, and tells what they say."""

    name: ClassVar[str] = SERVICE
    consumes: ClassVar[tuple[type[Event], ...]] = (
        OrderFilled,
        FundingPaid,
        FeeCharged,
        WalletTransferred,
        PositionAdopted,
        MarkPriceChanged,
        BarClosed,
        AccountReported,
        TimerFired,
    )

    def __init__(self, speed: float = 1.0) -> None:
        """`speed` is how much faster than the wall a replayed market runs."""
        self._books = Books()
        self._ledgers = self._books.ledgers
        self._equity = Equity(self._books, speed=speed)
        self._unexplained = Unexplained()
        self._traded: tuple[str, ...] = ()  # as recorded
        self._seen = SeenIds()
        self._adopted_at: dict[str, Millis] = {}
        self._settled_until: dict[str, Millis] = {}  # what is older was counted in an earlier life
        self._wallet_told: tuple[Millis, str] = (0, "")  # by the newest adoption
        self._uncounted: list[OrderFilled | PositionAdopted] = []
        self._recent: deque[Counted] = deque(maxlen=RECENT_KEPT)

    def restore(
        self,
        *,
        opening: AccountReported | None,
        traded: tuple[str, ...],
        ledgers: dict[str, PositionLedger],
        adopted_at: dict[str, Millis],
        settled_until: dict[str, Millis],
        seen: Iterable[str],
        uncounted: Iterable[OrderFilled | PositionAdopted],
        recent: Iterable[Counted],
        transfers: Iterable[WalletTransferred],
        marked: EquityMarked | None,
    ) -> None:
        """Take up the books of an earlier life; `uncounted` facts are counted when the runtime starts."""
        if opening is not None:
            self._open_books(opening)
        self._traded = traded
        for symbol, ledger in ledgers.items():
            self._keep(symbol, ledger)
        self._adopted_at = dict(adopted_at)
        self._settled_until = dict(settled_until)
        self._wallet_told = max(
            ((at, symbol) for symbol, at in adopted_at.items()), default=(0, "")
        )
        moved = {transfer.id: transfer for transfer in transfers}
        self._books.transferred_usdt = sum((transfer.amount for transfer in moved.values()), ZERO)
        self._unexplained.restore(self._wallet_told[0], list(moved.values()))
        self._seen = SeenIds((*seen, *moved))
        self._uncounted = list(uncounted)
        self._recent.extend(recent)
        if marked is not None:
            self._equity.restore(marked)

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        match event:
            case BarClosed():
                self._equity.take_bar(event)
                return self._equity.mark_on_bar(event)
            case MarkPriceChanged():
                self._equity.take_mark(event.symbol, event.mark_px, event.ts_event)
                return self._equity.mark_between_bars(event)
            case OrderFilled() if market_of(event.symbol) is Market.USDM:
                return self._on_fill(event, now)
            case FundingPaid():
                return self._on_payment(event, fold_funding, now)
            case FeeCharged() if event.asset == SETTLEMENT_ASSET:
                return self._on_payment(event, fold_fee, now)
            case WalletTransferred():
                return self._on_transfer(event, now)
            case PositionAdopted():
                return self._on_adopted(event, now)
            case AccountReported():
                return self._on_account(event, now)
            case TimerFired():
                return self._on_timer(event, now)
        return ()

    @property
    def wallet_usdt(self) -> Decimal:
        return self._books.wallet_usdt

    def _on_timer(self, timer: TimerFired, now: Millis) -> list[Effect]:
        """Mark on every full hour, the first of a day among them, though no market moves."""
        full_hour = now - now % HOUR + HOUR
        effects: list[Effect] = [Wake(SERVICE, TELL_EQUITY, full_hour)]
        if timer.timer == START:
            return effects + self._on_start(timer, now)
        return effects + self._equity.mark(now, now, cause=timer.id)

    def _on_start(self, start: TimerFired, now: Millis) -> list[Effect]:
        """Count what an earlier life left, then tell everybody what is held, and what no longer is."""
        self._equity.begin(now)
        # Where the market's clock was set back since, the past says nothing of what is told now.
        self._settled_until = {s: at for s, at in self._settled_until.items() if at <= now}
        effects = self._count_waiting(now)
        effects += [
            Publish(self._changed(symbol, now, cause=start.id)) for symbol in sorted(self._ledgers)
        ]
        return effects + self._equity.mark(now, now, cause=start.id)

    def _count_waiting(self, now: Millis) -> list[Effect]:
        if self._books.opening_usdt is None:
            return []
        waiting, self._uncounted = self._uncounted, []
        return [effect for fact in waiting for effect in self.handle(fact, now)]

    def _on_fill(self, fill: OrderFilled, now: Millis) -> list[Effect]:
        if self._books.opening_usdt is None:
            self._uncounted.append(fill)  # the opening balance may count it already
            return []
        if fill.ts_event <= self._adopted_at.get(fill.symbol, 0) or self._is_settled(fill):
            return []
        if not self._seen.first_time(fill.id):
            return []
        ledger = self._ledgers.get(fill.symbol, PositionLedger())
        self._keep(fill.symbol, self._count(ledger, fill))
        net = self._recent[-1].net
        return [
            *self._snapshot(fill.symbol, now, cause=fill.id, parent=f"fills/{fill.id}"),
            *self._take_back(fill.ts_event, net, now, cause=fill.id),
            *self._equity.mark(fill.ts_event, now, cause=fill.id),
        ]

    def _is_settled(self, fact: OrderFilled | PositionAdopted) -> bool:
        """Tell whether a fact is too old to be new, though nobody remembers it any more."""
        return fact.ts_event < self._settled_until.get(fact.symbol, 0)

    def _count(self, ledger: PositionLedger, fill: OrderFilled) -> PositionLedger:
        counted = fold_fill(
            ledger,
            side=fill.side,
            qty=fill.last_qty,
            px=fill.last_px,
            fee=fill.fee_usdt,
            ts=fill.ts_event,
        )
        if not is_settled_in_usdt(
            fill.symbol
        ):  # what is held counts, its money is in another wallet
            counted = msgspec.structs.replace(
                counted, realised_pnl=ledger.realised_pnl, fees=ledger.fees
            )
        net = counted.net - ledger.net
        self._recent.append(Counted(fill.ts_event, fill.symbol, net, fill))
        return counted

    def _on_payment(
        self,
        paid: FundingPaid | FeeCharged,
        fold: Callable[[PositionLedger, Decimal], PositionLedger],
        now: Millis,
    ) -> list[Effect]:
        if self._books.opening_usdt is None or paid.ts_event <= self._books.opened_at:
            return []  # part of the opening balance
        if paid.asset != SETTLEMENT_ASSET or not self._seen.first_time(paid.id):
            return []
        before = self._ledgers.get(paid.symbol, PositionLedger())
        ledger = fold(before, paid.amount)
        net = ledger.net - before.net
        self._keep(paid.symbol, ledger)
        self._recent.append(Counted(paid.ts_event, paid.symbol, net))
        return [
            Record("funding_records", paid.id, paid, paid.symbol, paid.ts_event),
            *self._snapshot(paid.symbol, now, cause=paid.id, parent=f"funding_records/{paid.id}"),
            *self._take_back(paid.ts_event, net, now, cause=paid.id),
            *self._equity.mark(paid.ts_event, now, cause=paid.id),
        ]

    def _on_transfer(self, moved: WalletTransferred, now: Millis) -> list[Effect]:
        """Move the wallet and the opening of the day alike: what is moved by hand is no gain."""
        if self._books.opening_usdt is None or moved.ts_event <= self._books.opened_at:
            return []  # part of the opening balance
        if moved.asset != SETTLEMENT_ASSET or not self._seen.first_time(moved.id):
            return []
        self._books.transferred_usdt += moved.amount
        told_at, _ = self._wallet_told
        if moved.ts_event > told_at or not self._equity.is_before_today(told_at):
            self._equity.move(moved.amount)
        self._recent.append(Counted(moved.ts_event, ACCOUNT, moved.amount))
        return [
            Record("funding_records", moved.id, moved, ACCOUNT, moved.ts_event),
            *self._take_back(moved.ts_event, moved.amount, now, cause=moved.id),
            *self._equity.mark(moved.ts_event, now, cause=moved.id),
        ]

    def _take_back(self, ts: Millis, net: Decimal, now: Millis, *, cause: str) -> list[Effect]:
        """Count a late fact once: an adoption after it booked its `net` (USDT) already, as earned unseen.

        What happened (`ts`) after the newest adoption was not in it. Of an older fact the money is taken
        out of the symbol that was adopted.
        """
        told_at, symbol = self._wallet_told
        if ts > told_at:
            return []
        ledger = take_back(self._ledgers[symbol], realised_pnl=net, fees=ZERO)
        self._keep(symbol, msgspec.structs.replace(ledger, sequence=ledger.sequence + 1))
        more = self._unexplained.explain(net)
        moves_today = not self._equity.is_before_today(told_at)
        booked = self._book_unexplained(more, now, cause=cause, moves_today=moves_today)
        return [*booked, *self._snapshot(symbol, now, cause=cause)]

    def _book_unexplained(
        self, amount: Decimal, now: Millis, *, cause: str, moves_today: bool
    ) -> list[Effect]:
        """Count `amount` as moved by hand instead of as realised in the symbol that was adopted."""
        if not amount:
            return []
        at, symbol = self._wallet_told
        self._keep(symbol, take_back(self._ledgers[symbol], realised_pnl=amount, fees=ZERO))
        self._books.transferred_usdt += amount
        if moves_today:
            self._equity.move(amount)
        booked = booking(at, now, amount, cause=cause)
        kept = Record("funding_records", booked.id, booked, ACCOUNT, at)
        if amount < 0:
            return [kept]
        return [kept, Record("alerts", booked.id, alert_of(booked, SERVICE), ACCOUNT, at)]

    def _on_adopted(self, adopted: PositionAdopted, now: Millis) -> list[Effect]:
        """Believe the venue where something happened unseen; what it earned is what the wallet lacks.

        As far as it makes the account worth more than it was it may be a transfer, and is booked as one.
        What is newer than the venue's word was not part of it: its money stays, and the symbol's fills
        are counted again on top of what was adopted. Recorded even where nothing changes, so that the
        next life knows it was heard.
        """
        if self._is_settled(adopted) or not self._seen.first_time(adopted.id):
            return []
        symbol, at = adopted.symbol, adopted.ts_event
        self._adopted_at[symbol] = at
        self._wallet_told = (at, symbol)
        before, worth = self._ledgers.get(symbol, PositionLedger()), self._equity.value_usdt
        newer = [counted for counted in self._recent if counted.ts > at]
        fills = [(c.net, c.fill) for c in newer if c.fill is not None and c.symbol == symbol]
        qty = before.qty - sum((fill.last_qty * fill.side.sign for _, fill in fills), ZERO)
        earned = adopted.wallet_usdt - self.wallet_usdt + sum((c.net for c in newer), ZERO)
        differs = adopted.qty != qty or earned
        ledger = self._refold(before, adopted, fills, earned) if differs else before
        # One change, however many fills it took: the record has every sequence.
        self._keep(symbol, msgspec.structs.replace(ledger, sequence=before.sequence + 1))
        worth_now = self._equity.value_usdt
        gain = earned if worth is None or worth_now is None else worth_now - worth
        more = self._unexplained.add(at, gain)
        parent = f"positions_snapshots/{adopted.id}"
        return [
            *self._book_unexplained(more, now, cause=adopted.id, moves_today=True),
            *self._snapshot(adopted.symbol, now, cause=adopted.id, parent=parent),
            *self._equity.mark(adopted.ts_event, now, cause=adopted.id),
        ]

    def _refold(
        self,
        ledger: PositionLedger,
        adopted: PositionAdopted,
        fills: Sequence[tuple[Decimal, OrderFilled]],
        earned: Decimal,
    ) -> PositionLedger:
        """Put the venue's word under `fills`, which are newer: out of the ledger, and on top again.

        Each fill comes with what it added to the wallet; `earned` is what happened unseen added.
        """
        fees = sum((fill.fee_usdt for _, fill in fills), ZERO)
        realised = sum((net for net, _ in fills), ZERO) + fees
        ledger = adopt_position(
            take_back(ledger, realised_pnl=realised, fees=fees),
            qty=adopted.qty,
            entry_px=adopted.entry_px,
            earned=earned,
            ts=adopted.ts_event,
        )
        again = {fill.id for _, fill in fills}
        kept = (c for c in self._recent if c.fill is None or c.fill.id not in again)
        self._recent = deque(kept, maxlen=RECENT_KEPT)
        for _, fill in fills:
            ledger = self._count(ledger, fill)
        return ledger

    def _on_account(self, report: AccountReported, now: Millis) -> list[Effect]:
        """The first report opens the books; later ones are the reconciler's evidence, not ours."""
        if self._books.opening_usdt is not None:
            return []
        self._open_books(report)
        effects: list[Effect] = [
            Record("positions_snapshots", OPENING, report, ACCOUNT, report.ts_event)
        ]
        for held in report.positions:
            adopted = PositionLedger(
                sequence=1, qty=held.qty, entry_px=held.entry_px, opened_at=report.ts_event
            )
            self._keep(held.symbol, adopted)
            self._equity.take_mark(held.symbol, float(held.mark_px), report.ts_event)
            effects += self._snapshot(held.symbol, now, cause=report.id)
        effects += self._equity.mark(report.ts_event, now, cause=report.id)
        self._uncounted = [f for f in self._uncounted if f.ts_event > report.ts_event]
        return effects + self._count_waiting(now)

    # --- helpers ---------------------------------------------------------------------------------------

    def _keep(self, symbol: str, ledger: PositionLedger) -> None:
        self._books.keep(symbol, ledger)
        self._equity.forget_gain(symbol)

    def _open_books(self, report: AccountReported) -> None:
        self._books.opening_usdt, self._books.opened_at = report.wallet_usdt, report.ts_event

    def _snapshot(self, symbol: str, now: Millis, *, cause: str, parent: str = "") -> list[Effect]:
        changed = self._changed(symbol, now, cause=cause)
        effects: list[Effect] = []
        if symbol not in self._traded:
            self._traded = (*self._traded, symbol)
            listed, revision = TradedSymbols(symbols=self._traded), len(self._traded)
            effects.append(
                Record("positions_snapshots", TRADED, listed, ACCOUNT, now, revision=revision)
            )
        parents = (parent,) if parent else ()
        at = changed.ts_event
        return [
            *effects,
            Record("positions_snapshots", changed.id, changed, symbol, at, parents=parents),
            Publish(changed),
        ]

    def _changed(self, symbol: str, now: Millis, *, cause: str) -> PositionChanged:
        ledger = self._ledgers[symbol]
        return PositionChanged(
            id=position_id(symbol, ledger.sequence),
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
