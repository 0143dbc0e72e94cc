"""Releases, to look at. They are made by activating a bundle, and never changed by hand."""

from datetime import datetime

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from .models import Release


@admin.register(Release)
class ReleaseAdmin(ModelAdmin):
    list_display = ["generation", "name", "state", "actor", "reason", "created", "announced"]
    list_filter = ["state", "name"]
    fields = [
        "generation",
        "name",
        "bundle_hash",
        "state",
        "actor",
        "reason",
        "created",
        "announced",
    ]
    readonly_fields = ["created", "announced"]
    search_fields = ["name", "bundle_hash", "actor", "reason"]

    @admin.display(description=_("created at"), ordering="created_at")
    def created(self, release: Release) -> str:
        return _in_utc(release.created_at)

    @admin.display(description=_("announced at"), ordering="announced_at")
    def announced(self, release: Release) -> str:
        return _in_utc(release.announced_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Release | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Release | None = None) -> bool:
        return False


def _in_utc(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
