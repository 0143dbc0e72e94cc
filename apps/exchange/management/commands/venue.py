"""``manage.py venue``: a local exchange that speaks Binance's protocol. Paper money only."""

import json
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.exchange.adapters.replay_plan import read_frugally
from apps.exchange.venue_shell.build import VenueOptions, build_server
from chimera.clock import Millis
from chimera.errors import ChimeraError

BAD_INPUT = 2
AMOUNT_MAX = Decimal(10) ** 12
TIME_MAX = 4_102_444_800_000  # the year 2100


class Command(BaseCommand):
    help = (
        "Serve a paper exchange on the loopback interface. On start one JSON line names its "
        "addresses and a demo key and secret, which are derived from the seed and worth nothing "
        "elsewhere; logs go to standard error."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=_port, default=18080, help="0 picks a free one")
        parser.add_argument(
            "--data",
            nargs="+",
            type=Path,
            default=[],
            metavar="PATH",
            help="recorded files or folders of them; without, order flow is simulated",
        )
        parser.add_argument(
            "--exchange-info",
            nargs="+",
            type=Path,
            default=[],
            metavar="FILE",
            help="exchangeInfo payloads to take filters from; by default those in a folder "
            "exchange_info beside the data, and the venue's own for symbols that none names",
        )
        parser.add_argument("--speed", type=float, default=1.0, help="times real time")
        parser.add_argument(
            "--seed", type=int, default=1, help="of the simulation and the demo key"
        )
        parser.add_argument("--wallet", type=_amount, default=Decimal(10_000), metavar="USDT")
        parser.add_argument("--symbols", nargs="+", type=str.upper, default=[], metavar="SYMBOL")
        parser.add_argument(
            "--start",
            type=_time,
            metavar="TIME",
            help="ISO 8601 (UTC) or ms; up to 30 days before it are history. By default a third of "
            "the recording is",
        )
        parser.add_argument(
            "--state",
            type=Path,
            metavar="DIR",
            help="keep the venue there and go on where it was; without, it ends with the process",
        )
        parser.add_argument("--fresh", action="store_true", help="begin anew in --state")
        parser.add_argument("--faults", action="store_true", help="allow POST /venue/faults")
        parser.add_argument(
            "--unlimited", action="store_true", help="refuse nothing for its rate: benchmarks"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        read_frugally()
        try:
            server = build_server(
                VenueOptions(
                    port=options["port"],
                    data=tuple(options["data"]),
                    exchange_info=tuple(options["exchange_info"]),
                    speed=options["speed"],
                    seed=options["seed"],
                    wallet=options["wallet"],
                    symbols=tuple(options["symbols"]),
                    start=options["start"],
                    faults=options["faults"],
                    unlimited=options["unlimited"],
                    state=options["state"],
                    fresh=options["fresh"],
                )
            )
            server.run(announce=self._announce)
        except ChimeraError as e:
            raise CommandError(e.message, returncode=BAD_INPUT) from e

    def _announce(self, card: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(card))
        self.stdout.flush()


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise ArgumentTypeError(f"{text} is not a port (0..65535)")
    return int(text)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= AMOUNT_MAX:
        raise ArgumentTypeError(f"{text} is not an amount of USDT (0..{AMOUNT_MAX})")
    return amount


def _time(text: str) -> Millis:
    if text.isdecimal() and int(text) <= TIME_MAX:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is neither ISO 8601 nor milliseconds") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000)
