"""One process with an embedded store on a database file, for tests that need several or kill one."""

import sys

import django
from django.conf import settings
from django.core.management import call_command

from chimera.store import Store, WriteConflict, open_store
from tests.support.documents import write


def main(database: str, action: str, *arguments: str) -> None:
    settings.configure(
        INSTALLED_APPS=["chimera.store"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": database,
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 10,
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
                },
            }
        },
    )
    django.setup()
    ACTIONS[action](open_store("embedded://"), *arguments)


def migrate(store: Store) -> None:
    call_command("migrate", verbosity=0)
    store.write([write("orders", "contested", n=-1)])


def replace(store: Store, n: str) -> None:
    try:
        store.write([write("orders", "contested", 2, n=int(n))])
        print("written")
    except WriteConflict:
        print("conflict")


def write_until_killed(store: Store) -> None:
    """Write documents one by one; each key is printed once its write has returned."""
    for n in range(1_000_000):
        store.write([write("fills", f"f-{n}", ts=n)])
        print(f"f-{n}", flush=True)


def keys(store: Store) -> None:
    cursor = None
    while True:
        page = store.query("fills", limit=1_000, cursor=cursor)
        print(*(document.key for document in page.documents), sep="\n")
        cursor = page.next_cursor
        if cursor is None:
            return


ACTIONS = {
    "migrate": migrate,
    "replace": replace,
    "write_until_killed": write_until_killed,
    "keys": keys,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
