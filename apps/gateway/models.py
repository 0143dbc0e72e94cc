"""Permissions that belong to the desk as a whole rather than to a table."""

from django.db import models

from apps.gateway.permissions import DESCRIPTIONS


class Desk(models.Model):
    """Has no rows: it exists to carry the permissions of the console."""

    class Meta:
        default_permissions = ()
        permissions = list(DESCRIPTIONS.items())
        verbose_name = "desk"
