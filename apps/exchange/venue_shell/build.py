"""Puts a whole venue together from what the command line says: recorded, or simulated from a seed."""

import logging
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from apps.exchange.adapters.exchange_info import list_recorded
from apps.exchange.adapters.replay_plan import ReplayPlan, plan_replay
from apps.exchange.core.venue.candles import Candle
from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.feeds import flow
from apps.exchange.core.venue.feeds.merge import Lookahead, TimedAction, merge
from apps.exchange.venue_shell.driver import Driver
from apps.exchange.venue_shell.host import FeedPosition, Host
from apps.exchange.venue_shell.identity import digest_build, digest_files
from apps.exchange.venue_shell.journal import Advanced, Identity, Input, Journal
from apps.exchange.venue_shell.limits import BINANCE_RULES
from apps.exchange.venue_shell.repeat import repeat
from apps.exchange.venue_shell.server import VenueServer
from apps.exchange.venue_shell.signing import Credential, KeyRing
from apps.exchange.venue_shell.snapshot import Snapshot
from chimera.clock import DAY, MINUTE, Millis, ScaledClock, WallClock
from chimera.errors import InvalidInput
from chimera.instruments import Market

log = logging.getLogger(__name__)

ACCOUNT_ID = "demo"
SPEED_MAX = 1e6  # far above what any feed can be played at
SIMULATED_SYMBOLS = ("BTCUSDT", "ETHUSDT")
SIMULATED_HISTORY_MINUTES = 14 * DAY // MINUTE
START_PX = {
    "BTCUSDT": 60_000.0,
    "ETHUSDT": 3_000.0,
    "BNBUSDT": 600.0,
    "SOLUSDT": 150.0,
    "XRPUSDT": 2.0,
    "LTCUSDT": 85.0,
    "ADAUSDT": 0.7,
    "FILUSDT": 5.0,
    "DOGEUSDT": 0.2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOptions:
    """The command's options.

    `port` 0 picks a free one, `start` is UTC ms. `exchange_info` names the payloads to take filters from,
    by default those beside the data. `state` names the folder in which the venue outlives its process;
    `fresh` begins anew there.
    """

    port: int = 0
    data: tuple[Path, ...] = ()
    exchange_info: tuple[Path, ...] = ()
    speed: float = 1.0
    seed: int = 1
    wallet: Decimal = Decimal(10_000)
    symbols: tuple[str, ...] = ()
    start: Millis | None = None
    faults: bool = False
    unlimited: bool = False
    state: Path | None = None
    fresh: bool = False


def build_server(options: VenueOptions) -> VenueServer:
    """Return a server that is bound to its port and ready to serve.

    Raises
    ------
    InvalidInput
        If an option or a data file is unusable; the message says which and why.
    """
    if not 0 < options.speed <= SPEED_MAX:
        raise InvalidInput(
            f"--speed must be above 0 and at most {SPEED_MAX:g}, got {options.speed}"
        )
    if options.wallet < 0:
        raise InvalidInput(f"--wallet must not be negative, got {options.wallet}")
    plan = _plan(options) if options.data else None
    journal = Journal(options.state, _identity(options, plan)) if options.state else None
    kept = journal.load() if journal and not options.fresh else None
    if kept is None:
        begun = _recorded(options, plan) if plan else _simulated(options)
        inputs: Sequence[Input] = ()
    else:
        begun, inputs = Snapshot.load(kept.snapshot), kept.inputs
    seen = max((i.wall for i in inputs if isinstance(i, Advanced)), default=begun.seen)
    credential = Credential.derive(ACCOUNT_ID, options.seed)
    host = Host(
        venue=begun.venue,
        clock=begun.clock_from(seen, WallClock().now(), options.speed),
        keys=KeyRing(credential),
        rules={m: r.unlimited() if options.unlimited else r for m, r in BINANCE_RULES.items()},
        faults_allowed=options.faults,
        journal=journal,
        intervals=plan.intervals if plan else {},
    )
    driver = Driver(host, begun.feed, begun.position)
    host.user_hub.reports = begun.reports
    repeat(host, driver, inputs)
    try:
        server = VenueServer(host, driver, credential=credential, port=options.port)
    except (OSError, OverflowError) as e:
        raise InvalidInput(f"--port {options.port}: {e}") from e
    if kept is not None:
        log.info("going on at %d, with %d inputs repeated", host.now(), len(inputs))
    driver.save()
    return server


def _identity(options: VenueOptions, plan: ReplayPlan | None) -> Identity:
    """Return what a venue's state depends on beside the inputs it was given."""
    return {
        "the build": digest_build(),
        "--data": digest_files(plan.files) if plan else "simulated",
        "--exchange-info": digest_files(_exchange_info(options, plan)),
        "--symbols": " ".join(options.symbols),
        "--start": str(options.start),
        "--seed": str(options.seed),
        "--wallet": str(options.wallet),
    }


def _exchange_info(options: VenueOptions, plan: ReplayPlan | None) -> tuple[Path, ...]:
    if missing := [str(path) for path in options.exchange_info if not path.is_file()]:
        raise InvalidInput(f"--exchange-info: no such file: {', '.join(missing)}")
    return options.exchange_info or (plan.exchange_info if plan else ())


def _plan(options: VenueOptions) -> ReplayPlan:
    plan = plan_replay(options.data, symbols=options.symbols, start=options.start)
    for name in plan.left_out:
        log.warning("%s is left out: its recording ends before the replay starts", name)
    return plan


def _recorded(options: VenueOptions, plan: ReplayPlan) -> Snapshot:
    venue = _venue(plan.symbols, _exchange_info(options, plan))
    for market, symbols in plan.symbols.items():
        for symbol in symbols:
            venue.load_history(market, symbol, plan.history(market, symbol))
    return _opening(options, venue, plan.feed(), plan.start, plan.end)


def _simulated(options: VenueOptions) -> Snapshot:
    start = options.start or WallClock().now()
    symbols = options.symbols or SIMULATED_SYMBOLS
    if missing := set(symbols) - set(START_PX):
        raise InvalidInput(
            f"--symbols: there is no market of {', '.join(sorted(missing))} to simulate"
        )
    venue = _venue(dict.fromkeys(Market, symbols), _exchange_info(options, None))
    feeds = []
    for listing in venue.floor.listings.values():
        market, symbol = listing.market, listing.symbol
        rng = random.Random(f"{options.seed}:{market}:{symbol}")
        shape = flow.FlowShape(start_price=START_PX[symbol])
        venue.load_history(market, symbol, walk_back(shape, start, rng))
        feeds.append(flow.actions(listing.instrument, shape, start=start, rng=rng))
    return _opening(options, venue, merge(*feeds), start, None)


def _opening(
    options: VenueOptions,
    venue: Venue,
    feed: Iterable[TimedAction],
    start: Millis,
    end: Millis | None,
) -> Snapshot:
    """Return the venue with its account open, and nothing of its feed played."""
    venue.open_account(
        ACCOUNT_ID,
        futures_usdt=options.wallet,
        spot={"USDT": options.wallet},
        now=start,
    )
    coming = Lookahead(feed)
    return Snapshot(
        venue=venue,
        feed=coming,
        position=FeedPosition.opening(start, end, coming),
        clock=ScaledClock(origin=start, speed=options.speed),
        seen=WallClock().now(),
    )


def _venue(symbols: Mapping[Market, Sequence[str]], exchange_info: Iterable[Path]) -> Venue:
    return Venue(instruments=list_recorded(symbols, exchange_info), publish_market=True)


def walk_back(shape: flow.FlowShape, start: Millis, rng: random.Random) -> list[Candle]:
    """Return the minutes before a simulation: a geometric random walk that ends at its start price."""
    sigma = shape.volatility * math.sqrt(60)
    close = shape.start_price
    minutes = []
    for number in range(1, SIMULATED_HISTORY_MINUTES + 1):
        opened = close * math.exp(rng.gauss(0.0, sigma))
        volume = shape.orders_per_second * 60 * shape.order_notional / close * rng.uniform(0.5, 1.5)
        candle = Candle(
            start - start % MINUTE - number * MINUTE,
            opened,
            max(opened, close) * math.exp(abs(rng.gauss(0.0, sigma / 3))),
            min(opened, close) * math.exp(-abs(rng.gauss(0.0, sigma / 3))),
            close,
        )
        candle.volume, candle.quote_volume = volume, volume * close
        candle.taker_base = volume * rng.uniform(0.3, 0.7)
        candle.taker_quote = candle.taker_base * close
        candle.trades = int(shape.orders_per_second * 60)
        minutes.append(candle)
        close = opened
    return minutes[::-1]
