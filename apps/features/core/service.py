"""The state machine of S2: market events come in, the factors of every closed bar go out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from chimera.clock import Millis
from chimera.events.base import Event
from chimera.events.config import BundleActivated
from chimera.events.features import FeaturesComputed, MarketInputs
from chimera.events.health import AlertRaised, ServiceState, TimerFired
from chimera.events.market import (
    BarClosed,
    DepthChanged,
    HistoryLoaded,
    MarkPriceChanged,
    QuoteChanged,
)
from chimera.runtime.contract import Effect, Publish, Record

from .generation import Generation, generation_of
from .lane import Lane, News
from .market import LatestMarket


@dataclass(frozen=True, slots=True)
class _Live:
    """The one pointer: what is live, and the lanes of its symbols."""

    generation: Generation
    lanes: dict[str, Lane]


class Features:
    """S2. One `FeaturesComputed` for every closed bar of the bundle's interval and symbols.

    The first history of a symbol is for warming up only. Of later ones the bars that closed since the
    last bar lead to signals too: they closed while this service, or what brings it bars, was away.
    Bars delivered again or out of order lead to nothing.
    """

    name: ClassVar[str] = "features"
    consumes: ClassVar[tuple[type[Event], ...]] = (
        BundleActivated,
        HistoryLoaded,
        BarClosed,
        QuoteChanged,
        DepthChanged,
        MarkPriceChanged,
    )

    def __init__(self, speed: float = 1.0) -> None:
        """`speed` is how much faster than the wall a replayed market runs."""
        self._live: _Live | None = None
        self._lanes: dict[tuple[str, str], Lane] = {}  # by symbol and interval
        self._markets: defaultdict[str, LatestMarket] = defaultdict(lambda: LatestMarket(speed))
        self._last_signals: tuple[FeaturesComputed, ...] = ()

    def restore(
        self, histories: Iterable[HistoryLoaded], last_signals: Iterable[FeaturesComputed]
    ) -> None:
        """Take up an earlier life, before any bundle: its bars, and what it may not have told.

        Parameters
        ----------
        histories : the recorded bars of each symbol, up to the last that led to a signal
        last_signals : the newest of each symbol, oldest first; they are told again when the runtime
            begins, because the earlier life may have ended between recording and telling
        """
        for history in histories:
            self._load_history(history, history.ts_init)
        self._last_signals = tuple(last_signals)

    def handle(self, event: Event, now: Millis) -> Sequence[Effect]:
        match event:
            case BarClosed():
                return self._close_bar(event, now)
            case QuoteChanged():
                self._markets[event.symbol].take_quote(event)
            case DepthChanged():
                self._markets[event.symbol].take_depth(event)
            case MarkPriceChanged():
                self._markets[event.symbol].take_mark(event)
            case HistoryLoaded():
                return self._load_history(event, now)
            case BundleActivated():
                return self._activate(event, now)
            case TimerFired():
                told, self._last_signals = self._last_signals, ()
                return [Publish(signal) for signal in told]
        return ()

    def _close_bar(self, bar: BarClosed, now: Millis) -> Sequence[Effect]:
        lane = self._lanes.get((bar.symbol, bar.interval))
        if lane is None or not lane.accepts(bar):
            return ()
        live = self._live
        if live is None or not lane.is_active:
            lane.update(MarketInputs(bar=bar))
            return ()
        generation = live.generation
        inputs = self._markets[bar.symbol].inputs_at(bar, generation.depth_levels)
        return _signal(generation, lane, inputs, now)

    def _load_history(self, event: HistoryLoaded, now: Millis) -> Sequence[Effect]:
        lane = self._lanes.setdefault((event.symbol, event.interval), Lane())
        news = lane.news(event.bars)
        effects: list[Effect] = []
        if news.left_out:
            effects.append(_left_out(event, news, now))
        if news.warm_up is not None:
            lane.load(news.warm_up)
            if lane.is_active:
                effects += _record_warm_up(lane.bars, event.id, now)
        if self._live is not None:
            for bar in news.missed:  # nobody knows what else the market showed then
                effects += _signal(self._live.generation, lane, MarketInputs(bar=bar), now)
        return effects

    def _activate(self, event: BundleActivated, now: Millis) -> Sequence[Effect]:
        """Build the next generation whole before the first lane of the present one changes."""
        live = self._live
        if live is not None and event.generation <= live.generation.number:
            return ()
        generation = generation_of(event.generation, event.bundle_hash, event.bundle)
        lanes = {
            symbol: self._lanes.get((symbol, generation.interval)) or Lane()
            for symbol in generation.symbols
        }
        prepared = {symbol: lane.prepare(generation) for symbol, lane in lanes.items()}

        effects: list[Effect] = []
        for symbol, lane in lanes.items():
            self._lanes[symbol, generation.interval] = lane
            if not lane.is_active:
                effects += _record_warm_up(lane.bars, event.id, now)
            lane.adopt(generation, prepared[symbol])
        if live is not None:
            staying = {id(lane) for lane in lanes.values()}
            for lane in live.lanes.values():
                if id(lane) not in staying:
                    lane.rest()
        self._live = _Live(generation, lanes)
        return effects


def _signal(
    generation: Generation, lane: Lane, inputs: MarketInputs, now: Millis
) -> tuple[Record, Publish]:
    signal = generation.signal(inputs, lane.update(inputs), now)
    return (
        Record("signals", signal.id, signal, signal.symbol, signal.ts_event, durable=False),
        Publish(signal),
    )


def _left_out(history: HistoryLoaded, news: News, now: Millis) -> Record:
    """Say which bars will never have a decision: they closed before what the history could bring."""
    first = news.missed[0].open_time
    alert = AlertRaised(
        id=f"left-out:{history.symbol}:{history.interval}:{first}:{now}",
        cause=history.id,
        ts_event=first,
        ts_init=now,
        service=Features.name,
        severity=ServiceState.DEGRADED,
        detail=f"the last {news.left_out} {history.interval} bars of {history.symbol} before "
        f"{first} closed too long ago to be decided about",
        symbol=history.symbol,
    )
    return Record("alerts", alert.id, alert, history.symbol, now)


def _record_warm_up(bars: Sequence[BarClosed], cause: str, now: Millis) -> Sequence[Effect]:
    """Keep the bars that factors were warmed on, for `replay`: no signal says what they were."""
    if not bars:
        return ()
    last = bars[-1]
    identity = f"warm:{last.symbol}:{last.interval}:{last.ts_event}:{now}"
    warm_up = HistoryLoaded(
        id=identity,
        cause=cause,
        ts_event=last.ts_event,
        ts_init=now,
        symbol=last.symbol,
        interval=last.interval,
        bars=tuple(bars),
    )
    return (Record("features", identity, warm_up, last.symbol, last.ts_event),)
