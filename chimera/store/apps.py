"""Gives the embedded document store its tables."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "chimera.store"
    label = "store"
    default_auto_field = "django.db.models.BigAutoField"
