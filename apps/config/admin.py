"""Releases, to look at. They are made by activating a bundle, and never changed by hand."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from .models import Release


@admin.register(Release)
class ReleaseAdmin(ModelAdmin):
    list_display = ["generation", "name", "state", "actor", "reason", "created_at", "announced_at"]
    list_filter = ["state", "name"]
    search_fields = ["name", "bundle_hash", "actor", "reason"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Release | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Release | None = None) -> bool:
        return False
