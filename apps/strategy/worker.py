"""Wires the strategy into a runtime, restored from the record of positions, orders and decisions.

Signals are recorded before they are published: those that an earlier life never received are found there.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter

import msgspec

from apps.strategy.core.policy import Policy, compile_policy
from apps.strategy.core.service import Strategy
from chimera.bundles import Bundle
from chimera.clock import Millis
from chimera.events import DecisionMade, FeaturesComputed, IntentIssued
from chimera.events.decisions import Action
from chimera.events.orders import Purpose
from chimera.ids import client_order_id
from chimera.runtime.restore import living_orders, recorded_position
from chimera.runtime.worker import WorkerContext
from chimera.store.interface import Store

SIGNALS_READ = 1_000


def build(context: WorkerContext) -> Strategy:
    """Return the strategy with the signals it was not told of, and the policies that decide about them."""
    store = context.store
    strategy = Strategy()
    snapshots = [recorded_position(store, symbol).snapshot for symbol in context.symbols]
    decisions = [d for symbol in context.symbols for d in _last_decisions(store, symbol)]
    decided_to = {decision.symbol: decision.ts_event for decision in decisions}
    signals = [s for symbol in context.symbols for s in _last_signals(store, symbol, decided_to)]
    strategy.restore(
        positions=[snapshot for snapshot in snapshots if snapshot is not None],
        orders=living_orders(store),
        decisions=decisions,
        policies=_policies_of(store, signals),
        undecided=sorted(
            (s for s in signals if s.ts_event > decided_to.get(s.symbol, 0)),
            key=attrgetter("ts_event", "symbol"),
        ),
        unsent=[intent for symbol in context.symbols for intent in _unsent(store, symbol)],
    )
    return strategy


def _last_decisions(store: Store, symbol: str) -> list[DecisionMade]:
    page = store.query("decisions", equal={"symbol": symbol}, order="desc", limit=1)
    return [msgspec.convert(document.body, DecisionMade) for document in page.documents]


def _last_signals(
    store: Store, symbol: str, decided_to: Mapping[str, Millis]
) -> list[FeaturesComputed]:
    """Return the signals from the last one that was decided about on, oldest first."""
    since = decided_to.get(symbol)
    page = store.query(
        "signals", equal={"symbol": symbol}, ts_from=since, order="desc", limit=SIGNALS_READ
    )
    return [msgspec.convert(d.body, FeaturesComputed) for d in reversed(page.documents)]


def _policies_of(store: Store, signals: Iterable[FeaturesComputed]) -> list[Policy]:
    """Compile what decides about `signals`; the active bundle may be another by now."""
    policies = []
    for generation, identity in sorted({(s.generation, s.bundle_hash) for s in signals}):
        document = store.get("config_bundles", identity)
        if document is not None:
            bundle = msgspec.convert(document.body["bundle"], Bundle)
            policies.append(compile_policy(bundle, generation=generation, bundle_hash=identity))
    return policies


def _unsent(store: Store, symbol: str) -> list[IntentIssued]:
    """Return the last intent if no order is recorded for it."""
    page = store.query("intents", equal={"symbol": symbol}, order="desc", limit=1)
    intents = [msgspec.convert(document.body, IntentIssued) for document in page.documents]
    return [intent for intent in intents if store.get("orders", _order_id(intent)) is None]


def _order_id(intent: IntentIssued) -> str:
    purpose = Purpose.EXIT if intent.action is Action.CLOSE else Purpose.ENTRY
    return client_order_id(purpose, intent.id)
