"""Reads of S10: what is active, and any bundle by its hash."""

import msgspec
from django.db import DatabaseError

from chimera.bundles import Bundle, bundle_hash
from chimera.clock import Millis
from chimera.errors import NotFound, Unavailable, require
from chimera.events.config import BundleActivated
from chimera.store import Collection
from chimera.store.shared import shared_store

from .models import Release


def release_active() -> Release | None:
    """Return the active release, None before the first activation.

    Raises
    ------
    Unavailable
        If the database does not answer, or has no tables yet.
    """
    try:
        return Release.objects.filter(state=Release.State.ACTIVE).first()
    except DatabaseError as e:
        raise Unavailable(f"the database cannot be read (manage.py migrate sets it up): {e}") from e


def bundle_active() -> Bundle | None:
    """Return the bundle that decides now, None before the first activation."""
    release = release_active()
    return None if release is None else bundle_by_hash(release.bundle_hash)


def activation_active() -> BundleActivated | None:
    """Return the announcement of the active release: what a worker that starts hands to its cores."""
    release = release_active()
    return None if release is None else activation_of(release)


def activation_of(release: Release) -> BundleActivated:
    """Return the announcement of `release`; the same bytes whenever it is made."""
    at: Millis = round(release.created_at.timestamp() * 1_000)
    return BundleActivated(
        id=f"cfg:g{release.generation}",
        ts_event=at,
        ts_init=at,
        generation=release.generation,
        bundle_hash=release.bundle_hash,
        bundle=bundle_by_hash(release.bundle_hash),
        actor=release.actor,
        reason=release.reason,
    )


def bundle_by_hash(identity: str) -> Bundle:
    """Return a stored bundle, checked to be the one its hash names.

    Raises
    ------
    NotFound
        If none with this hash was ever activated.
    """
    document = shared_store().get(Collection.CONFIG_BUNDLES, identity)
    if document is None:
        raise NotFound(f"there is no bundle {identity}", bundle_hash=identity)
    bundle = msgspec.convert(document.body["bundle"], Bundle)
    require(
        bundle_hash(bundle) == identity, "a stored bundle is not what its hash says", hash=identity
    )
    return bundle
