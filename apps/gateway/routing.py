"""Paths of the console's websockets."""

from django.urls import path, re_path

from apps.gateway.consumers import NoSuchConsumer, OverviewConsumer

websocket_urlpatterns = [
    path("ws/overview", OverviewConsumer.as_asgi()),
    re_path("", NoSuchConsumer.as_asgi()),
]
