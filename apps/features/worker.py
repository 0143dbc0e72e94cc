"""Wires the factors into a runtime, warmed from the bars of the record.

The venue's own history, which the exchange brings when it starts, fills what the record lacks.
"""

from itertools import chain

import msgspec

from apps.features.core.service import Features
from chimera.events import BarClosed, FeaturesComputed, HistoryLoaded
from chimera.runtime.worker import WorkerContext
from chimera.store.interface import Store

BARS_READ = 1_000


def build(context: WorkerContext) -> Features:
    features = Features(context.speed)
    for symbol in context.symbols:
        history = _recorded_history(context.store, symbol)
        if history is not None:
            features.handle(history, history.ts_init)
    return features


def _recorded_history(store: Store, symbol: str) -> HistoryLoaded | None:
    """Return the newest recorded bars of a symbol: its last warm-up, and each signal's bar since."""
    warm_ups = store.query("features", equal={"symbol": symbol}, order="desc", limit=1).documents
    signals = store.query("signals", equal={"symbol": symbol}, order="desc", limit=BARS_READ)
    warm_up = msgspec.convert(warm_ups[0].body, HistoryLoaded) if warm_ups else None
    signalled = [msgspec.convert(d.body, FeaturesComputed).inputs.bar for d in signals.documents]
    bars: dict[int, BarClosed] = {
        bar.ts_event: bar for bar in chain(warm_up.bars if warm_up else (), reversed(signalled))
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
