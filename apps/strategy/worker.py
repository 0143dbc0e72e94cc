"""Wires the strategy into a runtime, restored from the record of positions, orders and decisions."""

import msgspec

from apps.strategy.core.service import Strategy
from chimera.events import DecisionMade, IntentIssued
from chimera.events.decisions import Action
from chimera.events.orders import Purpose
from chimera.ids import client_order_id
from chimera.runtime.restore import living_orders, recorded_position
from chimera.runtime.worker import WorkerContext
from chimera.store.interface import Store


def build(context: WorkerContext) -> Strategy:
    store = context.store
    strategy = Strategy()
    snapshots = [recorded_position(store, symbol).snapshot for symbol in context.symbols]
    strategy.restore(
        positions=[snapshot for snapshot in snapshots if snapshot is not None],
        orders=living_orders(store),
        decisions=[
            decision for symbol in context.symbols for decision in _last_decisions(store, symbol)
        ],
        unsent=[intent for symbol in context.symbols for intent in _unsent(store, symbol)],
    )
    return strategy


def _last_decisions(store: Store, symbol: str) -> list[DecisionMade]:
    page = store.query("decisions", equal={"symbol": symbol}, order="desc", limit=1)
    return [msgspec.convert(document.body, DecisionMade) for document in page.documents]


def _unsent(store: Store, symbol: str) -> list[IntentIssued]:
    """Return the last intent if no order is recorded for it."""
    page = store.query("intents", equal={"symbol": symbol}, order="desc", limit=1)
    intents = [msgspec.convert(document.body, IntentIssued) for document in page.documents]
    return [intent for intent in intents if store.get("orders", _order_id(intent)) is None]


def _order_id(intent: IntentIssued) -> str:
    purpose = Purpose.EXIT if intent.action is Action.CLOSE else Purpose.ENTRY
    return client_order_id(purpose, intent.id)
