"""What holding a perpetual costs: the funding rate due next."""

from chimera.events.features import MarketInputs

from .base import Family, Input


class FundingRate:
    """The fraction that longs will pay shorts at the next funding time."""

    __slots__ = ()

    def update(self, inputs: MarketInputs) -> float | None:
        return inputs.funding_rate


FUNDING_RATE = Family(
    make=lambda _length: FundingRate(), inputs=frozenset({Input.MARK}), window=lambda _length: 0
)
