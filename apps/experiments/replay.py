"""Recomputes what the system decided from what it recorded, and names every difference.

1. Factors: each signal again from the warm-up and the market inputs recorded with it.
2. Decisions: each decision again from its signal, its position and the bundle it names.
3. Completeness: one signal for a bar, one decision for a signal, and a bundle for both.

Recomputed and recorded are compared as bytes. Called by `manage.py replay`.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from apps.features.core.replay import recompute_run
from apps.strategy.core.decide import decide
from apps.strategy.core.policy import Policy, compile_policy
from chimera.bundles import Bundle, bundle_hash
from chimera.clock import Millis
from chimera.errors import NotFound
from chimera.events import DecisionMade, FeaturesComputed, HistoryLoaded, encode
from chimera.store import Document, Store

PAGE = 500
DECIDED_WITHIN_S = 10.0  # more than a strategy apart needs, its restart included
POLL_S = 0.2


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One document that is missing, surplus, or cannot be recomputed to the same bytes."""

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
    decided_within_s: float = DECIDED_WITHIN_S,
) -> ReplayReport:
    """Recompute every signal and decision of ``[ts_from, ts_to)``.

    Parameters
    ----------
    progress : told the kind and how many were done, about every `PAGE` documents
    decided_within_s : how long the newest signals, on which a running desk may be deciding just now,
        are given until their decisions must be there

    Raises
    ------
    NotFound
        If there is nothing to compare.
    """
    span = _Replay(store, ts_from, ts_to, progress)
    signals = span.signals()
    decisions = span.decisions()
    span.missing(decided_within_s)
    if not (signals or decisions or span.differences):
        raise NotFound("there is nothing to replay: the record holds no signal or decision there")
    return ReplayReport(signals=signals, decisions=decisions, differences=tuple(span.differences))


class _Replay:
    """One pass over a span of the record; what it finds is in `differences`."""

    def __init__(
        self,
        store: Store,
        ts_from: Millis | None,
        ts_to: Millis | None,
        progress: Callable[[str, int], None],
    ) -> None:
        self.differences: list[Difference] = []
        self._store = store
        self._ts_from = ts_from
        self._ts_to = ts_to
        self._progress = progress
        self._bundles = _bundles(store)
        self._undecided: dict[str, FeaturesComputed] = {}  # by the signal's id
        self._decided: set[str] = set()
        self._decided_to: dict[str, Millis] = {}  # by symbol

    def signals(self) -> int:
        """Recompute from the first signal of the record on: factors remember, so none may be left out."""
        warm_ups = [
            msgspec.convert(document.body, HistoryLoaded)
            for document in _all(self._store, "features", None, self._ts_to)
        ]
        recorded = []
        bars: set[str] = set()
        for document in _all(self._store, "signals", None, self._ts_to):
            signal = msgspec.convert(document.body, FeaturesComputed)
            name, bar = f"signals/{document.key}", signal.inputs.bar.id
            wanted = self._ts_from is None or signal.ts_event >= self._ts_from
            if wanted:
                self._undecided[signal.id] = signal
            if wanted and bar in bars:
                self._differs(name, f"bar {bar} has another signal")
            bars.add(bar)
            if signal.bundle_hash in self._bundles:
                recorded.append(signal)
            elif wanted:
                self._differs(name, f"bundle {signal.bundle_hash} is not in the record")
        count = 0
        for was, now in zip(
            recorded, recompute_run(warm_ups, recorded, self._bundles), strict=True
        ):
            if was.id in self._undecided:
                count += 1
                self._compare(f"signals/{was.id}", was, now)
                self._tell("signals", count)
        return count

    def decisions(self) -> int:
        policies: dict[tuple[str, int], Policy] = {}
        count = 0
        for document in _all(self._store, "decisions", self._ts_from, self._ts_to):
            was = msgspec.convert(document.body, DecisionMade)
            name = f"decisions/{document.key}"
            if was.signal_id in self._decided:
                self._differs(name, f"signal {was.signal_id} has another decision")
            self._decided.add(was.signal_id)
            self._undecided.pop(was.signal_id, None)
            self._decided_to[was.symbol] = was.ts_event
            signal = self._store.get("signals", was.signal_id)
            bundle = self._bundles.get(was.bundle_hash)
            if signal is None or bundle is None:
                lost = f"signal {was.signal_id}" if signal is None else f"bundle {was.bundle_hash}"
                self._differs(name, f"{lost} is not in the record")
                continue
            key = was.bundle_hash, was.generation
            if key not in policies:
                policies[key] = compile_policy(
                    bundle, generation=was.generation, bundle_hash=was.bundle_hash
                )
            now = decide(
                policies[key], msgspec.convert(signal.body, FeaturesComputed), was.position
            )
            if not any(guard.reason for guard in was.guards):  # as decisions once were recorded
                now = _without_reasons(now)
            count += 1
            self._compare(name, was, now)
            self._tell("decisions", count)
        return count

    def missing(self, decided_within_s: float) -> None:
        """Name the signals that nobody decided about.

        Bars are decided about in their order, so what lies before a decision will never have one.
        What lies after the last one may be on its way, until the time is over.
        """
        waiting = [
            signal
            for signal in self._undecided.values()
            if signal.ts_event > self._decided_to.get(signal.symbol, 0)
        ]
        deadline = time.monotonic() + decided_within_s
        while waiting := [signal for signal in waiting if not self._is_decided(signal)]:
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL_S)
        for signal in self._undecided.values():
            self._differs(f"signals/{signal.id}", "it has no decision")

    def _is_decided(self, signal: FeaturesComputed) -> bool:
        page = self._store.query(
            "decisions",
            equal={"symbol": signal.symbol, "signal_id": signal.id},
            ts_from=signal.ts_event,
            ts_to=signal.ts_event + 1,
            limit=1,
        )
        if page.documents:
            del self._undecided[signal.id]
        return bool(page.documents)

    def _compare(self, name: str, was: msgspec.Struct, now: msgspec.Struct) -> None:
        if encode(was) != encode(now):
            self.differences.append(
                Difference(
                    document=name,
                    problem="recomputed to other bytes",
                    recorded=msgspec.to_builtins(was),
                    recomputed=msgspec.to_builtins(now),
                )
            )

    def _differs(self, document: str, problem: str) -> None:
        self.differences.append(Difference(document=document, problem=problem))

    def _tell(self, kind: str, count: int) -> None:
        if count % PAGE == 0:
            self._progress(kind, count)


def _without_reasons(decision: DecisionMade) -> DecisionMade:
    guards = tuple(msgspec.structs.replace(guard, reason="") for guard in decision.guards)
    return msgspec.structs.replace(decision, guards=guards)


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
