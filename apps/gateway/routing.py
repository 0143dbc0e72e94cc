"""Paths of the console's websockets."""

from django.urls import path

from apps.gateway.consumers import OverviewConsumer

websocket_urlpatterns = [path("ws/overview", OverviewConsumer.as_asgi())]
