"""What the console shows of events."""

import msgspec

from apps.gateway.presenters import because, present
from chimera.events import DecisionMade, FeaturesComputed, OrderFilled, PositionChanged
from chimera.events.decisions import Action, HoldReason
from chimera.events.health import ServiceState
from chimera.events.orders import Origin
from chimera.lang import BOOL, NUMBER, compile_expression
from tests.support.builders import Story, service_reported

STORY = Story().run(120)


def first(kind: type, matches=lambda event: True):
    return next(event for event in STORY.events if isinstance(event, kind) and matches(event))


def test_features_show_bar_values_and_mark():
    items = list(present(first(FeaturesComputed)))
    assert [item["kind"] for item in items] == ["bar", "features", "mark"]
    assert items[1]["values"]["depth_imbalance"] is None


def test_event_without_place_on_the_desk_shows_nothing():
    assert list(present(service_reported("orders", ServiceState.OK, 1))) == []


def test_because_of_an_action_names_the_deciding_clauses():
    bought = first(DecisionMade, lambda event: event.action is Action.BUY)
    assert because(bought) == "ema_fast > ema_slow, rsi < 70"


def test_because_of_a_refusal_names_the_guard():
    refused = first(DecisionMade, lambda event: event.reason is HoldReason.GUARD_REFUSED)
    assert because(refused) == "costly_market"


def test_because_of_a_hold_names_what_held_it_back_and_what_was_unknown():
    assert because(first(DecisionMade)) == "ema_fast > ema_slow: unknown, rsi < 70: unknown"


def test_because_says_so_where_a_clause_had_to_be_false():
    names = {"rsi": NUMBER, "imbalance": NUMBER}
    program = compile_expression("rsi < 30 and not (imbalance < -0.8)", names=names, result=BOOL)
    bought = first(DecisionMade, lambda event: event.action is Action.BUY)
    explained = program.explain({"rsi": 20.0, "imbalance": 0.1})
    rule = msgspec.structs.replace(bought.rules[0], explanation=explained)
    decided = msgspec.structs.replace(bought, rules=(rule,))
    assert because(decided) == "rsi < 30, imbalance < -0.8: false"


def test_decimals_leave_as_strings():
    [item] = present(first(PositionChanged))
    assert item["qty"] == "0.004"
    assert isinstance(item["entry_px"], str)


def test_fill_says_whose_order_it_was():
    fill = first(OrderFilled)
    liquidated = msgspec.structs.replace(fill, origin=Origin.LIQUIDATION)
    assert [next(present(f))["origin"] for f in (fill, liquidated)] == ["ours", "liquidation"]
