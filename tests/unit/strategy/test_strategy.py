"""The strategy: what is unknown never acts, in doubt no new risk, and every bar is decided once."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec
import pytest

from apps.strategy.core.decide import decide
from apps.strategy.core.policy import Policy, compile_policy
from apps.strategy.core.service import Strategy
from chimera.bundles import (
    Bundle,
    FactorKind,
    FactorSpec,
    GuardSpec,
    RiskLimits,
    RuleAction,
    RuleSpec,
)
from chimera.clock import MINUTE
from chimera.events import (
    BarClosed,
    BundleActivated,
    DecisionMade,
    FeaturesComputed,
    IntentIssued,
    OrderChanged,
    PositionChanged,
    TradingHalted,
    TradingResumed,
    encode,
)
from chimera.events.base import Event
from chimera.events.decisions import Action, HoldReason, PositionView
from chimera.events.features import MarketInputs
from chimera.events.health import AlertRaised
from chimera.events.orders import OrderRecord, OrderState, OrderType, Purpose
from chimera.instruments import Side
from chimera.runtime.contract import Effect, Publish, Record

D = Decimal
SYMBOL = "BTCUSDT-PERP"
T0 = 1_746_374_400_000


def bundle(**changes: object) -> Bundle:
    base = Bundle(
        name="test",
        interval="1m",
        symbols=(SYMBOL,),
        factors=(
            FactorSpec(name="a", kind=FactorKind.RSI, length=2),
            FactorSpec(name="b", kind=FactorKind.EMA, length=2),
        ),
        guards=(GuardSpec(name="calm", refuse_when="b > 100", reason="wild"),),
        rules=(
            RuleSpec(name="up", when="a > 10", do=RuleAction.OPEN_LONG, stop_distance="b / 1000"),
            RuleSpec(name="down", when="a < -10", do=RuleAction.OPEN_SHORT, stop_distance="0.01"),
            RuleSpec(name="old", when="bars_held >= 3", do=RuleAction.CLOSE),
            RuleSpec(name="gain", when="unrealised_frac > 0.1", do=RuleAction.CLOSE),
            RuleSpec(name="turn", when="position_side * a < 0", do=RuleAction.CLOSE),
        ),
        risk=RiskLimits(),
    )
    return msgspec.structs.replace(base, **changes)


def policy(**changes: object) -> Policy:
    return compile_policy(bundle(**changes), generation=1, bundle_hash="h")


def signal(
    a: float | None = 20.0,
    b: float | None = 10.0,
    *,
    close: float = 100.0,
    at: int = T0,
    generation: int = 1,
) -> FeaturesComputed:
    bar = BarClosed(
        id=f"bar:{at}",
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        interval="1m",
        open_time=at - MINUTE,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=1.0,
    )
    return FeaturesComputed(
        id=f"sig:{SYMBOL}:{at}:g{generation}",
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        interval="1m",
        generation=generation,
        bundle_hash="h",
        inputs=MarketInputs(bar=bar),
        features={"a": a, "b": b},
    )


def view(qty: str = "0", *, opened_at: int = T0, **flags: bool) -> PositionView:
    return PositionView(qty=D(qty), entry_px=D(100), opened_at=opened_at, **flags)


# --- one decision ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "action", "reason"),
    [
        (20.0, 10.0, Action.BUY, None),
        (-20.0, 10.0, Action.SELL, None),
        (0.0, 10.0, Action.HOLD, HoldReason.NO_RULE_MATCHED),
        (None, 10.0, Action.HOLD, HoldReason.NO_RULE_MATCHED),  # unknown never acts
        (20.0, 101.0, Action.HOLD, HoldReason.GUARD_REFUSED),
        (-20.0, None, Action.HOLD, HoldReason.GUARD_REFUSED),  # an unknown guard refuses
        (20.0, 2.9, Action.HOLD, HoldReason.STOP_OUT_OF_BOUNDS),
        (20.0, 3.0, Action.BUY, None),
        (20.0, 20.0, Action.BUY, None),
        (20.0, 20.1, Action.HOLD, HoldReason.STOP_OUT_OF_BOUNDS),
    ],
)
def test_decide_flat(
    a: float | None, b: float | None, action: Action, reason: HoldReason | None
) -> None:
    decision = decide(policy(), signal(a, b), view())

    assert (decision.action, decision.reason) == (action, reason)


def test_decide_stop_unknown_holds() -> None:
    decision = decide(policy(guards=()), signal(20.0, None), view())

    assert (decision.action, decision.reason) == (Action.HOLD, HoldReason.STOP_UNKNOWN)


def test_decide_flat_asks_every_guard_and_stops_at_the_first_true_rule() -> None:
    decision = decide(policy(), signal(20.0), view())

    assert [(guard.name, guard.reason) for guard in decision.guards] == [("calm", "wild")]
    assert [rule.name for rule in decision.rules] == ["up"]
    assert (decision.rule, decision.stop_distance) == ("up", 0.01)


@pytest.mark.parametrize(
    ("qty", "a", "close", "at", "rule"),
    [
        ("1", 20.0, 100.0, T0 + 3 * MINUTE, "old"),
        ("1", 20.0, 100.0, T0 + 3 * MINUTE - 1, None),
        ("1", 20.0, 111.0, T0, "gain"),
        ("-1", -20.0, 89.0, T0, "gain"),
        ("-1", -20.0, 111.0, T0, None),
        ("1", -5.0, 100.0, T0, "turn"),
        ("-1", 5.0, 100.0, T0, "turn"),
    ],
)
def test_decide_in_a_position_asks_only_the_closing_rules(
    qty: str, a: float, close: float, at: int, rule: str | None
) -> None:
    decision = decide(policy(), signal(a, 1_000.0, close=close, at=at), view(qty))

    assert decision.rule == rule
    assert decision.action is (Action.CLOSE if rule else Action.HOLD)
    assert decision.guards == ()


def test_decide_closing_is_never_stopped_by_a_halt() -> None:
    decision = decide(policy(), signal(-5.0), view("1", halted=True))

    assert decision.action is Action.CLOSE


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"pending": True}, HoldReason.ORDER_PENDING),
        ({"halted": True}, HoldReason.TRADING_HALTED),
        ({"pending": True, "halted": True}, HoldReason.ORDER_PENDING),
    ],
)
def test_decide_pending_or_halted_holds(flags: dict[str, bool], reason: HoldReason) -> None:
    decision = decide(policy(), signal(20.0), view(**flags))

    assert (decision.action, decision.reason, decision.rule) == (Action.HOLD, reason, "up")


@pytest.mark.parametrize("held", ["0", "1"])
@pytest.mark.parametrize(
    ("learned_after", "late", "reason"),
    [
        (MINUTE - 1, False, None),
        (MINUTE, False, HoldReason.LEARNED_LATE),
        (0, True, HoldReason.LEARNED_LATE),
    ],
)
def test_b7_decide_a_bar_learned_late_holds_with_its_whole_trace(
    held: str, learned_after: int, late: bool, reason: HoldReason | None
) -> None:
    told = signal(20.0, close=111.0)
    told = msgspec.structs.replace(told, ts_init=told.ts_event + learned_after)

    decision = decide(policy(), told, view(held, late=late))

    assert decision.reason is reason
    assert (decision.action is Action.HOLD) is (reason is not None)
    assert decision.rule == ("up" if held == "0" else "gain")
    assert [trace.name for trace in decision.rules][-1] == decision.rule
    assert bool(decision.guards) is (held == "0")


def test_decide_equal_inputs_give_equal_bytes() -> None:
    once = encode(decide(policy(), signal(), view()))
    again = encode(
        decide(policy(), msgspec.json.decode(encode(signal()), type=FeaturesComputed), view())
    )

    assert once == again


# --- the service -----------------------------------------------------------------------------------------------


def activated(generation: int = 1, **changes: object) -> BundleActivated:
    return BundleActivated(
        id=f"cfg:g{generation}",
        ts_event=T0,
        ts_init=T0,
        generation=generation,
        bundle_hash="h",
        bundle=bundle(**changes),
        actor="tester",
        reason="test",
    )


def changed(qty: str) -> PositionChanged:
    return PositionChanged(
        id="pos",
        ts_event=T0,
        ts_init=T0,
        symbol=SYMBOL,
        sequence=1,
        qty=D(qty),
        entry_px=D(100),
        opened_at=T0,
        realised_pnl=D(0),
        fees=D(0),
        funding=D(0),
    )


def order(state: OrderState, intent_id: str, purpose: Purpose = Purpose.ENTRY) -> OrderRecord:
    return OrderRecord(
        client_order_id="c",
        revision=1,
        symbol=SYMBOL,
        ts=T0,
        intent_id=intent_id,
        generation=1,
        purpose=purpose,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        qty=D(1),
        state=state,
    )


def order_changed(record: OrderRecord) -> OrderChanged:
    return OrderChanged(id="ord", ts_event=T0, ts_init=T0, symbol=SYMBOL, order=record)


def tell(strategy: Strategy, *events: Event) -> list[Effect]:
    return [effect for event in events for effect in strategy.handle(event, event.ts_init)]


def published(effects: list[Effect], kind: type) -> list:
    return [e.event for e in effects if isinstance(e, Publish) and isinstance(e.event, kind)]


def ready() -> Strategy:
    strategy = Strategy()
    tell(strategy, activated())
    return strategy


def test_signal_ahead_of_its_bundle_is_decided_about_when_the_bundle_comes() -> None:
    strategy = ready()
    ahead = [signal(generation=2, at=T0 + n * MINUTE) for n in (1, 2)]
    assert tell(strategy, *ahead, ahead[0]) == []

    decisions = published(tell(strategy, activated(2)), DecisionMade)

    assert [(d.signal_id, d.generation) for d in decisions] == [(s.id, 2) for s in ahead]
    assert tell(strategy, *ahead) == []


def test_signal_of_the_generation_before_is_decided_about_by_that_one() -> None:
    strategy = ready()
    never = (RuleSpec(name="never", when="a > 1000", do=RuleAction.CLOSE),)
    tell(strategy, activated(2, rules=never))

    (old,) = published(tell(strategy, signal(generation=1)), DecisionMade)
    (new,) = published(tell(strategy, signal(generation=2, at=T0 + MINUTE)), DecisionMade)

    assert (old.generation, old.rule) == (1, "up")
    assert (new.generation, new.rule) == (2, None)


def test_bar_has_one_decision_whatever_generations_it_is_told_in() -> None:
    strategy = ready()
    tell(strategy, activated(2))

    assert published(tell(strategy, signal(generation=2)), DecisionMade)
    assert tell(strategy, signal(generation=1)) == []


def test_signals_an_earlier_life_left_are_decided_about_in_order() -> None:
    strategy = Strategy()
    left = [signal(at=T0 + MINUTE), signal(generation=2, at=T0 + 2 * MINUTE)]
    strategy.restore(
        positions=[], orders=[], decisions=[], policies=[policy()], undecided=[signal(), *left]
    )

    decisions = published(tell(strategy, activated(2)), DecisionMade)

    assert [d.generation for d in decisions] == [1, 1, 2]


def test_b6_every_bar_has_its_decision_recorded_before_it_is_told() -> None:
    effects = tell(ready(), signal(0.0))

    assert [type(effect) for effect in effects] == [Record, Publish]
    (decision,) = published(effects, DecisionMade)
    assert decision.reason is HoldReason.NO_RULE_MATCHED


def test_signal_delivered_again_or_out_of_order_is_decided_once() -> None:
    strategy = ready()
    tell(strategy, signal(at=T0 + MINUTE))

    assert tell(strategy, signal(at=T0 + MINUTE)) == []
    assert tell(strategy, signal(at=T0)) == []


def test_opening_issues_an_intent_and_waits_for_its_order() -> None:
    strategy = ready()
    (intent,) = published(tell(strategy, signal()), IntentIssued)
    assert (intent.action, intent.side, intent.stop_distance) == (Action.BUY, Side.BUY, 0.01)

    (second,) = published(tell(strategy, signal(at=T0 + MINUTE)), DecisionMade)
    assert second.reason is HoldReason.ORDER_PENDING

    tell(strategy, order_changed(order(OrderState.REFUSED, intent.id)))
    (third,) = published(tell(strategy, signal(at=T0 + 2 * MINUTE)), DecisionMade)
    assert third.action is Action.BUY


def test_end_of_an_older_order_does_not_free_the_present_one() -> None:
    strategy = ready()
    tell(strategy, signal())

    tell(strategy, order_changed(order(OrderState.FILLED, "int:older")))

    (decision,) = published(tell(strategy, signal(at=T0 + MINUTE)), DecisionMade)
    assert decision.reason is HoldReason.ORDER_PENDING


def test_partly_filled_entry_does_not_hold_an_exit() -> None:
    strategy = ready()
    (intent,) = published(tell(strategy, signal()), IntentIssued)
    tell(strategy, order_changed(order(OrderState.PARTIALLY_FILLED, intent.id)), changed("1"))

    (decision,) = published(tell(strategy, signal(-5.0, at=T0 + MINUTE)), DecisionMade)

    assert decision.action is Action.CLOSE


def test_entry_that_still_rests_holds_the_next_when_its_exit_is_over() -> None:
    strategy = ready()
    (intent,) = published(tell(strategy, signal()), IntentIssued)
    tell(strategy, order_changed(order(OrderState.PARTIALLY_FILLED, intent.id)), changed("1"))
    (out,) = published(tell(strategy, signal(-5.0, at=T0 + MINUTE)), IntentIssued)
    exited = order(OrderState.FILLED, out.id, Purpose.EXIT)
    tell(strategy, order_changed(exited), changed("0"))

    (decision,) = published(tell(strategy, signal(at=T0 + 2 * MINUTE)), DecisionMade)

    assert decision.reason is HoldReason.ORDER_PENDING


@pytest.mark.parametrize(("qty", "a"), [("0", 20.0), ("1", -5.0)])
def test_intent_without_an_answer_is_issued_again_when_it_holds_a_bar_up(
    qty: str, a: float
) -> None:
    strategy = ready()
    tell(strategy, changed(qty))
    (intent,) = published(tell(strategy, signal(a)), IntentIssued)

    effects = tell(strategy, signal(a, at=T0 + MINUTE))

    (decision,) = published(effects, DecisionMade)
    assert decision.reason is HoldReason.ORDER_PENDING
    assert published(effects, IntentIssued) == [intent]


def test_stop_orders_are_not_pending_intents() -> None:
    strategy = ready()

    tell(strategy, order_changed(order(OrderState.OPEN, "guard:1", Purpose.STOP)))

    (decision,) = published(tell(strategy, signal()), DecisionMade)
    assert decision.action is Action.BUY


@pytest.mark.parametrize(("qty", "side"), [("1", Side.SELL), ("-1", Side.BUY)])
def test_closing_intent_trades_against_the_position(qty: str, side: Side) -> None:
    strategy = ready()
    tell(strategy, changed(qty))

    effects = tell(strategy, signal(-5.0 * float(qty), at=T0 + MINUTE))

    (intent,) = published(effects, IntentIssued)
    assert (intent.action, intent.side) == (Action.CLOSE, side)


def test_halts_are_kept_by_their_source() -> None:
    strategy = ready()
    for source in ("a", "b"):
        tell(strategy, TradingHalted(id=source, ts_event=T0, ts_init=T0, source=source, reason="x"))
    tell(strategy, TradingResumed(id="r", ts_event=T0, ts_init=T0, source="a"))
    (decision,) = published(tell(strategy, signal()), DecisionMade)
    assert decision.reason is HoldReason.TRADING_HALTED

    tell(strategy, TradingResumed(id="r", ts_event=T0, ts_init=T0, source="b"))
    (decision,) = published(tell(strategy, signal(at=T0 + MINUTE)), DecisionMade)
    assert decision.action is Action.BUY


def test_b7_signal_that_waited_for_a_whole_bar_leads_to_nothing() -> None:
    strategy = ready()
    tell(strategy, changed("1"))

    effects = strategy.handle(signal(-5.0), T0 + MINUTE)

    (decision,) = published(effects, DecisionMade)
    assert (decision.rule, decision.reason) == ("turn", HoldReason.LEARNED_LATE)
    assert decision == decide(policy(), signal(-5.0), decision.position), "a replay repeats it"
    assert not published(effects, IntentIssued)


def decided_after(
    strategy: Strategy, lags: Iterable[int], *, symbol: str = SYMBOL, first: int = 0
) -> list[AlertRaised]:
    """Decide about bars that close one after another, each so many seconds after its close."""
    alerts = []
    for number, lag in enumerate(lags, start=first):
        bar_closed = T0 + number * MINUTE
        told = msgspec.structs.replace(signal(at=bar_closed), symbol=symbol)
        effects = strategy.handle(told, bar_closed + lag * 1_000)
        alerts += [
            e.document for e in effects if isinstance(e, Record) and e.collection == "alerts"
        ]
    return alerts


def test_b7_bars_decided_ever_later_raise_one_alert_until_they_are_in_time_again() -> None:
    strategy = ready()

    (alert,) = decided_after(strategy, [5, 61, 75, 90, 80, 95])
    assert (alert.symbol, alert.service) == (SYMBOL, "strategy")
    assert "75 s after" in alert.detail
    assert decided_after(strategy, [61, 61], symbol="ETHUSDT-PERP") == []  # the same spell

    assert decided_after(strategy, [5], symbol="ETHUSDT-PERP", first=2) == []
    assert len(decided_after(strategy, [59, 61, 61, 61], first=6)) == 1


def test_b7_bars_that_an_outage_held_back_raise_no_alert() -> None:
    strategy = ready()

    assert decided_after(strategy, [3, *range(3_600, 0, -59), 2, 70, 9, 65, 5]) == []


def test_b7_symbol_that_stopped_while_late_does_not_mute_the_others_for_ever() -> None:
    strategy = ready()
    assert len(decided_after(strategy, [61, 61])) == 1  # and then nothing more of it

    quick = [5] * 12
    assert decided_after(strategy, quick, symbol="ETHUSDT-PERP", first=2) == []

    assert len(decided_after(strategy, [61, 61], symbol="ETHUSDT-PERP", first=14)) == 1


def test_restart_knows_position_pending_order_and_last_bar() -> None:
    before = ready()
    (decided,) = published(tell(before, signal()), DecisionMade)
    strategy = Strategy()
    strategy.restore(
        positions=[changed("1")],
        orders=[order(OrderState.OPEN, "int:exit", Purpose.EXIT)],
        decisions=[decided],
    )
    tell(strategy, activated())

    assert tell(strategy, signal()) == []
    (decision,) = published(tell(strategy, signal(-5.0, at=T0 + MINUTE)), DecisionMade)
    assert decision.position.qty == D(1)
    assert decision.reason is HoldReason.ORDER_PENDING
