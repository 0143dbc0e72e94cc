"""Finds what producers' sequences say was lost, repeated or restarted. Used by every subscription.

Each producer numbers its messages per stream from 1 and names its epoch, which grows at each start.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class GapKind(StrEnum):
    MISSING = "missing"  # first..last were never seen, here or by this consumer
    FILLED = "filled"  # `first` was reported missing and has come after all
    DUPLICATED = "duplicated"  # `first` came before: a publish was retried
    RESTARTED = "restarted"  # the producer began a new epoch
    STALE = "stale"  # an older epoch still speaks: two producers share one name


class Gap(msgspec.Struct, frozen=True):
    """One irregularity. `first` and `last` are sequences, inclusive, of `epoch`."""

    kind: GapKind
    stream: str
    producer: str
    epoch: int
    first: int
    last: int


class GapTracker:
    """Follows the sequences of every (stream, producer) in bounded memory.

    The first message seen of a producer is where tracking begins: what came before is not missing.
    A new epoch, however, begins at 1.

    Parameters
    ----------
    max_producers : (stream, producer) pairs remembered; the longest silent is forgotten
    max_holes : missing ranges remembered for each pair; the oldest is forgotten, and what fills it
        later shows as duplicated
    """

    def __init__(self, *, max_producers: int = 4_096, max_holes: int = 64) -> None:
        self._max_producers = max_producers
        self._max_holes = max_holes
        self._tracks: OrderedDict[tuple[str, str], _Track] = OrderedDict()

    def observe(
        self, stream: str, producer: str, epoch: int, sequence: int, *, redelivered: bool = False
    ) -> tuple[Gap, ...]:
        """Take note of one message, in the order of delivery, and return what it reveals.

        What is delivered again comes late and in patches, since its neighbours may have been
        acknowledged: it fills holes and moves on, but shows nothing missing or duplicated.
        """
        key = (stream, producer)
        track = self._tracks.get(key)
        if track is None:
            self._begin(key, epoch, sequence)
            return ()
        self._tracks.move_to_end(key)
        if epoch == track.epoch and sequence == track.expected:
            track.expected += 1
            return ()
        return tuple(
            Gap(kind, stream, producer, epoch, first, last)
            for kind, first, last in track.irregular(epoch, sequence, self._max_holes, redelivered)
            if not redelivered or kind in _SHOWN_BY_REDELIVERY
        )

    def _begin(self, key: tuple[str, str], epoch: int, sequence: int) -> None:
        self._tracks[key] = _Track(epoch, sequence + 1)
        if len(self._tracks) > self._max_producers:
            self._tracks.popitem(last=False)


_SHOWN_BY_REDELIVERY = frozenset({GapKind.FILLED, GapKind.RESTARTED})
_Finding = tuple[GapKind, int, int]


@dataclass(slots=True)
class _Track:
    epoch: int
    expected: int
    holes: list[tuple[int, int]] = field(default_factory=list)  # ascending, inclusive

    def irregular(
        self, epoch: int, sequence: int, max_holes: int, redelivered: bool
    ) -> list[_Finding]:
        found: list[_Finding] = []
        if epoch < self.epoch:
            return [(GapKind.STALE, sequence, sequence)]
        if epoch > self.epoch:
            found.append((GapKind.RESTARTED, sequence, sequence))
            self.epoch, self.expected, self.holes = epoch, 1, []
        if sequence < self.expected:
            kind = GapKind.FILLED if self._fill(sequence, max_holes) else GapKind.DUPLICATED
            return [*found, (kind, sequence, sequence)]
        if sequence > self.expected:
            hole = (self.expected, sequence - 1)
            found.append((GapKind.MISSING, *hole))
            if not redelivered:
                self.holes = [*self.holes, hole][-max_holes:]
        self.expected = sequence + 1
        return found

    def _fill(self, sequence: int, max_holes: int) -> bool:
        for index, (first, last) in enumerate(self.holes):
            if first <= sequence <= last:
                rest = [(first, sequence - 1), (sequence + 1, last)]
                self.holes[index : index + 1] = [(a, b) for a, b in rest if a <= b]
                self.holes = self.holes[-max_holes:]  # filling the middle of a hole makes two
                return True
        return False
