"""Which facts were taken in already, so that at-least-once delivery counts each of them once."""

from collections.abc import Iterable

KEPT = 20_000


class SeenIds:
    """Remembers ids, at least the newest `kept` of them."""

    __slots__ = ("_ids", "_kept")

    def __init__(self, ids: Iterable[str] = (), *, kept: int = KEPT) -> None:
        self._ids = dict.fromkeys(ids)
        self._kept = kept

    def first_time(self, fact_id: str) -> bool:
        """Tell whether `fact_id` is new, and remember it."""
        if fact_id in self._ids:
            return False
        self._ids[fact_id] = None
        if len(self._ids) > 2 * self._kept:
            for old in list(self._ids)[: self._kept]:
                del self._ids[old]
        return True
