"""`manage.py books`: our books against the venue's; exit 1 where they differ."""

import asyncio
import sys
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.config.selectors import activation_active
from apps.exchange.adapters.venue_clock import venue_clock
from apps.exchange.worker import connect
from apps.health.selectors.books import BooksReport, account_reported, books_compare
from chimera.errors import ChimeraError
from chimera.events import AccountReported, BundleActivated
from chimera.store.shared import shared_store

LOOKS_MORE = 4


class Command(BaseCommand):
    help = "Compare wallet, positions and unrealised PnL with the venue's, to the last unit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            active = activation_active()
            if active is None:
                raise CommandError("no bundle is active, so nothing trades here")
            report = _compared(active)
        except ChimeraError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        if options["json"]:
            self.stdout.write(msgspec.json.encode(report).decode())
        else:
            self.stdout.write(
                f"venue: {report.venue_wallet_usdt} USDT and {report.unrealised_usdt} unrealised "
                f"in {report.open_positions} positions"
            )
            for difference in report.differences:
                self.stdout.write(f"differs: {difference}")
            if not report.differences:
                self.stdout.write("our books are equal to the last unit")
        if report.differences:
            sys.exit(1)


def _compared(active: BundleActivated) -> BooksReport:
    """Compare until equal, or until the same differences are found twice in a row.

    Our record and the venue's cannot be read at one moment, so a fill in between differs once.
    """
    report = books_compare(shared_store(), asyncio.run(_ask(active)))
    for _ in range(LOOKS_MORE):
        before = report.differences
        if not before:
            break
        report = books_compare(shared_store(), asyncio.run(_ask(active)))
        if report.differences == before:
            break
    return report


async def _ask(active: BundleActivated) -> AccountReported:
    clock = venue_clock(settings.EXCHANGE_URL)
    exchange = connect(
        url=settings.EXCHANGE_URL,
        key=settings.EXCHANGE_KEY,
        secret=settings.EXCHANGE_SECRET,
        symbols=active.bundle.symbols,
        interval=active.bundle.interval,
        clock=clock,
    )
    try:
        return await account_reported(exchange, clock)
    finally:
        await exchange.close()
