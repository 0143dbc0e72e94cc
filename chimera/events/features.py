"""What the factors say at a bar's close. The same struct is the `signals` document."""

import msgspec

from chimera.clock import Millis
from chimera.events.base import Event
from chimera.events.market import BarClosed, Level


class MarketInputs(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Everything a factor update saw besides earlier bars; None is unknown or stale."""

    bar: BarClosed
    bid_px: float | None = None
    bid_qty: float | None = None
    ask_px: float | None = None
    ask_qty: float | None = None
    bids: tuple[Level, ...] | None = None
    asks: tuple[Level, ...] | None = None
    mark_px: float | None = None
    funding_rate: float | None = None
    next_funding_time: Millis | None = None


class FeaturesComputed(Event, frozen=True, kw_only=True, gc=False, tag="features.computed.v1"):
    """The value of every factor of the bundle at one bar's close; None is unknown."""

    symbol: str
    interval: str
    generation: int
    bundle_hash: str
    inputs: MarketInputs
    features: dict[str, float | None]
