"""A recorded websocket feed as a market: depth differences, trades and one snapshot become actions.

The book follows Binance's documented local-book procedure:

1. Differences before the snapshot are kept back.
2. The snapshot becomes the book; kept differences that it already contains are dropped.
3. The first one applied must reach over the snapshot; after that the ids must chain without a gap.

Trades before the snapshot are dropped, as nobody could have traded against an unknown book.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from apps.exchange.core.venue.actions import ChangeDepth, Levels, PrintTrade, SetDepth
from apps.exchange.core.venue.feeds.merge import TimedAction
from chimera.clock import Millis
from chimera.errors import InvalidInput
from chimera.instruments import Market, Side


class DepthSnapshot(msgspec.Struct, frozen=True):
    last_id: int
    bids: Levels
    asks: Levels


class DepthDiff(msgspec.Struct, frozen=True):
    """`prev_id` is the `pu` of futures; spot has none, its `first_id` follows the previous `final_id`."""

    first_id: int
    final_id: int
    prev_id: int | None
    bids: Levels
    asks: Levels


class RecordedTrade(msgspec.Struct, frozen=True):
    trade_id: int
    price: Decimal
    qty: Decimal
    buyer_is_maker: bool


class RecordedQuote(msgspec.Struct, frozen=True):
    update_id: int
    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal


Recorded = DepthSnapshot | DepthDiff | RecordedTrade | RecordedQuote


class Chain:
    """Which differences continue a book, told by their ids alone. `book_id` is None before a snapshot."""

    def __init__(self, market: Market) -> None:
        self._futures = market is Market.USDM
        self._started = False
        self.book_id: int | None = None

    def begin(self, last_id: int) -> None:
        """Take a snapshot's id."""
        self.book_id, self._started = last_id, False

    def continues(self, first_id: int, final_id: int, prev_id: int | None) -> bool:
        """Take a difference's ids after a snapshot; tell whether the book lacks it.

        Raises
        ------
        InvalidInput
            If there is a gap between it and the book; `field` and `rule` say where.
        """
        assert self.book_id is not None, "a snapshot comes first"
        if not self._started and final_id < self.book_id + (not self._futures):
            return False
        if not self._started:
            reach = self.book_id if self._futures else self.book_id + 1
            field, chained = "U", first_id <= reach <= final_id
        elif prev_id is not None:
            field, chained = "pu", prev_id == self.book_id
        else:
            field, chained = "U", first_id == self.book_id + 1
        if not chained:
            rule = f"update ids must chain: {first_id}..{final_id} does not follow {self.book_id}"
            raise InvalidInput(f"depth: {rule}", field=field, rule=rule)
        self.book_id, self._started = final_id, True
        return True


def actions(
    market: Market, symbol: str, messages: Iterable[tuple[Millis, Recorded]]
) -> Iterator[TimedAction]:
    """Yield what a recorded feed does to the venue's book.

    Raises
    ------
    InvalidInput
        If the differences have a gap, or never reach the snapshot.
    """
    early: list[DepthDiff] = []
    chain = Chain(market)
    for ts, message in messages:
        if type(message) is DepthSnapshot:
            chain.begin(message.last_id)
            yield ts, SetDepth(market, symbol, message.last_id, message.bids, message.asks)
            pending, early = early, []
        elif type(message) is DepthDiff:
            if chain.book_id is None:
                early.append(message)
                continue
            pending = [message]
        else:
            if type(message) is RecordedTrade and chain.book_id is not None:
                yield ts, _trade(market, symbol, message)
            continue
        for diff in pending:
            if chain.continues(diff.first_id, diff.final_id, diff.prev_id):
                yield ts, ChangeDepth(market, symbol, diff.final_id, diff.bids, diff.asks)


def _trade(market: Market, symbol: str, trade: RecordedTrade) -> PrintTrade:
    aggressor = Side.SELL if trade.buyer_is_maker else Side.BUY
    return PrintTrade(market, symbol, trade.trade_id, trade.price, trade.qty, aggressor)
