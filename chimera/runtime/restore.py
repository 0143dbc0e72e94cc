"""Reads back from the record what several workers begin with: positions, orders, equity, funding."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from chimera.clock import HOUR, Millis
from chimera.events import (
    ACCOUNT,
    EquityMarked,
    FundingPaid,
    OrderFilled,
    PositionAdopted,
    PositionChanged,
)
from chimera.events.orders import OrderRecord, OrderState
from chimera.store.interface import Scalar, Store

OVERLAP = 6 * HOUR  # how far back a fill may lie that the last snapshot does not count yet
PAGE = 1_000
FUNDING_KEPT = 100

Fact = OrderFilled | PositionAdopted
_Body = TypeVar("_Body", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPosition:
    """The last snapshot of a symbol, the recent facts it counts, and those it does not count yet."""

    snapshot: PositionChanged | None
    counted: frozenset[str]
    uncounted: tuple[Fact, ...]  # in the order in which they happened
    adopted_at: Millis  # fills up to then are part of what was adopted


def recorded_position(store: Store, symbol: str) -> RecordedPosition:
    """Return what the record says about the position in `symbol`."""
    last = _newest(store, "positions_snapshots", PositionChanged, symbol)
    since = last.ts_event - OVERLAP if last is not None else None
    snapshots = list(_since(store, "positions_snapshots", PositionChanged, symbol, since))
    counted = frozenset(snapshot.cause for snapshot in snapshots)
    adopted = _newest(store, "positions_snapshots", PositionAdopted, symbol)
    adopted_at = adopted.ts_event if adopted is not None else 0
    # An hour less than the snapshots: what falls between the two times of a fact is in both.
    fills = _since(store, "fills", OrderFilled, symbol, since and since + HOUR)
    missing = [f for f in fills if f.id not in counted and f.ts_event > adopted_at]
    missing.sort(key=lambda fill: (fill.ts_event, int(fill.trade_id)))
    first = () if adopted is None or adopted.id in counted else (adopted,)
    return RecordedPosition(
        snapshot=max(snapshots, key=lambda position: position.sequence, default=None),
        counted=counted,
        uncounted=(*first, *missing),
        adopted_at=adopted_at,
    )


def recorded_funding(store: Store, symbol: str) -> frozenset[str]:
    """Return the ids of recent funding payments, so that none is counted twice."""
    page = store.query(
        "funding_records", equal={"symbol": symbol}, order="desc", limit=FUNDING_KEPT
    )
    return frozenset(msgspec.convert(d.body, FundingPaid).id for d in page.documents)


def recorded_equity(store: Store) -> EquityMarked | None:
    """Return the account's newest equity mark."""
    return _newest(store, "positions_snapshots", EquityMarked, ACCOUNT)


def living_orders(store: Store) -> list[OrderRecord]:
    """Return all orders that are not over."""
    found = []
    for state in OrderState:
        if state.is_terminal:
            continue
        cursor = None
        while True:
            page = store.query("orders", equal={"state": state.value}, limit=PAGE, cursor=cursor)
            found += [msgspec.convert(document.body, OrderRecord) for document in page.documents]
            cursor = page.next_cursor
            if cursor is None:
                break
    return found


def _newest(store: Store, collection: str, kind: type[_Body], symbol: str) -> _Body | None:
    page = store.query(collection, equal=_of(kind, symbol), order="desc", limit=1)
    return msgspec.convert(page.documents[0].body, kind) if page.documents else None


def _since(
    store: Store, collection: str, kind: type[_Body], symbol: str, since: Millis | None
) -> Iterator[_Body]:
    cursor = None
    while True:
        page = store.query(
            collection, equal=_of(kind, symbol), ts_from=since, limit=PAGE, cursor=cursor
        )
        yield from (msgspec.convert(document.body, kind) for document in page.documents)
        cursor = page.next_cursor
        if cursor is None:
            return


def _of(kind: type[msgspec.Struct], symbol: str) -> dict[str, Scalar]:
    return {"symbol": symbol, "type": str(kind.__struct_config__.tag)}
