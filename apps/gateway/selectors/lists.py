"""The console's lists: decisions, orders, positions and alerts, newest first, a page at a time."""

from typing import Any

import msgspec

from apps.gateway import presenters
from apps.gateway.selectors.documents import KeptPage, document_page
from apps.health.selectors.protection import Protection, protections
from chimera.clock import Millis
from chimera.events import DecisionMade, PositionChanged, type_of
from chimera.events.health import AlertRaised
from chimera.events.orders import OrderRecord
from chimera.store import Collection
from chimera.store.shared import shared_store


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a list: `equal` holds the filters, None where not asked for."""

    equal: dict[str, str | None]
    ts_from: Millis | None
    ts_to: Millis | None
    limit: int
    cursor: str | None


def decision_list(asked: ListRequest) -> KeptPage[DecisionMade]:
    return _list(Collection.DECISIONS, DecisionMade, asked, {})


def order_list(asked: ListRequest) -> KeptPage[OrderRecord]:
    return _list(Collection.ORDERS, OrderRecord, asked, {})


def position_list(asked: ListRequest) -> KeptPage[PositionChanged]:
    """Return snapshots of positions; the account's own marks lie beside them and are left out."""
    only = {"type": type_of(PositionChanged)}
    return _list(Collection.POSITIONS_SNAPSHOTS, PositionChanged, asked, only)


def alert_list(asked: ListRequest) -> KeptPage[AlertRaised]:
    """Return alerts; documents of another type lie beside them in an older record."""
    return _list(Collection.ALERTS, AlertRaised, asked, {"type": type_of(AlertRaised)})


def positions_open() -> list[Protection]:
    """Return every open position with what protects it."""
    return protections(shared_store())


def open_position_item(found: Protection) -> dict[str, Any]:
    return {
        **presenters.position_item(found.position),
        "acknowledged_qty": str(found.acknowledged_qty),
        "trigger_px": None if found.trigger_px is None else str(found.trigger_px),
        "is_protected": found.is_protected,
    }


def _list(
    collection: Collection, kind: type[Any], asked: ListRequest, only: dict[str, str]
) -> KeptPage[Any]:
    return document_page(
        collection,
        kind,
        equal={**asked.equal, **only},
        ts_from=asked.ts_from,
        ts_to=asked.ts_to,
        limit=asked.limit,
        cursor=asked.cursor,
    )
