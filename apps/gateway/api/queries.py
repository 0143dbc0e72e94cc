"""What may be asked of a list: checked here for the REST views and the pages alike."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from apps.gateway.selectors.lists import ListRequest
from chimera.errors import InvalidInput
from chimera.events.decisions import Action, HoldReason
from chimera.events.health import SEVERITIES
from chimera.events.orders import OrderState, Purpose
from chimera.instruments import Side

LIMIT_DEFAULT = 50
LIMIT_MAX = 500
SYMBOL_PATTERN = r"^[A-Z0-9]{2,20}(-PERP)?$"
MILLIS_MAX = 2**53


class ListQuery(serializers.Serializer):
    """Paging and time, common to all lists. Times are UTC ms: from inclusive, to exclusive."""

    symbol = serializers.RegexField(SYMBOL_PATTERN, required=False)
    ts_from = serializers.IntegerField(min_value=0, max_value=MILLIS_MAX, required=False)
    ts_to = serializers.IntegerField(min_value=0, max_value=MILLIS_MAX, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT)
    cursor = serializers.CharField(max_length=1_000, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        low, high = attrs.get("ts_from"), attrs.get("ts_to")
        if low is not None and high is not None and low >= high:
            raise serializers.ValidationError({"ts_to": "must be above ts_from"})
        return attrs


class DecisionListQuery(ListQuery):
    action = serializers.ChoiceField([action.value for action in Action], required=False)
    reason = serializers.ChoiceField([reason.value for reason in HoldReason], required=False)


class OrderListQuery(ListQuery):
    state = serializers.ChoiceField([state.value for state in OrderState], required=False)
    purpose = serializers.ChoiceField([purpose.value for purpose in Purpose], required=False)
    side = serializers.ChoiceField([side.value for side in Side], required=False)


class PositionListQuery(ListQuery):
    pass


class AlertListQuery(ListQuery):
    severity = serializers.ChoiceField([severity.value for severity in SEVERITIES], required=False)


class OverviewQuery(serializers.Serializer):
    symbol = serializers.RegexField(SYMBOL_PATTERN, required=False)


def checked(query: type[serializers.Serializer], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the acceptable values of a query string; empty ones count as not given.

    Raises
    ------
    InvalidInput
        Naming every field that is unknown or breaks its rule.
    """
    asked = {name: value for name, value in given.items() if value != ""}
    serializer = query(data=asked)
    unknown = {
        name: ["is no field of this query"] for name in asked if name not in serializer.fields
    }
    if unknown:
        raise InvalidInput("the query is not acceptable", fields=unknown)
    if not serializer.is_valid():
        raise InvalidInput("the query is not acceptable", fields=serializer.errors)
    return dict(serializer.validated_data)


def list_request(query: type[ListQuery], given: Mapping[str, Any]) -> ListRequest:
    """Check a list's query string; raises `InvalidInput`."""
    values = checked(query, given)
    paging = {name: values.pop(name, None) for name in ("ts_from", "ts_to", "limit", "cursor")}
    return ListRequest(equal=values, **paging)
