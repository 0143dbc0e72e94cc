"""Activation: one active release, stored before it is told, told again if that was lost."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.config import services
from apps.config.core.findings import BundleInvalid
from apps.config.models import Release
from apps.config.selectors import (
    activation_active,
    bundle_active,
    bundle_by_hash,
    release_active,
)
from apps.config.services import bundle_activate, bundle_check, release_announce_active
from chimera.bundles import bundle_hash
from chimera.bus import Message, open_bus
from chimera.errors import Conflict, InvalidInput, NotFound, Unavailable
from chimera.events import decode
from chimera.store.shared import shared_store
from tests.support.bundles import DEMO_BUNDLE, GOOD_BUNDLE

OTHER_BUNDLE = GOOD_BUNDLE.replace("length: 5", "length: 6")
ACTIVE, SUPERSEDED = Release.State.ACTIVE, Release.State.SUPERSEDED

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_bus_and_store(settings):
    settings.REDIS_URL = "memory://"
    settings.STORE_URL = "embedded://"


def activate(text: str = GOOD_BUNDLE, *, actor: str = "ada", reason: str = "try it") -> Release:
    return bundle_activate(text=text, actor=actor, reason=reason)


def announced(url: str) -> list[Message]:
    async def latest() -> list[Message]:
        bus = open_bus(url, producer="reader")
        try:
            return await bus.latest("cfg:events", 10)
        finally:
            await bus.close()

    return asyncio.run(latest())


def test_check_returns_hash_warm_up_and_warnings():
    checked = bundle_check(DEMO_BUNDLE.read_text())
    assert checked.bundle_hash == bundle_hash(checked.bundle)
    assert checked.warm_up_bars > 34
    assert checked.findings == ()


def test_check_does_not_depend_on_layout_or_comments():
    relaid = "# hello\n" + GOOD_BUNDLE.replace("{leverage: 10}", "\n  leverage: 10 # half\n")
    assert bundle_check(relaid).bundle_hash == bundle_check(GOOD_BUNDLE).bundle_hash


def test_first_activation_makes_generation_one():
    release = activate()
    assert (release.generation, release.state, release.actor) == (1, ACTIVE, "ada")
    assert release_active() == release
    assert bundle_active() == bundle_check(GOOD_BUNDLE).bundle


def test_next_activation_supersedes_the_one_before():
    activate()
    second = activate(OTHER_BUNDLE)
    states = dict(Release.objects.values_list("generation", "state"))
    assert states == {1: SUPERSEDED, 2: ACTIVE}
    assert release_active() == second


def test_return_to_an_earlier_bundle_is_a_new_generation():
    first = activate()
    activate(OTHER_BUNDLE)
    third = activate()
    assert (third.generation, third.bundle_hash) == (3, first.bundle_hash)


def test_activation_of_the_active_bundle_changes_nothing():
    first = activate()
    again = activate(actor="bob", reason="again")
    assert (again, again.actor) == (first, "ada")
    assert Release.objects.count() == 1


def test_activation_of_a_bad_bundle_leaves_no_trace():
    first = activate()
    with pytest.raises(BundleInvalid):
        activate(GOOD_BUNDLE.replace("leverage: 10", "leverage: 10, margin_usdt: 99"))
    assert list(Release.objects.all()) == [first]


@pytest.mark.parametrize("field", ["actor", "reason"])
@pytest.mark.parametrize("value", ["", "  ", "x" * 501])
def test_activation_needs_an_actor_and_a_reason(field, value):
    with pytest.raises(InvalidInput) as caught:
        activate(**{field: value})
    assert caught.value.details["field"] == field
    assert not Release.objects.exists()


def test_activation_is_announced_with_the_whole_bundle(settings, redis_server):
    settings.REDIS_URL = redis_server.url
    before = len(announced(redis_server.url))
    release = activate()
    message, *_ = announced(redis_server.url)
    assert len(announced(redis_server.url)) == before + 1
    event = decode(message.payload)
    assert event == activation_active()
    assert (event.id, event.generation, event.reason) == ("cfg:g1", 1, "try it")
    assert event.bundle == bundle_by_hash(release.bundle_hash)
    assert release.announced_at is not None


def test_lost_announcement_is_made_up_for(monkeypatch):
    async def unreachable(_event):
        raise Unavailable("no bus")

    with monkeypatch.context() as patch:
        patch.setattr(services, "_publish", unreachable)
        release = activate()
        assert release.announced_at is None
        assert not release_announce_active()
    assert release_announce_active()
    release.refresh_from_db()
    assert release.announced_at is not None


def test_announcement_waits_for_the_commit(monkeypatch):
    told = []

    async def note(event):
        told.append((event.generation, connection.in_atomic_block))

    monkeypatch.setattr(services, "_publish", note)
    with transaction.atomic():
        activate()
        assert told == []
    assert [generation for generation, _ in told] == [1]


def test_activation_that_is_rolled_back_is_never_announced(monkeypatch):
    monkeypatch.setattr(services, "_publish", None)
    with transaction.atomic():
        activate()
        transaction.set_rollback(True)
    assert release_active() is None


def test_loser_of_a_race_is_told_of_the_conflict(monkeypatch):
    def too_late(*_arguments):
        raise IntegrityError("UNIQUE constraint failed")

    monkeypatch.setattr(services, "_release_create", too_late)
    with pytest.raises(Conflict):
        activate()


def test_database_refuses_a_second_active_release():
    activate()
    with pytest.raises(IntegrityError):
        Release.objects.create(
            generation=9,
            bundle_hash="x",
            name="x",
            actor="x",
            reason="x",
            created_at=timezone.now(),
        )


def test_stored_bundle_is_found_by_its_hash_alone():
    release = activate()
    assert bundle_by_hash(release.bundle_hash).name == "small"
    with pytest.raises(NotFound):
        bundle_by_hash("0" * 64)


def test_store_keeps_a_bundle_once():
    activate()
    activate(OTHER_BUNDLE)
    activate()
    page = shared_store().query("config_bundles")
    assert len(page.documents) == 2


def test_activation_from_a_thread_works_like_any_other():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(activate).result().generation == 1


def test_nothing_is_active_before_the_first_activation():
    assert release_active() is None
    assert bundle_active() is None
    assert activation_active() is None
    assert release_announce_active()
