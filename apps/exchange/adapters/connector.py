"""What the connectors of both markets share: instruments, sockets, the clocks, the venue's limits.

`usdm` and `spot` add their sockets and their order desk. Used by `markets` and `apps/exchange/worker.py`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import structlog

from apps.exchange.core.venue.instruments import parse_symbol
from chimera.clock import Clock
from chimera.errors import ChimeraError, InvalidInput, RateLimited, Transient, Unavailable
from chimera.events import (
    BarClosed,
    InstrumentListed,
    MarkPriceChanged,
    QuoteChanged,
    TradingHalted,
    TradingResumed,
    decode,
    encode,
)
from chimera.events.base import Command, Event
from chimera.events.health import UNLISTED, AlertRaised, ServiceState
from chimera.instruments import Instrument, Market, symbol_of, venue_symbol

from .bars import BarSequence
from .calls import UNREADABLE, Calls, Endpoint, Raw
from .desk import OrderDesk
from .history import BarHistory
from .listing import ListingWatch
from .strange import StrangeWords
from .streams import Sink, Stream, unreadable
from .tapped import Tapped
from .wire_market import market_event
from .wire_orders import UnknownKind, cut

log = structlog.get_logger(__name__)

CLOCK_CHECK_S = 60.0
CLOCK_OFFSET_MAX_MS = 1_000
SILENCE_S = 10.0
SILENCE_CHECK_S = 1.0
SYMBOLS_PER_SOCKET = 50
RETRY_S = 1.0

P = ParamSpec("P")
Answer = TypeVar("Answer")
Check = Callable[[Sink], Awaitable[None]]
IsBehind = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicReads:
    """The endpoints of one market that anybody may ask."""

    exchange_info: Endpoint
    klines: Endpoint
    book_tickers: Endpoint


class Connector(ABC):
    """Market data, orders and account of one market.

    Parameters
    ----------
    listed : kept here, and read by the desk: the venue's latest listing by our symbol
    silence_s : how long a market stream may say nothing before the venue is asked whether it should have
    """

    def __init__(
        self,
        client: Tapped,
        *,
        market: Market,
        reads: PublicReads,
        calls: Calls,
        desk: OrderDesk,
        listed: dict[str, Instrument],
        symbols: Sequence[str],
        interval: str,
        history_bars: int,
        clock: Clock,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._client = client
        self._market = market
        self._reads = reads
        self._calls = calls
        self._desk = desk
        self._wanted = tuple(symbols)
        self._symbols = list(symbols)
        self._interval = interval
        self._clock = clock
        self._silence_s = silence_s
        self._listed = listed
        self._quotes: dict[str, tuple[float, float]] = {}  # the last best bid and ask we heard
        self._marks: dict[str, float] = {}
        self._clock_off: bool | None = None  # None: nobody has been told yet
        self._told_unlisted: set[str] = set()
        self._history = BarHistory(
            calls, reads.klines, interval=interval, bars=history_bars, clock=clock
        )
        self._listing = ListingWatch()
        self._strange = StrangeWords(clock)

    # --- what a market adds ---------------------------------------------------------------------------

    @abstractmethod
    def market_streams(self, sink: Sink, bars: BarSequence) -> list[Stream]: ...

    @abstractmethod
    def user_stream(self, sink: Sink) -> Stream: ...

    # --- the port -------------------------------------------------------------------------------------

    async def run(self, sink: Sink) -> None:
        """List the instruments, load history, then bring everything the streams say.

        Whoever listens has been told nothing yet, though this may have run before.
        """
        self._clock_off = None
        self._strange.tell_to(sink)
        self._listed.clear()
        self._symbols = list(self._wanted)
        await self._until_answered(self._check_clock, sink)
        await self._until_answered(self._check_listing, sink)
        self._leave_out_unlisted(sink)
        bars = BarSequence(self._history.since, sink)
        await self._history.load(self._symbols, bars, sink)
        self._user = self.user_stream(sink)
        streams = [*self.market_streams(sink, bars), self._user]
        try:
            async with asyncio.TaskGroup() as tasks:
                for stream in streams:
                    tasks.create_task(stream.keep(), name=stream.name)
                tasks.create_task(self._repeat(CLOCK_CHECK_S, self._check_clock, sink))
                tasks.create_task(self._listing.keep(lambda: self._check_listing(sink)))
                tasks.create_task(self._tell_limits(sink))
                tasks.create_task(self._history.lengthen(self._symbols, bars, sink))
        finally:
            bars.stop()

    def require_history(self, bars: int) -> None:
        """Bring a longer history, now and from now on, if `bars` are more than were loaded."""
        self._history.require(bars)

    async def execute(self, command: Command, sink: Sink) -> None:
        await self._desk.execute(command, self._strange.noting(self._listing.noting(sink)))

    async def close(self) -> None:
        await self._client.close()

    # --- instruments ----------------------------------------------------------------------

    async def _check_listing(self, sink: Sink) -> None:
        """Say which filters are new or changed."""
        info = await self._calls.read(self._reads.exchange_info, {}, optional=bool(self._listed))
        self._calls.budget.learn(info.get("rateLimits", ()))
        now = self._clock.now()
        for row in info["symbols"]:
            symbol = symbol_of(row["symbol"], self._market)
            if symbol not in self._symbols:
                continue
            try:
                instrument = parse_symbol(self._market, row).filters
            except InvalidInput as error:
                log.error("a listing cannot be read", error=error.message, raw=row)
                continue
            if self._listed.get(symbol) != instrument:
                self._listed[symbol] = instrument
                sink(
                    InstrumentListed(
                        id=f"instrument:{symbol}:{now}",
                        ts_event=now,
                        ts_init=now,
                        instrument=instrument,
                    )
                )

    def _leave_out_unlisted(self, sink: Sink) -> None:
        """A symbol the venue does not list is never traded; the others are."""
        unlisted = [symbol for symbol in self._wanted if symbol not in self._listed]
        self._symbols = [symbol for symbol in self._wanted if symbol in self._listed]
        for symbol in unlisted:
            if symbol not in self._told_unlisted:
                sink(self._unlisted(symbol))
        self._told_unlisted = set(unlisted)

    def _unlisted(self, symbol: str) -> AlertRaised:
        now = self._clock.now()
        detail = f"the venue does not list {symbol}: it is left out, and looked for again at the next start"
        log.warning("a symbol is left out", symbol=symbol, reason=detail)
        return AlertRaised(
            id=f"{UNLISTED}:{symbol}:{now}",
            ts_event=now,
            ts_init=now,
            service="exchange",
            severity=ServiceState.DEGRADED,
            detail=detail,
            symbol=symbol,
        )

    # --- streams --------------------------------------------------------------------------------------

    def market_stream(
        self, name: str, url: str, sink: Sink, bars: BarSequence, *, is_behind: IsBehind
    ) -> Stream:
        """Return the stream of one combined socket."""

        async def watch_silence(stream: Stream) -> None:
            while True:
                await asyncio.sleep(min(SILENCE_CHECK_S, self._silence_s / 2))
                if stream.silent_s < self._silence_s:
                    continue
                if await self._is_behind(is_behind):
                    raise Unavailable(f"silent for {stream.silent_s:.0f} s while the market moved")
                stream.touch()

        return Stream(
            name,
            client=self._client,
            dial=lambda tap: self._client.open_line(url, tap),
            on_message=lambda message: self._on_market(message, sink, bars),
            clock=self._clock,
            sink=sink,
            on_open=bars.catch_up,
            guard=watch_silence,
        )

    def socket_names(self) -> list[list[str]]:
        """Return the venue's names of our symbols, as many together as one socket shall carry."""
        names = [venue_symbol(symbol).lower() for symbol in self._symbols]
        return [
            names[at : at + SYMBOLS_PER_SOCKET] for at in range(0, len(names), SYMBOLS_PER_SOCKET)
        ]

    async def quotes_moved(self) -> bool:
        """Ask the venue whether its best prices are others than the last we heard."""
        rows = await self._calls.read(self._reads.book_tickers, {}, optional=True)
        return any(
            (float(row["bidPrice"]), float(row["askPrice"])) != self._quotes[symbol]
            for row in rows
            if (symbol := symbol_of(row["symbol"], self._market)) in self._quotes
        )

    async def _is_behind(self, is_behind: IsBehind) -> bool:
        try:
            return await is_behind()
        except RateLimited:
            return False
        except ChimeraError as error:
            log.warning("a silent stream could not be checked", error=error.message)
            return True

    def _on_market(self, message: Raw, sink: Sink, bars: BarSequence) -> None:
        try:
            event = market_event(message, self._market, self._clock.now())
        except UNREADABLE as error:
            log.error("unreadable market message", error=repr(error), raw=cut(message))
            return
        if isinstance(event, BarClosed):
            bars.offer(event)
        elif event is not None:
            if isinstance(event, QuoteChanged):
                self._quotes[event.symbol] = event.bid_px, event.ask_px
            elif isinstance(event, MarkPriceChanged):
                self._marks[event.symbol] = event.mark_px
            sink(event)

    def hand_on(self, message: Raw, events: Iterable[Event], sink: Sink) -> None:
        """Hand on what an account message states; one that cannot be read is told, and ends its stream.

        Raises
        ------
        Unavailable
            If reading `events` fails: what it said is then asked for.
        """
        try:
            told = tuple(_checked(event) for event in events)
        except UnknownKind as unknown:
            self._strange.tell(f"the venue sent an account message {unknown}", cut(message))
            return
        except Exception as error:  # readers are pure: whatever they raise is about the message
            log.error("unreadable account message", error=repr(error), raw=cut(message))
            sink(unreadable(message, error, self._clock.now()))
            raise Unavailable("an account message cannot be read") from error
        hand = self._strange.noting(sink)
        for event in told:
            hand(event)

    # --- upkeep ---------------------------------------------------------------------------------------

    async def _check_clock(self, sink: Sink) -> None:
        """Keep the offset to the venue's clock; too large a one stops new risk."""
        offset_ms = await self._calls.sync_clock()
        off = abs(offset_ms) > CLOCK_OFFSET_MAX_MS
        if off is self._clock_off:
            return
        self._clock_off = off
        reason = f"our clock is {offset_ms} ms off the venue's"
        sink(self._halted("clock", reason) if off else self._resumed("clock"))

    async def _tell_limits(self, sink: Sink) -> None:
        """No new risk while the venue wants no requests; an earlier life may have ended in that."""
        while True:
            await self._calls.until_allowed()
            sink(self._resumed("limits"))
            await self._calls.limited.wait()
            sink(self._halted("limits", "the venue limits our requests"))

    async def _repeat(self, every_s: float, check: Check, sink: Sink) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await check(sink)
            except (ChimeraError, *UNREADABLE) as error:
                log.warning("a regular check failed", error=str(error))

    async def _until_answered(
        self, ask: Callable[P, Awaitable[Answer]], *args: P.args, **options: P.kwargs
    ) -> Answer:
        """Repeat a question until the venue answers; while it limits us nothing is sent."""
        while True:
            try:
                return await ask(*args, **options)
            except (Transient, *UNREADABLE) as error:
                log.info("waiting for the venue", error=str(error))
                await asyncio.sleep(RETRY_S)

    def _halted(self, what: str, reason: str) -> TradingHalted:
        now, source = self._clock.now(), self._source(what)
        return TradingHalted(
            id=f"halt:{source}:{now}", ts_event=now, ts_init=now, source=source, reason=reason
        )

    def _resumed(self, what: str) -> TradingResumed:
        now, source = self._clock.now(), self._source(what)
        return TradingResumed(id=f"resume:{source}:{now}", ts_event=now, ts_init=now, source=source)

    def _source(self, what: str) -> str:
        return f"exchange:{self._market.value}:{what}"


def _checked(event: Event) -> Event:
    """Return `event`; only the way there and back finds a field of another kind, or not a number."""
    if decode(encode(event)) != event:
        raise ValueError(f"not a number in {event}")
    return event
