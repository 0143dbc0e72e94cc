"""Recomputing features from the record. Pure; called by `manage.py replay` and by experiments."""

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter

from chimera.bundles import Bundle
from chimera.errors import NotFound
from chimera.events.features import FeaturesComputed
from chimera.events.market import HistoryLoaded

from .generation import Generation, generation_of
from .lane import Lane


def recompute_run(
    warm_ups: Iterable[HistoryLoaded],
    signals: Iterable[FeaturesComputed],
    bundles: Mapping[str, Bundle],
) -> Iterator[FeaturesComputed]:
    """Recompute recorded signals from their recorded inputs, across symbols, generations and restarts.

    Parameters
    ----------
    warm_ups : the documents of `features`, in any order; for each symbol, the latest one before the
        first signal and all later ones
    signals : the documents of `signals`, oldest first and without omission from the first on
    bundles : every bundle that decided, by its hash

    Yields
    ------
    FeaturesComputed, one for each signal and in its order; equal to it if nothing was different.

    Raises
    ------
    NotFound
        If a signal names a bundle that `bundles` does not hold.
    """
    replayed: dict[tuple[str, str], _ReplayedLane] = {}
    for warm_up in sorted(warm_ups, key=attrgetter("ts_event", "ts_init"), reverse=True):
        key = warm_up.symbol, warm_up.interval
        replayed.setdefault(key, _ReplayedLane()).pending.append(warm_up)
    for signal in signals:
        lane = replayed.setdefault((signal.symbol, signal.interval), _ReplayedLane())
        yield lane.recompute(signal, bundles)


class _ReplayedLane:
    def __init__(self) -> None:
        self.pending: list[HistoryLoaded] = []  # latest first
        self._lane = Lane()
        self._generation: Generation | None = None

    def recompute(
        self, signal: FeaturesComputed, bundles: Mapping[str, Bundle]
    ) -> FeaturesComputed:
        while self.pending and self.pending[-1].ts_event < signal.ts_event:
            self._lane.load(self.pending.pop().bars)
        generation = self._generation
        if generation is None or generation.number != signal.generation:
            generation = self._generation = _generation(signal, bundles)
            self._lane.adopt(generation, self._lane.prepare(generation))
        features = self._lane.update(signal.inputs)
        return generation.signal(signal.inputs, features, signal.ts_init)


def _generation(signal: FeaturesComputed, bundles: Mapping[str, Bundle]) -> Generation:
    bundle = bundles.get(signal.bundle_hash)
    if bundle is None:
        raise NotFound(
            f"signal {signal.id} names bundle {signal.bundle_hash}, which is not at hand",
            bundle_hash=signal.bundle_hash,
        )
    return generation_of(signal.generation, signal.bundle_hash, bundle)
