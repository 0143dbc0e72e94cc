"""What every life of a worker's cores begins with, whichever way it came to begin anew.

It outlives leases: cores that are built anew never go back to a bundle that was replaced, and what was
halted stays halted until somebody resumes it.
"""

from collections.abc import Iterator, Sequence

from chimera.events import BundleActivated, StreamDisconnected, TradingHalted, TradingResumed
from chimera.events.base import Event


class Beginning:
    """The events given to new cores first: the newest bundle, every halt, and the streams that are lost.

    `unusable` is the bundle that should be in force and that no core could take, None mostly.
    """

    def __init__(self, first: Sequence[Event]) -> None:
        self.unusable: BundleActivated | None = None
        self._first = list(first)
        self._before: BundleActivated | None = None
        self._in_force: dict[str, Event] = {}

    def __iter__(self) -> Iterator[Event]:
        return iter((*self._first, *self._in_force.values()))

    def learn(self, event: Event) -> bool:
        """Begin with `event` from now on, or without what it ends; return whether that is a change."""
        match event:
            case BundleActivated():
                return self._learn_bundle(event)
            case TradingHalted(source=source) | StreamDisconnected(stream=source, connected=False):
                self._in_force[source] = event
                return True
            case TradingResumed(source=source) | StreamDisconnected(stream=source):
                return self._in_force.pop(source, None) is not None
        return False

    def give_up(self, event: Event) -> bool:
        """Go back from a bundle that no core can take to the one before; return whether there is one."""
        if not isinstance(event, BundleActivated) or event not in self._first or not self._before:
            return False
        self._first = [self._before, *(known for known in self._first if known != event)]
        self._before, self.unusable = None, event
        return True

    def _learn_bundle(self, event: BundleActivated) -> bool:
        bundles = [known for known in self._first if isinstance(known, BundleActivated)]
        if event == self.unusable or any(event.generation <= b.generation for b in bundles):
            return False
        self._first = [event, *(known for known in self._first if known not in bundles)]
        self._before, self.unusable = (bundles[0] if bundles else None), None
        return True
