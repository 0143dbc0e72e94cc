"""The one store of this process, as the settings name it. For shells: selectors, tasks, commands."""

from functools import cache

from django.conf import settings

from chimera.store import open_store
from chimera.store.interface import Store


def shared_store() -> Store:
    """Return the process's store; it is opened on the first call and stays open."""
    return opened(settings.STORE_URL)


@cache
def opened(url: str) -> Store:
    """Return the one store of this process at `url`."""
    return open_store(url)
