"""Thin views over the selectors; everyone who may see the desk may read everything here."""

from typing import Any

import msgspec
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.gateway import presenters
from apps.gateway.api import serializers as shapes
from apps.gateway.api.queries import (
    AlertListQuery,
    DecisionListQuery,
    OrderListQuery,
    OverviewQuery,
    PositionListQuery,
    checked,
    list_request,
)
from apps.gateway.permissions import VIEW_DESK, full_name
from apps.gateway.selectors import lists
from apps.gateway.selectors.overview import overview_snapshot
from apps.gateway.selectors.trace import decision_trace, document_trace, order_trace


class MayViewDesk(BasePermission):
    """Signed in, and in a role that may see the desk."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.has_perm(full_name(VIEW_DESK))


class DeskView(APIView):
    permission_classes = [MayViewDesk]


class OverviewView(DeskView):
    @extend_schema(parameters=[OverviewQuery], responses=shapes.OverviewSerializer)
    def get(self, request: Request) -> Response:
        """Return all that the overview of a symbol shows, as it is recorded now."""
        asked = checked(OverviewQuery, request.query_params.dict())
        return Response(overview_snapshot(asked.get("symbol")))


class DecisionListView(DeskView):
    @extend_schema(
        operation_id="decision_list", parameters=[DecisionListQuery], responses=shapes.DecisionPage
    )
    def get(self, request: Request) -> Response:
        """List decisions, newest first: one for every closed bar, taken or not."""
        page = lists.decision_list(list_request(DecisionListQuery, request.query_params.dict()))
        items = [presenters.decision_item(found.key, found.body) for found in page.items]
        return Response({"items": items, "next_cursor": page.next_cursor})


class DecisionView(DeskView):
    @extend_schema(operation_id="decision_trace", responses=shapes.DecisionTraceSerializer)
    def get(self, request: Request, key: str) -> Response:
        """Return one decision's whole trace: values, clauses, and all that came of it."""
        trace = decision_trace(key)
        decision = trace.decision.body
        body: dict[str, Any] = {
            "decision": presenters.decision_item(key, decision),
            "bundle_hash": decision.bundle_hash,
            "signal_id": decision.signal_id,
            "position": msgspec.to_builtins(decision.position),
            "stop_distance": decision.stop_distance,
            "features": None if trace.signal is None else trace.signal.body.features,
            "values": decision.values,
            "guards": msgspec.to_builtins(decision.guards),
            "rules": msgspec.to_builtins(decision.rules),
            "orders": [presenters.order_item(order.body) for order in trace.orders],
            "fills": [presenters.fill_item(fill.body) for fill in trace.fills],
            "lineage": msgspec.to_builtins(trace.lineage),
        }
        return Response(body)


class OrderListView(DeskView):
    @extend_schema(
        operation_id="order_list", parameters=[OrderListQuery], responses=shapes.OrderPage
    )
    def get(self, request: Request) -> Response:
        """List orders, newest first, refused ones included."""
        page = lists.order_list(list_request(OrderListQuery, request.query_params.dict()))
        items = [presenters.order_item(found.body) for found in page.items]
        return Response({"items": items, "next_cursor": page.next_cursor})


class OrderView(DeskView):
    @extend_schema(operation_id="order_trace", responses=shapes.OrderTraceSerializer)
    def get(self, request: Request, key: str) -> Response:
        """Return one order with its gates, its history and its fills."""
        trace = order_trace(key)
        order = trace.order.body
        body: dict[str, Any] = {
            "order": presenters.order_item(order),
            "intent_id": order.intent_id,
            "venue_order_id": order.venue_order_id,
            "decision_key": trace.decision_key,
            "gates": msgspec.to_builtins(order.gates),
            "history": msgspec.to_builtins(order.history),
            "fills": [presenters.fill_item(fill.body) for fill in trace.fills],
            "lineage": msgspec.to_builtins(trace.lineage),
        }
        return Response(body)


class PositionListView(DeskView):
    @extend_schema(
        operation_id="position_list", parameters=[PositionListQuery], responses=shapes.PositionPage
    )
    def get(self, request: Request) -> Response:
        """Return what is open with its stop, and the snapshots that led here."""
        asked = list_request(PositionListQuery, request.query_params.dict())
        page = lists.position_list(asked)
        body: dict[str, Any] = {
            "open": [lists.open_position_item(found) for found in lists.positions_open()],
            "items": [presenters.position_item(found.body) for found in page.items],
            "next_cursor": page.next_cursor,
        }
        return Response(body)


class AlertListView(DeskView):
    @extend_schema(
        operation_id="alert_list", parameters=[AlertListQuery], responses=shapes.AlertPage
    )
    def get(self, request: Request) -> Response:
        """List what somebody must look at, newest first."""
        page = lists.alert_list(list_request(AlertListQuery, request.query_params.dict()))
        items = [presenters.alert_item(found.key, found.body) for found in page.items]
        return Response({"items": items, "next_cursor": page.next_cursor})


class TraceView(DeskView):
    @extend_schema(responses=shapes.DocumentTraceSerializer)
    def get(self, request: Request, collection: str, key: str) -> Response:
        """Return any document as it is stored, and its lineage in both directions."""
        document, lineage = document_trace(collection, key)
        return Response({**msgspec.to_builtins(document), "lineage": msgspec.to_builtins(lineage)})


urlpatterns = [
    path("overview", OverviewView.as_view(), name="api-overview"),
    path("decisions", DecisionListView.as_view(), name="api-decisions"),
    path("decisions/<str:key>", DecisionView.as_view(), name="api-decision"),
    path("orders", OrderListView.as_view(), name="api-orders"),
    path("orders/<str:key>", OrderView.as_view(), name="api-order"),
    path("positions", PositionListView.as_view(), name="api-positions"),
    path("alerts", AlertListView.as_view(), name="api-alerts"),
    path("trace/<str:collection>/<str:key>", TraceView.as_view(), name="api-trace"),
]
