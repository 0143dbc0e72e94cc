"""Use cases of S10: check a bundle's text, make a bundle the active generation, tell the workers."""

import msgspec
import structlog
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from apps.features.core.factors import required_bars
from chimera.bundles import Bundle, bundle_hash
from chimera.bus import Outgoing, open_bus
from chimera.errors import Conflict, InvalidInput, Unavailable
from chimera.events import encode, stream_of
from chimera.events.config import BundleActivated
from chimera.store import Collection, WriteConflict
from chimera.store.shared import shared_store

from .core.findings import BundleInvalid, Finding, Level
from .core.lint import lint_bundle
from .core.loading import load_bundle
from .models import Release
from .selectors import activation_of, release_active

log = structlog.get_logger(__name__)


class CheckedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle without errors. `findings` are warnings; `warm_up_bars` is the history it needs."""

    bundle: Bundle
    bundle_hash: str
    warm_up_bars: int
    findings: tuple[Finding, ...]


def bundle_check(text: str) -> CheckedBundle:
    """Read and lint a bundle's YAML text.

    Raises
    ------
    BundleInvalid
        A `ConfigInvalid` that carries every finding.
    """
    bundle = load_bundle(text)
    findings = lint_bundle(bundle)
    if any(finding.level is Level.ERROR for finding in findings):
        raise BundleInvalid(findings)
    return CheckedBundle(
        bundle=bundle,
        bundle_hash=bundle_hash(bundle),
        warm_up_bars=required_bars(bundle),
        findings=findings,
    )


def bundle_activate(*, text: str, actor: str, reason: str) -> Release:
    """Make a bundle the active generation; one that is active already stays as it is.

    1. The bundle is stored under its hash.
    2. The release is written, and the one before superseded, in one transaction.
    3. After the commit the workers are told. If that fails the release stands, `announced_at` stays
       empty, and the next `release_announce_active` or the workers' own start makes up for it.

    Raises
    ------
    BundleInvalid
        If the bundle does not pass its checks.
    InvalidInput
        If actor or reason is missing.
    Conflict
        If somebody else activated a bundle at the same moment.
    """
    actor, reason = _accounted_for("actor", actor, 150), _accounted_for("reason", reason, 500)
    checked = bundle_check(text)
    _store_bundle(checked)
    try:
        with transaction.atomic():
            release = _release_create(checked, actor, reason)
            transaction.on_commit(release_announce_active)
    except IntegrityError as e:
        raise Conflict("another bundle was activated at the same moment; look at it first") from e
    release.refresh_from_db()
    return release


def release_announce_active() -> bool:
    """Tell the workers about the active release unless that was done; say whether all is told."""
    release = release_active()
    if release is None or release.announced_at is not None:
        return True
    try:
        async_to_sync(_publish)(activation_of(release))
    except Unavailable as e:
        log.warning("release not announced", generation=release.generation, error=e.message)
        return False
    Release.objects.filter(pk=release.pk).update(announced_at=timezone.now())
    return True


def _accounted_for(field: str, value: str, max_length: int) -> str:
    value = value.strip()
    if not value or len(value) > max_length:
        raise InvalidInput(
            f"{field} must be given, in at most {max_length} characters", field=field, rule="length"
        )
    return value


def _store_bundle(checked: CheckedBundle) -> None:
    store, key = shared_store(), checked.bundle_hash
    if store.get(Collection.CONFIG_BUNDLES, key) is not None:
        return
    body = {
        "ts": int(timezone.now().timestamp() * 1_000),
        "name": checked.bundle.name,
        "bundle": msgspec.to_builtins(checked.bundle),
    }
    try:
        store.insert(Collection.CONFIG_BUNDLES, key, body)
    except WriteConflict:
        log.info("bundle was stored by somebody else meanwhile", bundle_hash=key)


def _release_create(checked: CheckedBundle, actor: str, reason: str) -> Release:
    active = Release.objects.select_for_update().filter(state=Release.State.ACTIVE).first()
    if active is not None and active.bundle_hash == checked.bundle_hash:
        return active
    if active is not None:
        active.state = Release.State.SUPERSEDED
        active.save(update_fields=["state"])
    newest = Release.objects.aggregate(Max("generation"))["generation__max"] or 0
    return Release.objects.create(
        generation=newest + 1,
        bundle_hash=checked.bundle_hash,
        name=checked.bundle.name,
        actor=actor,
        reason=reason,
        created_at=timezone.now(),
    )


async def _publish(event: BundleActivated) -> None:
    # A generation is announced by one process at a time, so its number makes a producer's name.
    bus = open_bus(settings.REDIS_URL, producer=f"config-g{event.generation}")
    try:
        await bus.publish([Outgoing(stream_of(event), encode(event))])
    finally:
        await bus.close()
