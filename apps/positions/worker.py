"""Wires the account's books into a runtime, restored from their snapshots and the fills after them."""

import msgspec

from apps.positions.core.ledger import PositionLedger
from apps.positions.core.service import OPENING, Counted, Positions
from chimera.clock import Millis
from chimera.events import AccountReported, PositionChanged
from chimera.money import ZERO
from chimera.runtime.restore import (
    Fact,
    RecordedPosition,
    recorded_equity,
    recorded_funding,
    recorded_position,
    recorded_transfers,
    traded_symbols,
)
from chimera.runtime.worker import WorkerContext


def build(context: WorkerContext) -> Positions:
    """Return the books of every symbol ever traded; what they do not count yet they count at the start."""
    store = context.store
    positions = Positions(context.speed)
    opening = store.get("positions_snapshots", OPENING)
    ledgers: dict[str, PositionLedger] = {}
    adopted_at: dict[str, Millis] = {}
    settled_until: dict[str, Millis] = {}
    seen: list[str] = []
    uncounted: list[Fact] = []
    recent: list[Counted] = []
    traded = traded_symbols(store)  # all of them: no earlier result is left out of the wallet
    for symbol in sorted({*context.symbols, *traded}):
        recorded = recorded_position(store, symbol)
        seen += sorted(recorded.counted | recorded_funding(store, symbol))
        uncounted += recorded.uncounted
        recent += _refolded(recorded)
        adopted_at[symbol] = recorded.adopted_at
        settled_until[symbol] = recorded.settled_until
        if recorded.snapshot is not None:
            ledgers[symbol] = _ledger(recorded.snapshot)
    positions.restore(
        opening=msgspec.convert(opening.body, AccountReported) if opening is not None else None,
        traded=traded,
        ledgers=ledgers,
        adopted_at=adopted_at,
        settled_until=settled_until,
        seen=seen,
        uncounted=uncounted,
        recent=recent,
        transfers=recorded_transfers(store),
        marked=recorded_equity(store),
    )
    return positions


def _refolded(recorded: RecordedPosition) -> list[Counted]:
    """Return what the fills newer than a waiting adoption did to the money."""
    changes = recorded.changes
    before = dict(zip((c.cause for c in changes[1:]), changes, strict=False))
    after = {change.cause: change for change in changes}
    found = []
    for fill in recorded.refolded:
        earlier = before.get(fill.id)
        realised = after[fill.id].realised_pnl - (earlier.realised_pnl if earlier else ZERO)
        found.append(Counted(fill.ts_event, fill.symbol, realised - fill.fee_usdt, fill))
    return found


def _ledger(snapshot: PositionChanged) -> PositionLedger:
    return PositionLedger(
        sequence=snapshot.sequence,
        qty=snapshot.qty,
        entry_px=snapshot.entry_px,
        opened_at=snapshot.opened_at,
        realised_pnl=snapshot.realised_pnl,
        fees=snapshot.fees,
        funding=snapshot.funding,
    )
