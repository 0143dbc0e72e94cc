"""Users and groups in Unfold's look.

Who is no superuser can neither make nor touch one, nor change their own roles.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        if _is_superuser(request):
            return fields
        own = ("groups", "is_staff") if obj is not None and obj.pk == request.user.pk else ()
        return (*fields, "is_superuser", "user_permissions", *own)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Keep in the history which roles somebody had and has; Django keeps that they were changed."""
        before = _roles(form.instance)
        super().save_related(request, form, formsets, change)
        after = _roles(form.instance)
        if before != after:
            self.log_change(request, form.instance, f"Roles: {before or '-'} → {after or '-'}")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not _is_superuser(request):
            return False
        return super().has_change_permission(request, obj)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass


def may_view_users(request: HttpRequest) -> bool:
    """Tell the sidebar whether to show users."""
    return bool(request.user.has_perm("auth.view_user"))


def may_view_roles(request: HttpRequest) -> bool:
    """Tell the sidebar whether to show roles."""
    return bool(request.user.has_perm("auth.view_group"))


def may_view_releases(request: HttpRequest) -> bool:
    """Tell the sidebar whether to show releases."""
    return bool(request.user.has_perm("config.view_release"))


def _roles(user: User) -> str:
    return ", ".join(user.groups.order_by("name").values_list("name", flat=True))


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))
