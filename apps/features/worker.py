"""Wires the factors into a runtime, warmed from the bars of the record.

The venue's own history, which the exchange brings when it starts, fills what the record lacks; bars
that closed since the record ends lead to signals then.
"""

from collections.abc import Sequence
from itertools import chain

import msgspec

from apps.features.core.service import Features
from chimera.clock import INTERVALS
from chimera.events import BarClosed, FeaturesComputed, HistoryLoaded
from chimera.runtime.worker import WorkerContext
from chimera.store.interface import Store

BARS_READ = 1_000
SIGNALS_TOLD_AGAIN = 10  # more than a power cut catches between recording and telling


def build(context: WorkerContext) -> Features:
    """Return the factors' core, warmed with the recorded bars and about to tell its last signals again."""
    features = Features(context.speed)
    interval = next(name for name, length in INTERVALS.items() if length == context.interval_ms)
    histories, last_signals = [], []
    for symbol in context.symbols:
        signals = _last_signals(context.store, symbol, interval)
        history = _recorded_history(context.store, symbol, interval, signals)
        if history is not None:
            histories.append(history)
        last_signals += signals[-SIGNALS_TOLD_AGAIN:]
    features.restore(histories, last_signals)
    return features


def _last_signals(store: Store, symbol: str, interval: str) -> list[FeaturesComputed]:
    """Return the newest signals of a symbol, oldest first."""
    of_lane = {"symbol": symbol, "interval": interval}
    page = store.query("signals", equal=of_lane, order="desc", limit=BARS_READ)
    return [msgspec.convert(d.body, FeaturesComputed) for d in reversed(page.documents)]


def _recorded_history(
    store: Store, symbol: str, interval: str, signals: Sequence[FeaturesComputed]
) -> HistoryLoaded | None:
    """Return the newest recorded bars of a symbol: its last warm-up, and each signal's bar since."""
    of_lane = {"symbol": symbol, "interval": interval}
    warm_ups = store.query("features", equal=of_lane, order="desc", limit=1).documents
    warm_up = msgspec.convert(warm_ups[0].body, HistoryLoaded) if warm_ups else None
    signalled = (signal.inputs.bar for signal in signals)
    bars: dict[int, BarClosed] = {
        bar.ts_event: bar for bar in chain(warm_up.bars if warm_up else (), signalled)
    }
    if not bars:
        return None
    last = bars[max(bars)]
    return HistoryLoaded(
        id=f"recorded:{symbol}:{last.ts_event}",
        ts_event=last.ts_event,
        ts_init=last.ts_init,
        symbol=symbol,
        interval=last.interval,
        bars=tuple(bars[close] for close in sorted(bars)),
    )
