"""One symbol's bars at one interval, and the factors over them. The service and `replay` drive it.

What a factor's value rests on is the same for both, whatever happened before:

1. A new factor warms up on the consecutive bars up to now, as many as its own look-back asks for.
2. Loading a history builds every factor anew. A new generation builds only those it does not share
   with the one before.
3. Bars of a history that closed after the last one of an active lane are not loaded but lived
   through, one by one, as if they closed now: nobody has said yet what the factors were then.
4. A missing bar ends all look-backs: factors over bars are unknown until they are warm again, because
   a window with a hole is not the window its name promises.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from chimera.bundles import FactorSpec
from chimera.clock import Millis
from chimera.events.features import MarketInputs
from chimera.events.market import BarClosed

from .factors import FAMILIES, Factor, make_factor
from .generation import Generation

RETAINED_BARS_MIN = 1_500
"""Bars kept for warming up later generations, unless the present one asks for more."""
MISSED_BARS_MAX = 1_500
"""Bars of one history that are lived through; what closed before them only warms up."""

Factors: TypeAlias = dict[FactorSpec, Factor]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a history adds to an active lane.

    `warm_up` replaces the retained bars, None where nothing is new among them; `missed` closed since
    the last one, oldest first; `left_out` counts the bars since then that are in neither or were too
    many to be lived through.
    """

    warm_up: Sequence[BarClosed] | None
    missed: Sequence[BarClosed]
    left_out: int


class Lane:
    """Retains recent bars; holds factors while a generation trades its symbol."""

    __slots__ = ("_bars", "_capacity", "_factors", "_last_close", "_parked", "_updates")

    def __init__(self) -> None:
        self._capacity = RETAINED_BARS_MIN
        self._bars: deque[BarClosed] = deque(maxlen=self._capacity)
        self._last_close: Millis = 0
        self._factors: Factors = {}
        self._parked: Factors = {}
        self._updates: tuple[tuple[str, Callable[[MarketInputs], float | None]], ...] = ()

    @property
    def bars(self) -> tuple[BarClosed, ...]:
        """The retained bars, oldest first; there may be holes between them."""
        return tuple(self._bars)

    @property
    def is_active(self) -> bool:
        return bool(self._factors)

    def accepts(self, bar: BarClosed) -> bool:
        """Tell whether `bar` is later than all before, and its prices can be prices."""
        return bar.ts_event > self._last_close and _is_sane(bar)

    def update(self, inputs: MarketInputs) -> dict[str, float | None]:
        """Take in an accepted bar and return the value of every factor by name."""
        bar = inputs.bar
        if bar.open_time != self._last_close:
            self._use({spec: make_factor(spec) for spec in self._factors})
        if self._parked:
            self._parked = {}
        self._last_close = bar.ts_event
        self._bars.append(bar)
        return {name: update(inputs) for name, update in self._updates}

    def news(self, history: Sequence[BarClosed]) -> News:
        """Return what `history` adds to the retained bars.

        All of it warms up a lane that was empty or rests: there is nothing yet, or no longer, that
        should have been said about those bars.
        """
        present = {bar.ts_event: bar for bar in self._bars}
        known = {bar.ts_event: bar for bar in history if _is_sane(bar)} | present
        bars = [known[close] for close in sorted(known)]
        lived_to = self._last_close
        if not (self.is_active and lived_to):
            warm_up = bars if len(bars) > len(present) else None
            return News(warm_up=warm_up, missed=(), left_out=0)
        # A history may come before the generation that needs so much of it.
        bars = bars[-max(self._capacity, len(history)) :]
        late = [bar for bar in bars if bar.ts_event > lived_to]
        missed = late[-MISSED_BARS_MAX:]
        warm_up = bars[: len(bars) - len(missed)]
        left_out = 0
        if missed:
            first = missed[0]
            left_out = max(0, first.open_time - lived_to) // (first.ts_event - first.open_time)
        is_new = any(bar.ts_event not in present for bar in warm_up)
        return News(warm_up=warm_up if is_new else None, missed=missed, left_out=left_out)

    def load(self, bars: Sequence[BarClosed]) -> None:
        """Forget everything and begin with `bars`, in the order of time; all of them are retained."""
        self._bars = deque(maxlen=max(self._capacity, len(bars)))
        self._bars.extend(bars)
        self._last_close = bars[-1].ts_event if bars else 0
        self._parked = {}
        self._use(self._warmed(self._factors))

    def prepare(self, generation: Generation) -> Factors:
        """Build the factors of `generation` beside the present ones; what both have is kept."""
        kept = {**self._parked, **self._factors}
        new = self._warmed(spec for spec in generation.specs if spec not in kept)
        return {spec: kept.get(spec) or new[spec] for spec in generation.specs}

    def adopt(self, generation: Generation, factors: Factors) -> None:
        """Go on with the `factors` that were prepared for `generation`."""
        self._capacity = max(RETAINED_BARS_MIN, generation.required_bars)
        self._bars = deque(self._bars, maxlen=self._capacity)
        # Two generations may follow each other between two bars; a replay sees only the second.
        self._parked.update(self._factors)
        self._use(factors)

    def rest(self) -> None:
        """Go on without factors: the symbol is no longer traded."""
        self._parked = {}
        self._use({})

    def _use(self, factors: Factors) -> None:
        self._factors = factors
        self._updates = tuple((spec.name, factor.update) for spec, factor in factors.items())

    def _warmed(self, specs: Iterable[FactorSpec]) -> Factors:
        run = self._consecutive()
        factors: Factors = {}
        for spec in specs:
            factors[spec] = factor = make_factor(spec)
            need = FAMILIES[spec.kind].warm_up_bars(spec.length)
            for inputs in run[max(0, len(run) - need) :]:
                factor.update(inputs)
        return factors

    def _consecutive(self) -> list[MarketInputs]:
        """Return the latest bars back to the last hole, oldest first."""
        run: list[MarketInputs] = []
        opened = self._last_close
        for bar in reversed(self._bars):
            if bar.ts_event != opened:
                break
            run.append(MarketInputs(bar=bar))
            opened = bar.open_time
        run.reverse()
        return run


def _is_sane(bar: BarClosed) -> bool:
    return 0.0 < bar.low <= bar.close <= bar.high < inf
