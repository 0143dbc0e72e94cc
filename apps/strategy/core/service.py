"""The strategy's state machine: it folds what it must know of positions, and decides at each bar."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec

from chimera.clock import Millis
from chimera.events import (
    BundleActivated,
    DecisionMade,
    FeaturesComputed,
    IntentIssued,
    OrderChanged,
    PositionChanged,
    TimerFired,
    TradingHalted,
    TradingResumed,
)
from chimera.events.base import Event
from chimera.events.decisions import Action, HoldReason, PositionView
from chimera.events.orders import OrderRecord, Purpose
from chimera.instruments import Side
from chimera.runtime.contract import START, Effect, Publish, Record

from .decide import decide
from .lateness import Lateness
from .policy import Policy, compile_policy

POLICIES_KEPT = 16  # signals of older generations have all been decided about
WAITING_MAX = 5_000
_FLAT = PositionView()


class Strategy:
    """S3. One decision for every closed bar of the bundle's symbols, taken or skipped.

    A signal is decided about by the generation that computed it. Where factors live in another process
    they may get a bundle earlier or later than this core: a signal whose bundle is still on its way
    waits for it.
    """

    name: ClassVar[str] = "strategy"
    consumes: ClassVar[tuple[type[Event], ...]] = (
        BundleActivated,
        FeaturesComputed,
        PositionChanged,
        OrderChanged,
        TradingHalted,
        TradingResumed,
        TimerFired,
    )

    def __init__(self) -> None:
        self._policies: dict[int, Policy] = {}  # by generation
        self._waiting: deque[FeaturesComputed] = deque(maxlen=WAITING_MAX)
        self._positions: dict[str, PositionView] = {}
        self._pending_entries: dict[str, str] = {}  # the intent's id, by symbol
        self._pending_exits: dict[str, str] = {}
        self._last_intents: dict[str, IntentIssued] = {}
        self._unsent: tuple[IntentIssued, ...] = ()
        self._halted_by: set[str] = set()
        self._last_bar: dict[str, Millis] = {}
        self._lateness = Lateness()

    def restore(
        self,
        *,
        positions: Iterable[PositionChanged],
        orders: Iterable[OrderRecord],
        decisions: Iterable[DecisionMade],
        policies: Iterable[Policy] = (),
        undecided: Iterable[FeaturesComputed] = (),
        unsent: Iterable[IntentIssued] = (),
    ) -> None:
        """Take up an earlier life: the last positions, the living orders, the last decisions.

        Parameters
        ----------
        policies : of the generations that computed the last signals
        undecided : signals later than the last decisions, in the order of time; they are decided
            about when a bundle is activated, with which every life begins
        unsent : recorded intents of which no order is known: perhaps they were never published
        """
        self._unsent = tuple(unsent)
        for position in positions:
            self._fold_position(position)
        for order in orders:
            self._fold_order(order)
        for decision in decisions:
            last = self._last_bar.get(decision.symbol, 0)
            self._last_bar[decision.symbol] = max(last, decision.ts_event)
        for policy in policies:
            self._policies[policy.generation] = policy
        self._waiting.extend(undecided)

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        match event:
            case FeaturesComputed():
                return self._decide(event, now)
            case OrderChanged():
                self._fold_order(event.order)
            case PositionChanged():
                self._fold_position(event)
            case BundleActivated():
                return self._activate(event, now)
            case TimerFired(timer=timer) if timer == START:
                return self._take_up()
            case TradingHalted():
                self._halted_by.add(event.source)
            case TradingResumed():
                self._halted_by.discard(event.source)
        return ()

    def _decide(self, signal: FeaturesComputed, now: Millis) -> Sequence[Effect]:
        if signal.ts_event <= self._last_bar.get(signal.symbol, 0):
            return ()  # delivered again
        policy = self._policies.get(signal.generation)
        if policy is None:
            self._waiting.append(signal)
            return ()
        self._last_bar[signal.symbol] = signal.ts_event

        late = now - signal.ts_event >= policy.interval_ms
        decision = decide(policy, signal, self._position_of(signal.symbol, late=late))
        acts = decision.action is not Action.HOLD
        effects: list[Effect] = [
            Record(
                "decisions",
                decision.id,
                decision,
                decision.symbol,
                decision.ts_event,
                parents=(f"signals/{signal.id}",),
                durable=acts,
            ),
            Publish(decision),
        ]
        alert = self._lateness.note(signal, now, is_late=late, service=self.name)
        if alert is not None:
            effects.append(Record("alerts", alert.id, alert, alert.symbol, now))
        if acts:
            intent = _intent(decision, signal)
            pending = self._pending_exits if _closes(intent) else self._pending_entries
            pending[signal.symbol] = intent.id
            self._last_intents[signal.symbol] = intent
            effects += (
                Record(
                    "intents",
                    intent.id,
                    intent,
                    intent.symbol,
                    intent.ts_event,
                    parents=(f"decisions/{decision.id}",),
                ),
                Publish(intent),
            )
        elif decision.reason is HoldReason.ORDER_PENDING:
            effects += self._ask_after(signal.symbol)
        return effects

    def _ask_after(self, symbol: str) -> list[Effect]:
        """Issue the intent that holds us up again: it, or word of its order, may have been lost.

        The router knows an intent by its id: it tells what became of it, and refuses an old entry.
        """
        intent = self._last_intents.get(symbol)
        pending = (self._pending_exits.get(symbol), self._pending_entries.get(symbol))
        return [Publish(intent)] if intent is not None and intent.id in pending else []

    def _take_up(self) -> list[Effect]:
        """Issue again what should close the position still held; an entry would come too late."""
        effects: list[Effect] = []
        for intent in self._unsent:
            held = self._positions.get(intent.symbol, _FLAT)
            if _closes(intent) and held.qty and held.opened_at <= intent.ts_event:
                self._pending_exits[intent.symbol] = intent.id
                self._last_intents[intent.symbol] = intent
                effects.append(Publish(intent))
        self._unsent = ()
        return effects

    def _position_of(self, symbol: str, *, late: bool = False) -> PositionView:
        view = self._positions.get(symbol, _FLAT)
        pending = symbol in self._pending_exits or (
            not view.qty and symbol in self._pending_entries
        )
        if pending or late or self._halted_by:
            return msgspec.structs.replace(
                view, pending=pending, halted=bool(self._halted_by), late=late
            )
        return view

    def _fold_position(self, changed: PositionChanged) -> None:
        self._positions[changed.symbol] = PositionView(
            qty=changed.qty, entry_px=changed.entry_px, opened_at=changed.opened_at
        )

    def _fold_order(self, order: OrderRecord) -> None:
        if order.purpose is Purpose.STOP:
            return
        exits = order.purpose is Purpose.EXIT
        pending = self._pending_exits if exits else self._pending_entries
        if not order.state.is_terminal:
            pending[order.symbol] = order.intent_id
        elif pending.get(order.symbol) == order.intent_id:
            del pending[order.symbol]

    def _activate(self, event: BundleActivated, now: Millis) -> Sequence[Effect]:
        """Take up a generation beside those before it, and decide about what waited for one."""
        if event.generation not in self._policies:
            self._policies[event.generation] = compile_policy(
                event.bundle, generation=event.generation, bundle_hash=event.bundle_hash
            )
            for oldest in sorted(self._policies)[:-POLICIES_KEPT]:
                del self._policies[oldest]
        waited, self._waiting = self._waiting, deque(maxlen=WAITING_MAX)
        return [effect for signal in waited for effect in self._decide(signal, now)]


def _closes(intent: IntentIssued) -> bool:
    return intent.action is Action.CLOSE


def _intent(decision: DecisionMade, signal: FeaturesComputed) -> IntentIssued:
    closing = decision.action is Action.CLOSE
    long_exit = closing and decision.position.qty > 0
    side = Side.SELL if long_exit or decision.action is Action.SELL else Side.BUY
    return IntentIssued(
        id=f"int:{decision.id[4:]}",
        cause=decision.id,
        ts_event=decision.ts_event,
        ts_init=decision.ts_init,
        symbol=decision.symbol,
        decision_id=decision.id,
        generation=decision.generation,
        bundle_hash=decision.bundle_hash,
        action=decision.action,
        side=side,
        reference_px=signal.inputs.bar.close,
        stop_distance=decision.stop_distance,
    )
