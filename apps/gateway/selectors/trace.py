"""The whole story of a decision, an order or any other document: what led to it and what it led to."""

from decimal import Decimal
from typing import Any

import msgspec

from apps.gateway.selectors.documents import Kept, document_find, document_get
from chimera.errors import NotFound
from chimera.events import DecisionMade, FeaturesComputed, OrderFilled
from chimera.events.orders import OrderRecord, Origin
from chimera.store import Collection, Document
from chimera.store.shared import shared_store

NODES_MAX = 120
# The order of a life. Documents of other collections come last.
STAGES = (
    Collection.SIGNALS,
    Collection.DECISIONS,
    Collection.INTENTS,
    Collection.ORDERS,
    Collection.FILLS,
    Collection.FUNDING_RECORDS,
    Collection.POSITIONS_SNAPSHOTS,
)


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One document of a lineage; `summary` is its one telling value, `parents` are references."""

    reference: str
    collection: str
    key: str
    ts: int | None
    symbol: str
    summary: str
    parents: tuple[str, ...]
    is_start: bool


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Documents by stage, oldest first. `omitted` is how many were too many to show."""

    nodes: tuple[Node, ...]
    omitted: int


class DecisionTrace(msgspec.Struct, frozen=True, kw_only=True):
    decision: Kept[DecisionMade]
    signal: Kept[FeaturesComputed] | None
    orders: tuple[Kept[OrderRecord], ...]
    fills: tuple[Kept[OrderFilled], ...]
    lineage: Lineage


class OrderTrace(msgspec.Struct, frozen=True, kw_only=True):
    order: Kept[OrderRecord]
    decision_key: str | None
    fills: tuple[Kept[OrderFilled], ...]
    lineage: Lineage


def decision_trace(key: str) -> DecisionTrace:
    """Return a decision with the signal it read and everything that came of it."""
    decision = document_get(Collection.DECISIONS, key, DecisionMade)
    lineage = lineage_of(Collection.DECISIONS, key)
    return DecisionTrace(
        decision=decision,
        signal=document_find(Collection.SIGNALS, decision.body.signal_id, FeaturesComputed),
        orders=_orders(lineage),
        fills=_fills(lineage),
        lineage=lineage,
    )


def order_trace(key: str) -> OrderTrace:
    """Return an order with its fills and the decision behind it, if one is."""
    order = document_get(Collection.ORDERS, key, OrderRecord)
    lineage = lineage_of(Collection.ORDERS, key)
    decisions = [node.key for node in lineage.nodes if node.collection == Collection.DECISIONS]
    return OrderTrace(
        order=order,
        decision_key=decisions[0] if decisions else None,
        fills=tuple(
            fill
            for fill in _fills(lineage)
            if fill.body.client_order_id == order.body.client_order_id
        ),
        lineage=lineage,
    )


def document_trace(collection: str, key: str) -> tuple[Document, Lineage]:
    """Return any document as it is stored, with its lineage; raises `NotFound`, `InvalidInput`."""
    document = shared_store().get(collection, key)
    if document is None:
        raise NotFound(f"there is no document {key!r} in {collection}", collection=collection)
    return document, lineage_of(collection, key)


def lineage_of(collection: str, key: str) -> Lineage:
    """Return what a document came from and what came of it, each found once."""
    store = shared_store()
    found = store.trace(collection, key)
    start = f"{collection}/{key}"
    parents: dict[str, list[str]] = {}
    for edge in found.edges:
        parents.setdefault(edge.child, []).append(edge.parent)
    references = sorted(found.nodes, key=lambda node: (node != start, _stage(node)))
    nodes = []
    for reference in references[:NODES_MAX]:
        place, _, name = reference.partition("/")
        body = document.body if (document := store.get(place, name)) is not None else {}
        nodes.append(_node(reference, body, tuple(parents.get(reference, ())), start))
    nodes.sort(key=lambda node: (_stage(node.reference), node.ts or 0, node.key))
    return Lineage(nodes=tuple(nodes), omitted=max(0, len(references) - NODES_MAX))


def _node(reference: str, body: dict[str, Any], parents: tuple[str, ...], start: str) -> Node:
    collection, _, key = reference.partition("/")
    return Node(
        reference=reference,
        collection=collection,
        key=key,
        ts=body.get("ts_event", body.get("ts")),
        symbol=body.get("symbol", ""),
        summary=_summary(collection, body),
        parents=parents,
        is_start=reference == start,
    )


def _summary(collection: str, body: dict[str, Any]) -> str:
    match collection:
        case Collection.DECISIONS | Collection.INTENTS:
            return str(body.get("action", ""))
        case Collection.ORDERS:
            return f"{body.get('purpose', '')} {body.get('side', '')} {body.get('state', '')}"
        case Collection.FILLS:
            traded = (
                f"{body.get('side', '')} {body.get('last_qty', '')} @ {body.get('last_px', '')}"
            )
            origin = body.get("origin", Origin.OURS.value)
            return traded if origin == Origin.OURS.value else f"{origin}: {traded}"
        case Collection.POSITIONS_SNAPSHOTS if "qty" in body:
            return f"{body['qty']} @ {body['entry_px']}" if Decimal(body["qty"]) else "flat"
        case Collection.FUNDING_RECORDS:
            return f"{body.get('amount', '')} {body.get('asset', '')}"
        case Collection.SIGNALS:
            return f"{len(body.get('features', ()))} factors"
        case _:
            return ""


def _stage(reference: str) -> int:
    collection = reference.partition("/")[0]
    return next((i for i, stage in enumerate(STAGES) if stage == collection), len(STAGES))


def _orders(lineage: Lineage) -> tuple[Kept[OrderRecord], ...]:
    keys = [node.key for node in lineage.nodes if node.collection == Collection.ORDERS]
    return tuple(document_get(Collection.ORDERS, key, OrderRecord) for key in keys)


def _fills(lineage: Lineage) -> tuple[Kept[OrderFilled], ...]:
    keys = [node.key for node in lineage.nodes if node.collection == Collection.FILLS]
    return tuple(document_get(Collection.FILLS, key, OrderFilled) for key in keys)
