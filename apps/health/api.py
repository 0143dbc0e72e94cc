"""The REST door of S11: health and readiness of the whole and of each service, and the metrics.

Anybody may ask whether we live and are ready; the reasons are for people who have signed in.
"""

import json
from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.health import metrics
from apps.health.catalogue import SERVICE_NAMES
from apps.health.selectors.overview import health_overview, service_health
from apps.health.states import Colour
from chimera.events.health import ServiceState

STATES = [state.value for state in ServiceState]


class ComponentSerializer(serializers.Serializer):
    name = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    critical = serializers.BooleanField()
    detail = serializers.CharField(allow_blank=True)
    latency_ms = serializers.FloatField(allow_null=True)


class ServiceHealthSerializer(serializers.Serializer):
    """Signed-out askers get `service` and `state` alone."""

    service = serializers.CharField()
    id = serializers.CharField(required=False)
    state = serializers.ChoiceField(STATES)
    ready = serializers.BooleanField(required=False)
    dependencies = ComponentSerializer(many=True, required=False)


class HealthSerializer(serializers.Serializer):
    """Signed-out askers get `service` and `state` alone."""

    service = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    colour = serializers.ChoiceField([colour.value for colour in Colour], required=False)
    checked_at = serializers.IntegerField(required=False, help_text="UTC ms, wall clock")
    components = ComponentSerializer(many=True, required=False)
    services = ServiceHealthSerializer(many=True, required=False)


class ReadySerializer(serializers.Serializer):
    service = serializers.CharField()
    ready = serializers.BooleanField()
    missing = ComponentSerializer(many=True, required=False)


class OpenView(APIView):
    """For probes of clusters and load balancers: no sign-in, no rate limit, cached answers."""

    permission_classes = [AllowAny]
    throttle_classes = []


class HealthView(OpenView):
    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer})
    def get(self, request: Request) -> Response:
        """Say how the platform is: 200 while it works, if only partly; 503 when it does not."""
        overview = health_overview()
        body: dict[str, Any] = {"service": "chimera", "state": overview.state.value}
        if request.user.is_authenticated:
            body |= {
                "colour": overview.colour.value,
                "checked_at": overview.checked_at,
                "components": msgspec.to_builtins(overview.components),
                "services": [
                    {"service": service.name, **_details(service)} for service in overview.services
                ],
            }
        return _answer(body, overview.state is not ServiceState.ERROR)


class ReadyView(OpenView):
    @extend_schema(responses={200: ReadySerializer, 503: ReadySerializer})
    def get(self, request: Request) -> Response:
        """Say whether this process can serve people: database, store and Redis answer."""
        return _ready(request, "gateway", "chimera")


class ServiceHealthView(OpenView):
    service = ""

    @extend_schema(responses={200: ServiceHealthSerializer, 503: ServiceHealthSerializer})
    def get(self, request: Request) -> Response:
        """Say how one service is, by what it depends on."""
        found = service_health(self.service)
        body: dict[str, Any] = {"service": found.name, "state": found.state.value}
        if request.user.is_authenticated:
            body |= _details(found)
        return _answer(body, found.state is not ServiceState.ERROR)


class ServiceReadyView(OpenView):
    service = ""

    @extend_schema(responses={200: ReadySerializer, 503: ReadySerializer})
    def get(self, request: Request) -> Response:
        """Say whether all that this service cannot do without is there."""
        return _ready(request, self.service, self.service)


class PlainTextRenderer(BaseRenderer):
    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        return json.dumps(data).encode()


class MetricsView(APIView):
    renderer_classes = [PlainTextRenderer, JSONRenderer]

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Return gauges in Prometheus's text format; scrape with basic authentication."""
        return HttpResponse(metrics.exposition(), content_type="text/plain; version=0.0.4")


def _details(service: Any) -> dict[str, Any]:
    return {
        "id": service.id,
        "state": service.state.value,
        "ready": service.ready,
        "dependencies": msgspec.to_builtins(service.dependencies),
    }


def _ready(request: Request, service: str, shown_as: str) -> Response:
    found = service_health(service)
    body: dict[str, Any] = {"service": shown_as, "ready": found.ready}
    if request.user.is_authenticated:
        missing = [d for d in found.dependencies if d.critical and d.state is ServiceState.ERROR]
        body["missing"] = msgspec.to_builtins(missing)
    return _answer(body, found.ready)


def _answer(body: dict[str, Any], good: bool) -> Response:
    answer = Response(body, status=HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)
    # A probe that finds something down has worked: Django need not log its 503 as an error of ours.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


urlpatterns = [
    path("metrics", MetricsView.as_view(), name="metrics"),
    *(
        path(f"{name}/health", ServiceHealthView.as_view(service=name), name=f"{name}-health")
        for name in SERVICE_NAMES
    ),
    *(
        path(f"{name}/ready", ServiceReadyView.as_view(service=name), name=f"{name}-ready")
        for name in SERVICE_NAMES
    ),
]
