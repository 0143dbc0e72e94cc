"""The shapes of the console's answers, as OpenAPI describes them. Decimals are strings."""

from rest_framework import serializers

from chimera.events.decisions import Action, HoldReason
from chimera.events.health import SEVERITIES
from chimera.events.orders import LiquiditySide, OrderState, OrderType, Origin, Purpose
from chimera.instruments import Side
from chimera.store import Collection


def choices(enum: type) -> list[str]:
    return [member.value for member in enum]  # type: ignore[attr-defined]


class MillisField(serializers.IntegerField):
    def __init__(self, **options: object) -> None:
        super().__init__(help_text="UTC ms", **options)  # type: ignore[arg-type]


class DecisionItem(serializers.Serializer):
    key = serializers.CharField()
    symbol = serializers.CharField()
    ts = MillisField()
    action = serializers.ChoiceField(choices(Action))
    rule = serializers.CharField(allow_null=True)
    reason = serializers.ChoiceField(choices(HoldReason), allow_null=True)
    because = serializers.CharField(help_text="the guard or the clauses that decided")
    generation = serializers.IntegerField()


class OrderItem(serializers.Serializer):
    key = serializers.CharField(help_text="client order id")
    revision = serializers.IntegerField()
    symbol = serializers.CharField()
    ts = MillisField()
    updated = MillisField()
    purpose = serializers.ChoiceField(choices(Purpose))
    side = serializers.ChoiceField(choices(Side))
    order_type = serializers.ChoiceField(choices(OrderType))
    state = serializers.ChoiceField(choices(OrderState))
    is_open = serializers.BooleanField()
    qty = serializers.CharField()
    filled_qty = serializers.CharField()
    px = serializers.CharField(allow_null=True)
    trigger_px = serializers.CharField(allow_null=True)
    avg_px = serializers.CharField(allow_null=True)
    refused_by = serializers.CharField(allow_null=True, help_text="the first gate that refused")


class FillItem(serializers.Serializer):
    key = serializers.CharField()
    symbol = serializers.CharField()
    ts = MillisField()
    order = serializers.CharField()
    trade_id = serializers.CharField()
    side = serializers.ChoiceField(choices(Side))
    qty = serializers.CharField()
    px = serializers.CharField()
    fee = serializers.CharField()
    fee_asset = serializers.CharField()
    liquidity = serializers.ChoiceField(choices(LiquiditySide))
    origin = serializers.ChoiceField(choices(Origin))


class PositionItem(serializers.Serializer):
    key = serializers.CharField()
    symbol = serializers.CharField()
    sequence = serializers.IntegerField()
    qty = serializers.CharField(help_text="signed: a short is negative")
    entry_px = serializers.CharField()
    opened_at = MillisField()
    realised_pnl = serializers.CharField()
    fees = serializers.CharField()
    funding = serializers.CharField()


class OpenPosition(PositionItem):
    acknowledged_qty = serializers.CharField(help_text="what a stop at the venue covers")
    trigger_px = serializers.CharField(allow_null=True)
    is_protected = serializers.BooleanField()


class AlertItem(serializers.Serializer):
    key = serializers.CharField()
    ts = MillisField()
    service = serializers.CharField()
    severity = serializers.ChoiceField([severity.value for severity in SEVERITIES])
    detail = serializers.CharField()


class OverviewSerializer(serializers.Serializer):
    symbol = serializers.CharField(allow_null=True)
    symbols = serializers.ListField(child=serializers.CharField())
    items = serializers.ListField(
        child=serializers.DictField(),
        help_text="kinds bar, features, mark, trade, decision, order, fill, position, equity; the same "
        "objects arrive on /ws/overview",
    )
    limits = serializers.DictField(child=serializers.IntegerField())


class DecisionPage(serializers.Serializer):
    items = DecisionItem(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class OrderPage(serializers.Serializer):
    items = OrderItem(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PositionPage(serializers.Serializer):
    """`open` is now and complete; `items` are past snapshots, newest first."""

    open = OpenPosition(many=True)
    items = PositionItem(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class AlertPage(serializers.Serializer):
    items = AlertItem(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class NodeSerializer(serializers.Serializer):
    reference = serializers.CharField(help_text="collection/key")
    collection = serializers.ChoiceField([c.value for c in Collection])
    key = serializers.CharField()
    ts = serializers.IntegerField(allow_null=True)
    symbol = serializers.CharField(allow_blank=True)
    summary = serializers.CharField(allow_blank=True)
    parents = serializers.ListField(child=serializers.CharField())
    is_start = serializers.BooleanField()


class LineageSerializer(serializers.Serializer):
    nodes = NodeSerializer(many=True)
    omitted = serializers.IntegerField()


class ClauseSerializer(serializers.Serializer):
    text = serializers.CharField()
    names = serializers.ListField(child=serializers.CharField())


class ExplanationSerializer(serializers.Serializer):
    """`outcomes` are those of `clauses`; null is unknown."""

    result = serializers.JSONField(allow_null=True)
    clauses = ClauseSerializer(many=True)
    outcomes = serializers.ListField(child=serializers.BooleanField(allow_null=True))
    decided_by = serializers.ListField(child=serializers.IntegerField())
    unknown = serializers.ListField(child=serializers.CharField())


class GuardSerializer(serializers.Serializer):
    name = serializers.CharField()
    reason = serializers.CharField(help_text="why the bundle has this guard")
    refused = serializers.BooleanField()
    explanation = ExplanationSerializer()


class RuleSerializer(serializers.Serializer):
    name = serializers.CharField()
    do = serializers.CharField()
    explanation = ExplanationSerializer()


class DecisionTraceSerializer(serializers.Serializer):
    decision = DecisionItem()
    bundle_hash = serializers.CharField()
    signal_id = serializers.CharField()
    position = serializers.DictField()
    stop_distance = serializers.FloatField(allow_null=True)
    features = serializers.DictField(
        child=serializers.FloatField(allow_null=True), allow_null=True, help_text="null: unknown"
    )
    values = serializers.DictField(
        child=serializers.JSONField(allow_null=True), help_text="what guards and rules could read"
    )
    guards = GuardSerializer(many=True)
    rules = RuleSerializer(many=True)
    orders = OrderItem(many=True)
    fills = FillItem(many=True)
    lineage = LineageSerializer()


class TransitionSerializer(serializers.Serializer):
    ts = MillisField()
    state = serializers.ChoiceField(choices(OrderState))
    event = serializers.CharField()
    note = serializers.CharField(required=False)


class GateSerializer(serializers.Serializer):
    gate = serializers.CharField()
    passed = serializers.BooleanField()
    value = serializers.CharField()
    limit = serializers.CharField()


class OrderTraceSerializer(serializers.Serializer):
    order = OrderItem()
    intent_id = serializers.CharField()
    venue_order_id = serializers.CharField(allow_blank=True)
    decision_key = serializers.CharField(allow_null=True)
    gates = GateSerializer(many=True)
    history = TransitionSerializer(many=True)
    fills = FillItem(many=True)
    lineage = LineageSerializer()


class DocumentTraceSerializer(serializers.Serializer):
    key = serializers.CharField()
    revision = serializers.IntegerField()
    body = serializers.DictField()
    lineage = LineageSerializer()
