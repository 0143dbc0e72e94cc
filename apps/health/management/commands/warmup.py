"""`manage.py warmup`: watch the active bundle's symbols get their bars and factors until it decides."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from apps.config.selectors import activation_active
from apps.health.feed import VENUE_FAILURES, venue_feed
from apps.health.warm_up import SymbolWarmUp, warm_ups
from chimera.clock import iso_second
from chimera.errors import ChimeraError
from chimera.events import BundleActivated
from chimera.store.shared import shared_store

POLL_S = 0.2
FEED_EVERY_S = 1.0
LOG_EVERY_S = 5.0


class Command(BaseCommand):
    help = "Show how far each symbol has warmed up; end when the desk is ready to decide."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--patience",
            type=float,
            metavar="SECONDS",
            help="how long to watch; for ever by default",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(highlight=False, soft_wrap=True)
        patience_s = options["patience"]
        deadline = None if patience_s is None else time.monotonic() + patience_s
        try:
            active = activation_active()
            if active is None:
                raise CommandError("no bundle is active, so nothing warms up")
            found, ended_at = _watch(active, _display(console), deadline)
        except ChimeraError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        except KeyboardInterrupt:
            sys.exit(130)
        unlisted = [symbol.symbol for symbol in found if not symbol.is_listed]
        if unlisted:
            console.print(f"The venue does not list {', '.join(unlisted)}.")
        waiting = [symbol.symbol for symbol in found if symbol.is_listed and not symbol.is_ready]
        if len(unlisted) == len(found):
            console.print("There is nothing to decide about.")
        elif not waiting:
            console.print("The desk is ready to decide.")
        elif ended_at is not None:
            console.print(
                f"The recording has ended at {iso_second(ended_at)} before {', '.join(waiting)} "
                "had warmed up: give more data."
            )
        else:
            console.print(f"Still warming up: {', '.join(waiting)}. The overview shows how far.")


class _Bars:
    """A bar for each symbol, drawn in place in a terminal."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("  {task.description:<14}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:>4.0f} of {task.total:.0f} bars, {task.fields[factors]}"),
        )
        self._progress = Progress(*columns, console=console)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, found: SymbolWarmUp) -> None:
        task = self._tasks.get(found.symbol)
        if task is None:
            task = self._progress.add_task(found.symbol, factors="")
            self._tasks[found.symbol] = task
        self._progress.update(
            task, total=found.bars_needed, completed=found.bars_loaded, factors=_factors(found)
        )


class _Lines:
    """A line for each symbol that got further, now and then: for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, SymbolWarmUp] = {}
        self._next: dict[str, float] = {}

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, found: SymbolWarmUp) -> None:
        before, now = self._shown.get(found.symbol), time.monotonic()
        is_news = before is None or before.is_ready is not found.is_ready
        if before == found or not (is_news or now >= self._next[found.symbol]):
            return
        self._shown[found.symbol], self._next[found.symbol] = found, now + LOG_EVERY_S
        bars = f"{found.bars_loaded} of {found.bars_needed} bars"
        self._console.print(f"  {found.symbol}: {bars}, {_factors(found)}")


def _display(console: Console) -> _Bars | _Lines:
    return _Bars(console) if console.is_terminal else _Lines(console)


def _factors(found: SymbolWarmUp) -> str:
    if not found.is_listed:
        return "not listed by the venue"
    known = f"{found.factors_known} of {found.factors} factors known"
    return f"{known}, ready" if found.is_ready else known


def _watch(
    active: BundleActivated, display: _Bars | _Lines, deadline: float | None
) -> tuple[list[SymbolWarmUp], int | None]:
    """Show every symbol until all are ready, the recording or the patience is over."""
    store, ended_at, feed_due = shared_store(), None, 0.0
    with display:
        while True:
            found = list(warm_ups(store, active))
            for symbol in found:
                display.show(symbol)
            now = time.monotonic()
            is_over = deadline is not None and now >= deadline
            is_done = all(symbol.is_ready or not symbol.is_listed for symbol in found)
            if is_done or ended_at is not None or is_over:
                return found, ended_at
            if now >= feed_due:
                feed_due = now + FEED_EVERY_S
                ended_at = _ended_at()
            time.sleep(POLL_S)


def _ended_at() -> int | None:
    try:
        return venue_feed().ended_at
    except VENUE_FAILURES:
        return None  # health says that the venue does not answer
