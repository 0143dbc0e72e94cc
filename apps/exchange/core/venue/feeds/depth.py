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


def actions(
    market: Market, symbol: str, messages: Iterable[tuple[Millis, Recorded]]
) -> Iterator[TimedAction]:
    """Yield what a recorded feed does to the venue's book.

    Raises
    ------
    InvalidInput
        If the differences have a gap, or never reach the snapshot.
    """
    early: list[tuple[Millis, DepthDiff]] = []
    book_id: int | None = None
    started = False
    for ts, message in messages:
        if type(message) is DepthSnapshot:
            book_id, started = message.last_id, False
            yield ts, SetDepth(market, symbol, message.last_id, message.bids, message.asks)
            pending, early = early, []
        elif type(message) is DepthDiff:
            if book_id is None:
                early.append((ts, message))
                continue
            pending = [(ts, message)]
        else:
            if type(message) is RecordedTrade and book_id is not None:
                yield ts, _trade(market, symbol, message)
            continue
        for _, diff in pending:
            assert book_id is not None
            if not started and _is_old(market, diff, book_id):
                continue
            _check_chain(market, symbol, diff, book_id, started=started)
            started, book_id = True, diff.final_id
            yield ts, ChangeDepth(market, symbol, diff.final_id, diff.bids, diff.asks)


def _is_old(market: Market, diff: DepthDiff, book_id: int) -> bool:
    return diff.final_id < book_id if market is Market.USDM else diff.final_id <= book_id


def _check_chain(
    market: Market, symbol: str, diff: DepthDiff, book_id: int, *, started: bool
) -> None:
    if not started:
        reach = book_id if market is Market.USDM else book_id + 1
        chained = diff.first_id <= reach <= diff.final_id
    elif diff.prev_id is not None:
        chained = diff.prev_id == book_id
    else:
        chained = diff.first_id == book_id + 1
    if not chained:
        raise InvalidInput(
            f"depth of {symbol}: update {diff.first_id}..{diff.final_id} does not follow {book_id}",
            field="U",
            rule="update ids must chain",
        )


def _trade(market: Market, symbol: str, trade: RecordedTrade) -> PrintTrade:
    aggressor = Side.SELL if trade.buyer_is_maker else Side.BUY
    return PrintTrade(market, symbol, trade.trade_id, trade.price, trade.qty, aggressor)
