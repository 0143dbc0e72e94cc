"""Recorded trades without depth as a market: each moves the price, the ladder around it is synthetic."""

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal

from apps.exchange.core.venue.actions import StepPrice
from apps.exchange.core.venue.feeds.depth import RecordedTrade
from apps.exchange.core.venue.feeds.merge import TimedAction
from chimera.clock import MINUTE, Millis
from chimera.instruments import Market, Side
from chimera.money import ZERO


def actions(
    market: Market, symbol: str, trades: Iterable[tuple[Millis, RecordedTrade]]
) -> Iterator[TimedAction]:
    """Yield a step for every trade; depth is scaled by what traded in the minute before it."""
    recent: deque[tuple[Millis, Decimal]] = deque()
    minute_volume = ZERO
    for ts, trade in trades:
        recent.append((ts, trade.qty))
        minute_volume += trade.qty
        while recent[0][0] <= ts - MINUTE:
            minute_volume -= recent.popleft()[1]
        aggressor = Side.SELL if trade.buyer_is_maker else Side.BUY
        yield ts, StepPrice(market, symbol, trade.price, trade.qty, minute_volume, aggressor)
