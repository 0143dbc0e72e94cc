"""Use cases of the gateway: so far, the accounts that a demo needs."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils.crypto import get_random_string

from apps.gateway.permissions import ROLES
from chimera.errors import Forbidden


@dataclass(frozen=True, slots=True)
class DemoUser:
    username: str
    password: str


def demo_users_create() -> list[DemoUser]:
    """Make one user for each role, named like it, with a new random password.

    Raises
    ------
    Forbidden
        Unless `settings.DEMO` is set: nothing with real accounts has users that anyone can list.
    """
    if not settings.DEMO:
        raise Forbidden("demo users exist in demo mode only: set CHIMERA_DEMO=1", setting="DEMO")
    with transaction.atomic():
        return [_demo_user(role) for role in ROLES]


def _demo_user(role: str) -> DemoUser:
    password = get_random_string(16)
    user, _ = User.objects.get_or_create(username=role)
    user.is_staff = True  # the sign-in page is the admin's; what they see there, their role decides
    user.is_active = True
    user.set_password(password)
    user.save()
    user.groups.set([Group.objects.get(name=role)])
    return DemoUser(username=role, password=password)
