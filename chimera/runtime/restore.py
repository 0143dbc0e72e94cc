"""Reads back from the record what several workers begin with: positions, orders, equity, funding."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeVar

import msgspec

from chimera.clock import HOUR, Millis
from chimera.events import (
    ACCOUNT,
    EquityMarked,
    OrderFilled,
    PositionAdopted,
    PositionChanged,
    WalletTransferred,
    type_of,
)
from chimera.events.orders import OrderRecord, OrderState
from chimera.events.positions import TRADED, TradedSymbols
from chimera.ids import position_id
from chimera.store.interface import Scalar, Store

OVERLAP = 6 * HOUR  # how far back a fill may lie that the last snapshot does not count yet
APART = HOUR // 2  # how far the times of a fill and of the snapshot that counts it may differ
PAGE = 1_000
FUNDING_KEPT = 100

Fact = OrderFilled | PositionAdopted
_Body = TypeVar("_Body", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPosition:
    """The last snapshot of a symbol, the recent facts it counts, and those it does not count yet."""

    snapshot: PositionChanged | None
    changes: tuple[PositionChanged, ...]  # the recent snapshots by sequence, the last one included
    counted: frozenset[str]  # at least what made the present position, and all of living orders
    refolded: tuple[OrderFilled, ...]  # counted, but newer than an adoption that is not
    uncounted: tuple[Fact, ...]  # in the order in which they happened
    adopted_at: Millis  # fills up to then are part of what was adopted
    settled_until: Millis  # facts before then are counted, whether or not `counted` names them


def recorded_position(store: Store, symbol: str) -> RecordedPosition:
    """Return what the record says about the position in `symbol`.

    1. The last snapshot and the changes that led to it: what they name as their cause is counted.
    2. The venue's newest word: one that is not counted yet, else the last that is.
    3. The fills after that word, the counted and the others.
    """
    last = _last_snapshot(store, symbol)
    needed_since = _needed_since(store, last)
    changes = sorted(
        _since(store, "positions_snapshots", PositionChanged, symbol, needed_since),
        key=attrgetter("sequence"),
    )
    counted = {change.cause: change.sequence for change in changes}
    # An hour less than the snapshots: what falls between the two times of a fact is in both.
    since = last.ts_event - OVERLAP + HOUR if last is not None else None
    adopted, waits = _newest_adoption(store, symbol, since, counted)
    adopted_at = adopted.ts_event if adopted is not None else 0
    fills = _fills_after(store, symbol, adopted_at, since)
    waiting: list[Fact] = [adopted] if adopted is not None and waits else []
    return RecordedPosition(
        snapshot=last,
        changes=tuple(changes),
        counted=frozenset(counted),
        refolded=tuple(fill for fill in fills if waits and fill.id in counted),
        uncounted=(*waiting, *(fill for fill in fills if fill.id not in counted)),
        adopted_at=adopted_at,
        settled_until=needed_since + APART if needed_since is not None else 0,
    )


def _newest_adoption(
    store: Store, symbol: str, since: Millis | None, counted: Mapping[str, int]
) -> tuple[PositionAdopted | None, bool]:
    """Return the adoption that tells most, and whether it waits to be counted.

    That is the last one not `counted` (sequences by cause), else the one counted last; what lies
    before `since` is counted.
    """
    recent = list(_since(store, "positions_snapshots", PositionAdopted, symbol, since))
    waiting = [adopted for adopted in recent if adopted.id not in counted]
    if waiting:
        return waiting[-1], True
    if recent:  # by sequence, as a venue's clock may have been set back
        return max(recent, key=lambda adopted: counted[adopted.id]), False
    return _newest(store, "positions_snapshots", PositionAdopted, symbol), False


def _fills_after(
    store: Store, symbol: str, adopted_at: Millis, since: Millis | None
) -> list[OrderFilled]:
    fills = _since(store, "fills", OrderFilled, symbol, since)
    later = [fill for fill in fills if fill.ts_event > adopted_at]
    return sorted(later, key=lambda fill: (fill.ts_event, int(fill.trade_id)))


def _last_snapshot(store: Store, symbol: str) -> PositionChanged | None:
    """Return the snapshot with the highest sequence: the newest, unless a venue's clock went back."""
    last = _newest(store, "positions_snapshots", PositionChanged, symbol)
    while last is not None:
        later = store.get("positions_snapshots", position_id(symbol, last.sequence + 1))
        if later is None:
            break
        last = msgspec.convert(later.body, PositionChanged)
    return last


def _needed_since(store: Store, last: PositionChanged | None) -> Millis | None:
    """Return from when on every counted fact must be known, because it may be told again."""
    if last is None:
        return None
    told_again = [order.ts for order in living_orders(store) if order.symbol == last.symbol]
    if last.qty:
        told_again.append(last.opened_at)
    return min([last.ts_event - OVERLAP, *(ts - HOUR for ts in told_again)])


def recorded_funding(store: Store, symbol: str) -> frozenset[str]:
    """Return the ids of recent payments that belong to no fill, so that none is counted twice."""
    page = store.query(
        "funding_records", equal={"symbol": symbol}, order="desc", limit=FUNDING_KEPT
    )
    return frozenset(document.key for document in page.documents)


def recorded_transfers(store: Store) -> list[WalletTransferred]:
    """Return all that was ever moved into or out of the wallet by hand."""
    return list(_since(store, "funding_records", WalletTransferred, ACCOUNT, None))


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


def traded_symbols(store: Store) -> tuple[str, ...]:
    """Return every symbol that ever had a position."""
    document = store.get("positions_snapshots", TRADED)
    return msgspec.convert(document.body, TradedSymbols).symbols if document is not None else ()


def symbols_in_hand(store: Store) -> frozenset[str]:
    """Return the symbols in which an order lives or something is held, whoever opened it."""
    living = {order.symbol for order in living_orders(store)}
    newest = (_last_snapshot(store, symbol) for symbol in traded_symbols(store))
    return frozenset(living | {last.symbol for last in newest if last is not None and last.qty})


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
    return {"symbol": symbol, "type": type_of(kind)}
