"""Fixtures of the doors' tests: a store in memory, people in each role, and nothing outside."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client

from chimera.store import Store
from chimera.store.shared import opened, shared_store
from tests.support.builders import Story

NOBODY_THERE = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def _nothing_outside(settings) -> Iterator[None]:
    """Point everything at a port where nobody listens; tests that need Redis or a venue name theirs."""
    settings.REDIS_URL = f"redis://{NOBODY_THERE}/0"
    settings.EXCHANGE_URL = f"http://{NOBODY_THERE}"
    settings.STORE_URL = "memory://"
    opened.cache_clear()
    cache.clear()
    yield
    opened.cache_clear()
    cache.clear()


@pytest.fixture
def desk_store() -> Store:
    """The empty store that the doors read."""
    return shared_store()


@pytest.fixture
def story(desk_store: Store) -> Story:
    """A desk that has traded for 90 bars, recorded in the store."""
    told = Story().run(90)
    desk_store.write(told.writes)
    return told


@pytest.fixture
def client_of(db) -> Callable[[str], Client]:
    """Return a client signed in with a role; "anonymous" is not signed in."""

    def make(role: str) -> Client:
        client = Client()
        if role != "anonymous":
            user, _ = User.objects.get_or_create(username=f"a-{role}", is_staff=True)
            if role != "roleless":
                user.groups.add(Group.objects.get(name=role))
            client.force_login(user)
        return client

    return make


@pytest.fixture
def viewer(client_of: Callable[[str], Client]) -> Client:
    return client_of("viewer")
