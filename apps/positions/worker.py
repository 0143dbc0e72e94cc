"""Wires the account's books into a runtime, restored from their snapshots and the fills after them."""

import msgspec

from apps.positions.core.ledger import PositionLedger
from apps.positions.core.service import OPENING, Positions
from chimera.events import ACCOUNT, AccountReported, EquityMarked, OrderFilled
from chimera.runtime.restore import recorded_funding, recorded_position
from chimera.runtime.worker import WorkerContext
from chimera.store.interface import Store


def build(context: WorkerContext) -> Positions:
    store = context.store
    positions = Positions()
    opening = store.get("positions_snapshots", OPENING)
    ledgers: dict[str, PositionLedger] = {}
    seen: set[str] = set()
    uncounted: list[OrderFilled] = []
    for symbol in _symbols(store, context):
        recorded = recorded_position(store, symbol)
        seen |= recorded.counted | recorded_funding(store, symbol)
        uncounted += recorded.uncounted
        if recorded.snapshot is not None:
            s = recorded.snapshot
            ledgers[symbol] = PositionLedger(
                sequence=s.sequence,
                qty=s.qty,
                entry_px=s.entry_px,
                opened_at=s.opened_at,
                realised_pnl=s.realised_pnl,
                fees=s.fees,
                funding=s.funding,
            )
    positions.restore(
        opening_usdt=msgspec.convert(opening.body, AccountReported).wallet_usdt
        if opening is not None
        else None,
        ledgers=ledgers,
        seen=seen,
        uncounted=uncounted,
        marked=_last_equity(store),
    )
    return positions


def _symbols(store: Store, context: WorkerContext) -> list[str]:
    """Return every symbol ever traded, so that no earlier result is left out of the wallet."""
    symbols = set(context.symbols)
    cursor = None
    while True:
        page = store.query("fills", limit=1_000, cursor=cursor)
        symbols |= {document.body["symbol"] for document in page.documents}
        cursor = page.next_cursor
        if cursor is None:
            return sorted(symbols)


def _last_equity(store: Store) -> EquityMarked | None:
    page = store.query(
        "positions_snapshots",
        equal={"symbol": ACCOUNT, "type": "account.equity.v1"},
        order="desc",
        limit=1,
    )
    return msgspec.convert(page.documents[0].body, EquityMarked) if page.documents else None
