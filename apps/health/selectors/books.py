"""Our books against the venue's: wallet, quantities and unrealised PnL, to the last unit.

Called by `manage.py books`. It only looks; repairing is the reconciler's work.
"""

from decimal import Decimal

import msgspec

from chimera.clock import Clock
from chimera.errors import Unavailable
from chimera.events import (
    ACCOUNT,
    AccountReported,
    EquityMarked,
    QueryAccount,
    QueryFailed,
    type_of,
)
from chimera.events.base import Event
from chimera.money import usdt
from chimera.runtime.contract import ExchangePort
from chimera.store import Collection, Store

from .protection import positions_newest

NEWEST_READ = 20


class BooksReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says, what we recorded, and where they differ."""

    venue_wallet_usdt: Decimal
    recorded_wallet_usdt: Decimal | None
    open_positions: int
    unrealised_usdt: Decimal
    differences: tuple[str, ...]


async def account_reported(exchange: ExchangePort, clock: Clock) -> AccountReported:
    """Ask the venue about wallet, positions and open orders.

    Raises
    ------
    Unavailable
        If it could not be asked.
    """
    now = clock.now()
    answers: list[Event] = []
    query = QueryAccount(id=f"books:{now}", ts_event=now, ts_init=now, symbol=ACCOUNT)
    await exchange.execute(query, answers.append)
    for answer in answers:
        if isinstance(answer, AccountReported):
            return answer
        if isinstance(answer, QueryFailed):
            raise Unavailable(f"the venue could not be asked: {answer.message}")
    raise Unavailable("the venue did not answer")


def books_compare(store: Store, account: AccountReported) -> BooksReport:
    """Compare the record with what the venue reported."""
    differences = []
    recorded = _recorded_wallet(store)
    if recorded != account.wallet_usdt:
        differences.append(f"our wallet is {recorded} USDT, the venue's {account.wallet_usdt}")
    held = {position.symbol: position for position in account.positions}
    ours = {position.symbol: position for position in positions_newest(store) if position.qty}
    for symbol in sorted({*held, *ours}):
        theirs, mine = held.get(symbol), ours.get(symbol)
        if theirs is None or mine is None or theirs.qty != mine.qty:
            differences.append(
                f"{symbol}: we hold {mine.qty if mine else 0}, the venue {theirs.qty if theirs else 0}"
            )
            continue
        unrealised = usdt((theirs.mark_px - mine.entry_px) * mine.qty)
        if unrealised != usdt(theirs.unrealised_pnl):
            differences.append(
                f"{symbol}: unrealised {unrealised}, the venue says {theirs.unrealised_pnl}"
            )
    return BooksReport(
        venue_wallet_usdt=account.wallet_usdt,
        recorded_wallet_usdt=recorded,
        open_positions=len(held),
        unrealised_usdt=sum((p.unrealised_pnl for p in account.positions), Decimal(0)),
        differences=tuple(differences),
    )


def _recorded_wallet(store: Store) -> Decimal | None:
    page = store.query(
        Collection.POSITIONS_SNAPSHOTS,
        equal={"symbol": ACCOUNT, "type": type_of(EquityMarked)},
        order="desc",
        limit=NEWEST_READ,
    )
    marked = [msgspec.convert(document.body, EquityMarked) for document in page.documents]
    newest = max(marked, key=lambda equity: (equity.ts_init, equity.ts_event), default=None)
    return newest.wallet_usdt if newest is not None else None
