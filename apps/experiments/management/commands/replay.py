"""`manage.py replay`: recompute the recorded factors and decisions; exit 1 on any difference.

What is missing or surplus is a difference, and a record or a span without anything in it an error.
"""

import sys
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from rich.console import Console

from apps.experiments.replay import ReplayReport, replay
from chimera.clock import Millis
from chimera.errors import ChimeraError
from chimera.store import open_store

SHOWN = 20
TIME_MAX = 2**53


class Command(BaseCommand):
    help = "Recompute every recorded factor value and decision, and report every difference."

    def add_arguments(self, parser: CommandParser) -> None:
        when = "UTC: milliseconds since the epoch, or ISO such as 2025-05-04T16:00Z"
        parser.add_argument("--from", dest="ts_from", metavar="TIME", help=f"first moment, {when}")
        parser.add_argument("--to", dest="ts_to", metavar="TIME", help=f"end, exclusive, {when}")
        parser.add_argument("--json", action="store_true", help="print the whole report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        ts_from, ts_to = _moment("--from", options["ts_from"]), _moment("--to", options["ts_to"])
        if ts_from is not None and ts_to is not None and ts_from >= ts_to:
            raise CommandError("--to: must be after --from")
        try:
            report = self._replay(ts_from, ts_to)
        except ChimeraError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        if options["json"]:
            self.stdout.write(msgspec.json.encode(report).decode())
        else:
            self._print(report)
        if not report.identical:
            sys.exit(1)

    def _replay(self, ts_from: Millis | None, ts_to: Millis | None) -> ReplayReport:
        with Console(stderr=True).status("replaying") as status:
            return replay(
                open_store(settings.STORE_URL),
                ts_from=ts_from,
                ts_to=ts_to,
                progress=lambda kind, count: status.update(f"replaying: {count} {kind}"),
            )

    def _print(self, report: ReplayReport) -> None:
        self.stdout.write(
            f"{report.signals} signals and {report.decisions} decisions recomputed: "
            + ("all identical" if report.identical else _counted(len(report.differences)))
        )
        for difference in report.differences[:SHOWN]:
            self.stdout.write(f"  {difference.document}: {difference.problem}")
        if len(report.differences) > SHOWN:
            self.stdout.write(f"  and {len(report.differences) - SHOWN} more; --json lists all")


def _counted(differences: int) -> str:
    return f"{differences} difference{'s' if differences != 1 else ''}"


def _moment(option: str, text: str | None) -> Millis | None:
    if text is None:
        return None
    if text.isdecimal() and int(text) <= TIME_MAX:
        return int(text)
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{option}: {text!r} is neither milliseconds nor an ISO time")
    if moment.tzinfo is None:
        raise CommandError(f"{option}: {text!r} names no time zone; end it with Z for UTC")
    return int(moment.timestamp() * 1_000)
