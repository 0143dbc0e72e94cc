"""How far each symbol of the active bundle is on its way to decisions, from the record.

Read by the market's probe and by `manage.py warmup`, so that both say the same.
"""

from collections.abc import Sequence

import msgspec

from apps.features.core.factors import FAMILIES, Input, required_bars
from chimera.bundles import Bundle
from chimera.clock import Millis
from chimera.events import BundleActivated, FeaturesComputed, HistoryLoaded
from chimera.events.health import UNLISTED
from chimera.store import Collection, Store
from chimera.store.interface import QUERY_LIMIT_MAX


class SymbolWarmUp(msgspec.Struct, frozen=True, kw_only=True):
    """Bars and factors of a symbol. `last_close` is None before the first bar.

    The bars of one that the venue does not list (`is_listed`) never come.
    `waits_for` names the factors over bars that are unknown: without them rules cannot be asked.
    Factors of the book and of funding may stay unknown for ever; bundles ask whether they are known.
    """

    symbol: str
    bars_loaded: int
    bars_needed: int
    factors_known: int
    factors: int
    waits_for: tuple[str, ...]
    last_close: Millis | None
    is_listed: bool = True

    @property
    def is_ready(self) -> bool:
        return self.last_close is not None and not self.waits_for


def warm_ups(store: Store, active: BundleActivated) -> Sequence[SymbolWarmUp]:
    """Return how far every symbol of the active bundle is, in the bundle's order."""
    return [_warm_up(store, symbol, active) for symbol in active.bundle.symbols]


def _warm_up(store: Store, symbol: str, active: BundleActivated) -> SymbolWarmUp:
    bundle = active.bundle
    signal = _newest_signal(store, symbol)
    values = signal.features if signal and signal.generation == active.generation else {}
    needed = required_bars(bundle)
    unknown = tuple(name for name in _over_bars(bundle) if values.get(name) is None)
    loaded, last_close = needed, signal.ts_event if signal else None
    if unknown:
        loaded, warmed_to = _bars_recorded(store, symbol, bundle.interval, needed)
        last_close = last_close or warmed_to
    return SymbolWarmUp(
        symbol=symbol,
        bars_loaded=loaded,
        bars_needed=needed,
        factors_known=sum(value is not None for value in values.values()),
        factors=len(bundle.factors),
        waits_for=unknown,
        last_close=last_close,
        is_listed=last_close is not None or not _is_said_to_be_unlisted(store, symbol),
    )


def _over_bars(bundle: Bundle) -> Sequence[str]:
    return [spec.name for spec in bundle.factors if FAMILIES[spec.kind].inputs <= {Input.BAR}]


def _newest_signal(store: Store, symbol: str) -> FeaturesComputed | None:
    page = store.query(Collection.SIGNALS, equal={"symbol": symbol}, order="desc", limit=1)
    return msgspec.convert(page.documents[0].body, FeaturesComputed) if page.documents else None


def _is_said_to_be_unlisted(store: Store, symbol: str) -> bool:
    """Tell whether the exchange's connector raised an alert about it."""
    page = store.query(Collection.ALERTS, equal={"symbol": symbol}, order="desc", limit=1)
    return any(document.key.startswith(UNLISTED) for document in page.documents)


def _bars_recorded(
    store: Store, symbol: str, interval: str, needed: int
) -> tuple[int, Millis | None]:
    """Count the bars of the last warm-up and of the signals since, as far as they are needed."""
    of_symbol = {"symbol": symbol, "interval": interval}
    page = store.query(Collection.FEATURES, equal=of_symbol, order="desc", limit=1)
    history = msgspec.convert(page.documents[0].body, HistoryLoaded) if page.documents else None
    warmed_to = history.ts_event if history else None
    since = store.query(
        Collection.SIGNALS,
        equal=of_symbol,
        ts_from=None if warmed_to is None else warmed_to + 1,
        limit=min(needed, QUERY_LIMIT_MAX),
    )
    bars = (len(history.bars) if history else 0) + len(since.documents)
    return min(bars, needed), warmed_to
