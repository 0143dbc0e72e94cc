"""What every life of a worker's cores begins with, whichever way it came to begin anew."""

from collections.abc import Iterator, Sequence

from chimera.events import BundleActivated
from chimera.events.base import Event


class Beginning:
    """The events given to new cores first; of bundles only the newest generation.

    It outlives leases: cores that are built anew never go back to a bundle that was replaced.
    """

    def __init__(self, first: Sequence[Event]) -> None:
        self._events = list(first)

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self._events))

    def learn(self, event: Event) -> bool:
        """Begin with `event` from now on and return True, if it is a newer generation of the bundle."""
        if type(event) is not BundleActivated:
            return False
        bundles = [known for known in self._events if type(known) is BundleActivated]
        if any(event.generation <= known.generation for known in bundles):
            return False
        others = [known for known in self._events if type(known) is not BundleActivated]
        self._events = [event, *others]
        return True
