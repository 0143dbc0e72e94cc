"""`manage.py simulate FILE… --bundle FILE`: the desk on recorded bars, the event-driven backtest."""

import json
import time
from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string
from rich.console import Console
from rich.progress import Progress

from apps.experiments.simulation import Simulation, open_simulation
from chimera.errors import ChimeraError

WALLET_MAX = Decimal(10) ** 12


class Command(BaseCommand):
    help = "Trade a bundle through recorded bars with all live cores and the paper venue's core."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("data", nargs="+", type=Path, help="recorded klines, one market")
        parser.add_argument("--bundle", type=Path, default=Path("bundles/demo.yaml"))
        parser.add_argument(
            "--exchange-info",
            nargs="+",
            type=Path,
            default=[],
            metavar="FILE",
            help="exchangeInfo payloads to take filters from; by default those in a folder "
            "exchange_info beside the data",
        )
        parser.add_argument("--bars", type=_count, default=None, help="stop after so many bars")
        parser.add_argument("--wallet", type=_amount, default=Decimal(10_000), help="USDT")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            simulation = open_simulation(
                options["data"],
                bundle=import_string("apps.config.services.bundle_check")(
                    _text(options["bundle"])
                ).bundle,
                exchange_info=options["exchange_info"],
                wallet_usdt=options["wallet"],
                bars=options["bars"],
            )
        except ChimeraError as error:
            raise CommandError(error.message) from error
        began = time.perf_counter()
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("simulating", total=simulation.total_bars)
            simulation.run(progress=lambda bars: progress.update(task, completed=bars))
        self._print(simulation, time.perf_counter() - began, as_json=options["json"])

    def _print(self, simulation: Simulation, seconds: float, *, as_json: bool) -> None:
        result = simulation.result()
        if as_json:
            self.stdout.write(json.dumps(result, default=str))
            return
        for name, value in result.items():
            self.stdout.write(f"{name:>20}  {value}")
        self.stdout.write(f"{'bars a second':>20}  {simulation.total_bars / seconds:,.0f}")


def _text(bundle: Path) -> str:
    try:
        return bundle.read_text()
    except OSError as error:
        raise CommandError(f"--bundle: {bundle} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"--bundle: {bundle} is not UTF-8 text") from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text} is not a number of bars")
    return int(text)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 < amount <= WALLET_MAX:
        raise ArgumentTypeError(f"{text} is not an amount of USDT (above 0, at most {WALLET_MAX})")
    return amount
