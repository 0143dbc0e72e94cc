"""The console's pages and its REST, and the two paths that load balancers ask."""

from django.urls import include, path

from apps.gateway import pages
from apps.gateway.api import views as api
from apps.health.api import HealthView, ReadyView

urlpatterns = [
    path("", pages.overview, name="overview"),
    path("decisions", pages.decisions, name="decisions"),
    path("decisions/<str:key>", pages.decision, name="decision"),
    path("orders", pages.orders, name="orders"),
    path("orders/<str:key>", pages.order, name="order"),
    path("positions", pages.positions, name="positions"),
    path("alerts", pages.alerts, name="alerts"),
    path("documents/<str:collection>/<str:key>", pages.document, name="document"),
    path("health", HealthView.as_view(), name="health"),
    path("ready", ReadyView.as_view(), name="ready"),
    path("api/v1/", include(api)),
]
