"""``manage.py books``: a fill between the two readings is no difference; one that stays is."""

from collections.abc import Iterator
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from apps.health.management.commands import books
from apps.health.selectors.books import BooksReport


def report(*differences: str) -> BooksReport:
    return BooksReport(
        venue_wallet_usdt=Decimal(1_000),
        recorded_wallet_usdt=Decimal(1_000),
        open_positions=0,
        unrealised_usdt=Decimal(0),
        differences=differences,
    )


@pytest.fixture
def found(monkeypatch, settings) -> list[BooksReport]:
    """What each look finds; filled by the test."""
    settings.STORE_URL = "memory://"
    looks: list[BooksReport] = []
    seen: Iterator[BooksReport] = iter(looks)

    async def ask(_active: object) -> None:
        return None

    monkeypatch.setattr(books, "activation_active", lambda: object())
    monkeypatch.setattr(books, "_ask", ask)
    monkeypatch.setattr(books, "books_compare", lambda *_: next(seen))
    return looks


def test_difference_that_passes_is_none(found) -> None:
    found += [report("a fill on its way"), report()]
    out = StringIO()
    call_command("books", stdout=out)
    assert "equal to the last unit" in out.getvalue()


def test_difference_that_stays_fails(found) -> None:
    found += [report("wallet: 1"), report("wallet: 2"), report("wallet: 2")]
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("books", stdout=out)
    assert "differs: wallet: 2" in out.getvalue()


def test_differences_that_never_settle_fail_too(found) -> None:
    found += [report(f"wallet: {look}") for look in range(10)]
    with pytest.raises(SystemExit):
        call_command("books", stdout=StringIO())
