"""What trading would cost and which side presses: spread and imbalance of the book."""

from chimera.events.features import MarketInputs

from .base import Family, Input


class SpreadBps:
    """Distance of the best quotes in basis points of their mid; unknown when they are crossed."""

    __slots__ = ()

    def update(self, inputs: MarketInputs) -> float | None:
        bid, ask = inputs.bid_px, inputs.ask_px
        if bid is None or ask is None or not 0.0 < bid <= ask:
            return None
        return 20_000.0 * (ask - bid) / (ask + bid)


class DepthImbalance:
    """Surplus of bid over ask quantity on the best `length` levels, as a fraction of both: [-1, 1].

    A book with fewer levels is taken as it is; one without any quantity is unknown.
    """

    __slots__ = ("_length",)

    def __init__(self, length: int) -> None:
        self._length = length

    def update(self, inputs: MarketInputs) -> float | None:
        bids, asks = inputs.bids, inputs.asks
        if bids is None or asks is None:
            return None
        bid_qty = ask_qty = 0.0
        for _, qty in bids[: self._length]:
            bid_qty += qty
        for _, qty in asks[: self._length]:
            ask_qty += qty
        total = bid_qty + ask_qty
        return (bid_qty - ask_qty) / total if total > 0.0 else None


SPREAD_BPS = Family(
    make=lambda _length: SpreadBps(), inputs=frozenset({Input.QUOTE}), window=lambda _length: 0
)
DEPTH_IMBALANCE = Family(
    make=DepthImbalance, inputs=frozenset({Input.DEPTH}), window=lambda _length: 0
)
