"""Recomputes what the system decided from what it recorded, and names every difference.

1. Factors: each signal again from the warm-up and the market inputs recorded with it.
2. Decisions: each decision again from its signal, its position and the bundle it names.

Recomputed and recorded are compared as bytes. Called by `manage.py replay`.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from apps.features.core.replay import recompute_run
from apps.strategy.core.decide import decide
from apps.strategy.core.policy import Policy, compile_policy
from chimera.bundles import Bundle, bundle_hash
from chimera.clock import DAY, Millis
from chimera.events import DecisionMade, FeaturesComputed, HistoryLoaded, encode
from chimera.store import Document, Store

PAGE = 500
WARM_UP_REACH = 2 * DAY  # how far before the first signal its warm-up may lie

Body = TypeVar("Body", bound=msgspec.Struct)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One document that cannot be recomputed to the same bytes."""

    document: str
    problem: str
    recorded: dict[str, Any] | None = None
    recomputed: dict[str, Any] | None = None


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    signals: int
    decisions: int
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        return not self.differences


def replay(
    store: Store,
    *,
    ts_from: Millis | None = None,
    ts_to: Millis | None = None,
    progress: Callable[[str, int], None] = lambda _kind, _count: None,
) -> ReplayReport:
    """Recompute every signal and decision of ``[ts_from, ts_to)``.

    Parameters
    ----------
    progress : told the kind and how many were done, about every `PAGE` documents
    """
    differences: list[Difference] = []
    bundles = _bundles(store)
    signals = _replay_signals(store, bundles, ts_from, ts_to, differences, progress)
    decisions = _replay_decisions(store, bundles, ts_from, ts_to, differences, progress)
    return ReplayReport(signals=signals, decisions=decisions, differences=tuple(differences))


def _replay_signals(
    store: Store,
    bundles: dict[str, Bundle],
    ts_from: Millis | None,
    ts_to: Millis | None,
    differences: list[Difference],
    progress: Callable[[str, int], None],
) -> int:
    """Recompute from the first signal of the record on: factors remember, so none may be left out."""
    warm_ups = [
        msgspec.convert(document.body, HistoryLoaded)
        for document in _all(store, "features", None, ts_to)
    ]
    recorded = [
        msgspec.convert(document.body, FeaturesComputed)
        for document in _all(store, "signals", None, ts_to)
        if document.body["bundle_hash"] in bundles
    ]
    compared = 0
    for was, now in zip(recorded, recompute_run(warm_ups, recorded, bundles), strict=True):
        if ts_from is not None and was.ts_event < ts_from:
            continue
        compared += 1
        _compare(f"signals/{was.id}", was, now, differences)
        if compared % PAGE == 0:
            progress("signals", compared)
    return compared


def _replay_decisions(
    store: Store,
    bundles: dict[str, Bundle],
    ts_from: Millis | None,
    ts_to: Millis | None,
    differences: list[Difference],
    progress: Callable[[str, int], None],
) -> int:
    policies: dict[tuple[str, int], Policy] = {}
    count = 0
    for document in _all(store, "decisions", ts_from, ts_to):
        count += 1
        if count % PAGE == 0:
            progress("decisions", count)
        was = msgspec.convert(document.body, DecisionMade)
        name = f"decisions/{document.key}"
        signal = store.get("signals", was.signal_id)
        bundle = bundles.get(was.bundle_hash)
        if signal is None or bundle is None:
            lost = f"signal {was.signal_id}" if signal is None else f"bundle {was.bundle_hash}"
            differences.append(Difference(document=name, problem=f"{lost} is not in the record"))
            continue
        key = was.bundle_hash, was.generation
        if key not in policies:
            policies[key] = compile_policy(
                bundle, generation=was.generation, bundle_hash=was.bundle_hash
            )
        now = decide(policies[key], msgspec.convert(signal.body, FeaturesComputed), was.position)
        _compare(name, was, now, differences)
    return count


def _compare(
    name: str, was: msgspec.Struct, now: msgspec.Struct, differences: list[Difference]
) -> None:
    if encode(was) != encode(now):
        differences.append(
            Difference(
                document=name,
                problem="recomputed to other bytes",
                recorded=msgspec.to_builtins(was),
                recomputed=msgspec.to_builtins(now),
            )
        )


def _bundles(store: Store) -> dict[str, Bundle]:
    """Return every bundle of the record under the hash of its content, not the one it claims."""
    found = {}
    for document in _all(store, "config_bundles", None, None):
        bundle = msgspec.convert(document.body["bundle"], Bundle)
        found[bundle_hash(bundle)] = bundle
    return found


def _all(
    store: Store, collection: str, ts_from: Millis | None, ts_to: Millis | None
) -> Iterator[Document]:
    cursor = None
    while True:
        page = store.query(collection, ts_from=ts_from, ts_to=ts_to, limit=PAGE, cursor=cursor)
        yield from page.documents
        cursor = page.next_cursor
        if cursor is None:
            return
