"""Releases: which bundle was live when, who made it so, and why."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Release(models.Model):
    """One activation of a bundle. Releases are only added; the newest is the active one."""

    class State(models.TextChoices):
        ACTIVE = "ACTIVE", _("Active")
        SUPERSEDED = "SUPERSEDED", _("Superseded")

    generation = models.PositiveBigIntegerField(_("generation"), unique=True)
    bundle_hash = models.CharField(_("bundle hash"), max_length=64, db_index=True)
    name = models.CharField(_("name"), max_length=48)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.ACTIVE)
    actor = models.CharField(
        _("actor"), max_length=150, help_text=_("a person's login, or a machine's name")
    )
    reason = models.CharField(_("reason"), max_length=500)
    created_at = models.DateTimeField(_("created at"))
    announced_at = models.DateTimeField(
        _("announced at"),
        null=True,
        blank=True,
        help_text=_("when the workers were told; empty if not yet"),
    )

    class Meta:
        ordering = ["-generation"]
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="ACTIVE"), name="config_release_one_active"
            ),
            models.CheckConstraint(
                condition=Q(generation__gte=1), name="config_release_generation_from_1"
            ),
            models.CheckConstraint(
                condition=~Q(actor="") & ~Q(reason=""), name="config_release_accounted_for"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} g{self.generation}"
