"""What a feed makes happen in the market. Feeds yield them with their time; `Venue.apply` carries them out."""

from decimal import Decimal

import msgspec

from chimera.clock import Millis
from chimera.instruments import Market, Side

Levels = tuple[tuple[Decimal, Decimal], ...]


class MarketAction(msgspec.Struct, frozen=True, gc=False):
    """Something the market did to one symbol (the venue's own spelling)."""

    market: Market
    symbol: str


class Bar(MarketAction, frozen=True, gc=False):
    """A whole closed bar at once: the market walked O-L-H-C (up bar) or O-H-L-C. The fast path."""

    interval: str
    open_time: Millis
    close_time: Millis  # exclusive end, when the bar is known
    open: float
    high: float
    low: float
    close: float
    volume: float


class StepPrice(MarketAction, frozen=True, gc=False):
    """The last price moved to `price` on `volume` (base units); the ladder around it is synthetic.

    `minute_volume` is how much trades in a minute now: it scales the ladder's depth.
    """

    price: Decimal
    volume: Decimal
    minute_volume: Decimal
    aggressor: Side | None = None  # None: up is bought, down is sold


class SetDepth(MarketAction, frozen=True, gc=False):
    """The whole external book becomes these levels: a snapshot."""

    update_id: int
    bids: Levels
    asks: Levels


class ChangeDepth(MarketAction, frozen=True, gc=False):
    """External quantities at these levels become these values (0 removes): a recorded difference."""

    update_id: int
    bids: Levels
    asks: Levels


class PrintTrade(MarketAction, frozen=True, gc=False):
    """A recorded trade between others: it moves queues and prices; the depth feed moves quantities."""

    trade_id: int
    price: Decimal
    qty: Decimal
    aggressor: Side


class SetMark(MarketAction, frozen=True, gc=False):
    mark: Decimal
    index: Decimal


class SetFunding(MarketAction, frozen=True, gc=False):
    """The rate that will be settled at `next_time`."""

    rate: Decimal
    next_time: Millis


Action = Bar | StepPrice | SetDepth | ChangeDepth | PrintTrade | SetMark | SetFunding
