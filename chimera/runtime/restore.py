"""Reads back what positions were held, for the workers that fold fills: positions and orders."""

from dataclasses import dataclass

import msgspec

from chimera.clock import HOUR
from chimera.events import FundingPaid, OrderFilled, PositionChanged
from chimera.store.interface import Store

OVERLAP = 6 * HOUR  # how far back a fill may lie that the last snapshot does not count yet
PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPosition:
    """The last snapshot of a symbol, the facts it counts, and the recorded fills it does not."""

    snapshot: PositionChanged | None
    counted: frozenset[str]
    uncounted: tuple[OrderFilled, ...]


def recorded_position(store: Store, symbol: str) -> RecordedPosition:
    newest = [
        msgspec.convert(document.body, PositionChanged)
        for document in store.query(
            "positions_snapshots",
            equal={"symbol": symbol, "type": "position.changed.v1"},
            order="desc",
            limit=PAGE,
        ).documents
    ]
    snapshot = max(newest, key=lambda position: position.sequence, default=None)
    counted = frozenset(position.cause for position in newest)
    since = snapshot.ts_event - OVERLAP if snapshot is not None else None
    fills = [
        msgspec.convert(document.body, OrderFilled)
        for document in store.query(
            "fills", equal={"symbol": symbol}, ts_from=since, order="desc", limit=PAGE
        ).documents
    ]
    uncounted = sorted(
        (fill for fill in fills if fill.id not in counted),
        key=lambda fill: (fill.ts_event, int(fill.trade_id)),
    )
    return RecordedPosition(snapshot=snapshot, counted=counted, uncounted=tuple(uncounted))


def recorded_funding(store: Store, symbol: str) -> frozenset[str]:
    """Return the ids of recent funding payments, so that none is counted twice."""
    page = store.query("funding_records", equal={"symbol": symbol}, order="desc", limit=100)
    return frozenset(msgspec.convert(d.body, FundingPaid).id for d in page.documents)
