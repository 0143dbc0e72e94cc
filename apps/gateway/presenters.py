"""Events as the console sees them: small JSON objects, each with a `kind`.

The snapshot (from documents) and the websocket (from streams) both go through here, so that what a
page replays equals what it would fetch. Money and quantities are decimal strings, market data numbers.
"""

from collections.abc import Iterator
from typing import Any

from chimera.events import (
    DecisionMade,
    EquityMarked,
    FeaturesComputed,
    MarkPriceChanged,
    OrderChanged,
    OrderFilled,
    PositionChanged,
    TradePrinted,
)
from chimera.events.base import Event
from chimera.events.decisions import HoldReason, RuleTrace
from chimera.events.health import AlertRaised
from chimera.events.market import BarClosed
from chimera.events.orders import OrderRecord

Item = dict[str, Any]

_OUTCOMES = {True: "true", False: "false", None: "unknown"}


def present(event: Event) -> Iterator[Item]:
    """Yield what the console shows of an event: nothing for most, two items for features."""
    match event:
        case FeaturesComputed():
            yield bar_item(event.inputs.bar)
            yield features_item(event)
            if event.inputs.mark_px is not None:
                yield mark_item(event.symbol, event.inputs.mark_px, event.ts_event)
        case DecisionMade():
            yield decision_item(event.id, event)
        case OrderChanged():
            yield order_item(event.order)
        case OrderFilled():
            yield fill_item(event)
        case PositionChanged():
            yield position_item(event)
        case EquityMarked():
            yield equity_item(event)
        case MarkPriceChanged():
            yield mark_item(event.symbol, event.mark_px, event.ts_event)
        case TradePrinted():
            yield {"kind": "trade", "symbol": event.symbol, "ts": event.ts_event, "px": event.px}
        case _:
            return


def bar_item(bar: BarClosed) -> Item:
    return {
        "kind": "bar",
        "symbol": bar.symbol,
        "interval": bar.interval,
        "open_time": bar.open_time,
        "ts": bar.ts_event,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
    }


def features_item(event: FeaturesComputed) -> Item:
    return {
        "kind": "features",
        "key": event.id,
        "symbol": event.symbol,
        "ts": event.ts_event,
        "generation": event.generation,
        "bundle_hash": event.bundle_hash,
        "values": event.features,
    }


def mark_item(symbol: str, px: float, ts: int) -> Item:
    return {"kind": "mark", "symbol": symbol, "ts": ts, "px": px}


def decision_item(key: str, decision: DecisionMade) -> Item:
    return {
        "kind": "decision",
        "key": key,
        "symbol": decision.symbol,
        "ts": decision.ts_event,
        "action": decision.action.value,
        "rule": decision.rule,
        "reason": None if decision.reason is None else decision.reason.value,
        "because": because(decision),
        "generation": decision.generation,
    }


def because(decision: DecisionMade) -> str:
    """Say in the bundle's own words what decided.

    1. A guard refused: the names of the guards that did.
    2. A rule was true: the clauses that made it so; those that had to be false or unknown say that.
    3. No rule was true: of every rule the clauses that kept it from being true, with their outcomes.
    """
    if decision.reason is HoldReason.GUARD_REFUSED:
        return ", ".join(guard.name for guard in decision.guards if guard.refused)
    for rule in decision.rules:
        if rule.name == decision.rule:
            return ", ".join(
                text if outcome else f"{text}: {_OUTCOMES[outcome]}"
                for text, outcome in _deciders(rule)
            )
    held_back = [decider for rule in decision.rules for decider in _deciders(rule)]
    return ", ".join(f"{text}: {_OUTCOMES[outcome]}" for text, outcome in held_back)


def _deciders(rule: RuleTrace) -> list[tuple[str, bool | None]]:
    explanation = rule.explanation
    return [
        (explanation.clauses[index].text, explanation.outcomes[index])
        for index in explanation.decided_by
    ]


def order_item(order: OrderRecord) -> Item:
    return {
        "kind": "order",
        "key": order.client_order_id,
        "revision": order.revision,
        "symbol": order.symbol,
        "ts": order.ts,
        "updated": order.history[-1].ts if order.history else order.ts,
        "purpose": order.purpose.value,
        "side": order.side.value,
        "order_type": order.order_type.value,
        "state": order.state.value,
        "is_open": not order.state.is_terminal,
        "qty": str(order.qty),
        "filled_qty": str(order.filled_qty),
        "px": _text(order.px),
        "trigger_px": _text(order.trigger_px),
        "avg_px": _text(order.avg_px),
        "refused_by": next((check.gate for check in order.gates if not check.passed), None),
    }


def fill_item(fill: OrderFilled) -> Item:
    return {
        "kind": "fill",
        "key": fill.id,
        "symbol": fill.symbol,
        "ts": fill.ts_event,
        "order": fill.client_order_id,
        "trade_id": fill.trade_id,
        "side": fill.side.value,
        "qty": str(fill.last_qty),
        "px": str(fill.last_px),
        "fee": str(fill.fee),
        "fee_asset": fill.fee_asset,
        "liquidity": fill.liquidity_side.value,
        "origin": fill.origin.value,
    }


def position_item(position: PositionChanged) -> Item:
    return {
        "kind": "position",
        "key": position.id,
        "symbol": position.symbol,
        "sequence": position.sequence,
        "qty": str(position.qty),
        "entry_px": str(position.entry_px),
        "opened_at": position.opened_at,
        "realised_pnl": str(position.realised_pnl),
        "fees": str(position.fees),
        "funding": str(position.funding),
    }


def equity_item(equity: EquityMarked) -> Item:
    return {
        "kind": "equity",
        "key": equity.id,
        "ts": equity.ts_event,
        "equity": str(equity.wallet_usdt + equity.unrealised_usdt),
        "wallet": str(equity.wallet_usdt),
        "unrealised": str(equity.unrealised_usdt),
        "day_pnl": str(equity.day_pnl_usdt),
        "open_positions": equity.open_positions,
    }


def alert_item(key: str, alert: AlertRaised) -> Item:
    return {
        "key": key,
        "ts": alert.ts_init,  # what it is about may lie long before it was noticed
        "service": alert.service,
        "severity": alert.severity.value,
        "detail": alert.detail,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
