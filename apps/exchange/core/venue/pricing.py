"""How the market moves: feed actions are applied here, and everything they set off follows in order.

1. Resting orders that the move reaches are filled, by price, then time.
2. Last and mark move; candles and tape with them.
3. Conditional orders fire, spot stops come to work, lost positions are liquidated, until nothing moves.

The mark price is a low-pass of last (or of the mid, where depth is fed) with a time constant of 30
seconds, as Binance's own is a 30-second mean, unless a recorded mark is fed.
"""

from collections.abc import Iterator
from decimal import Decimal

from apps.exchange.core.venue.actions import (
    Action,
    Bar,
    ChangeDepth,
    Levels,
    PrintTrade,
    SetDepth,
    SetFunding,
    SetMark,
    StepPrice,
)
from apps.exchange.core.venue.algos import AlgoDesk
from apps.exchange.core.venue.bars import BarWalker, mark_weight
from apps.exchange.core.venue.book import reaches
from apps.exchange.core.venue.desk import OrderDesk
from apps.exchange.core.venue.floor import FUNDING_INTERVAL, NEVER, Floor, Listing
from apps.exchange.core.venue.intake import triggers
from apps.exchange.core.venue.liquidation import RiskEngine
from apps.exchange.core.venue.outbound import MarkMoved
from apps.exchange.core.venue.types import ExpiryReason, TimeInForce, VenueOrderStatus
from chimera.clock import Millis
from chimera.errors import require
from chimera.instruments import Market, Side
from chimera.money import ZERO, quantize

_MAX_REACTIONS = 100  # rounds of triggers one move may set off


class Pricing:
    """Applies actions to listings. One per venue."""

    def __init__(self, floor: Floor, *, desk: OrderDesk, algos: AlgoDesk, risk: RiskEngine) -> None:
        self._floor = floor
        self._desk = desk
        self._algos = algos
        self._risk = risk
        self._bars = BarWalker(floor, pricing=self, algos=algos, risk=risk)

    def apply(self, action: Action, now: Millis) -> None:
        """Carry out one action at `now`."""
        if type(action) is Bar:
            for _ in self.live_through(action, now):
                pass
            return
        floor = self._floor
        listing = floor.listings[action.market, action.symbol]
        if floor.due < now:
            self.advance(now)
        floor.now = max(floor.now, now)
        if type(action) is StepPrice:
            bought = None if action.aggressor is None else action.aggressor is Side.BUY
            minute_volume = float(action.minute_volume)
            self.step(
                listing,
                float(action.price),
                action.volume,
                floor.now,
                bought=bought,
                minute_volume=minute_volume,
            )
        elif type(action) is ChangeDepth:
            self._change_depth(listing, action.bids, action.asks, action.update_id)
        elif type(action) is SetDepth:
            self._set_depth(listing, action)
        elif type(action) is PrintTrade:
            self._print(listing, action)
        elif type(action) is SetMark:
            self._set_mark(listing, float(action.mark), action.index)
        elif type(action) is SetFunding:
            listing.funding_rate = action.rate
            self._schedule_funding(listing, action.next_time)

    def live_through(self, bar: Bar, now: Millis) -> Iterator[None]:
        """Carry out a bar that closes at `now`; pause wherever somebody may want to act on the way."""
        floor = self._floor
        yield from self._bars.take(floor.listings[bar.market, bar.symbol], bar)
        if now > floor.now:
            floor.now = now
        if floor.due <= now:
            self.advance(now)

    # --- price steps ---------------------------------------------------------------------------------

    def step(
        self,
        listing: Listing,
        price: float,
        volume: Decimal,
        ts: Millis,
        *,
        bought: bool | None,
        minute_volume: float,
    ) -> None:
        """Move last to `price` on `volume`; with `bought` None, up is bought and down is sold."""
        listing.synthetic = True
        if bought is not None:
            listing.bought = bought
        elif listing.last_px is not None and price != listing.last_px:
            listing.bought = price > listing.last_px
        listing.minute_volume = minute_volume
        exact = listing.to_tick(price)
        rest = self._trade_through(listing, exact, volume)
        self._move(listing, price, ts)
        listing.ladder_stale = True
        self._report(listing, exact, rest, float(volume), trade_id=0)
        self.react(listing)
        self._floor.publish_book(listing, traded=volume > 0)

    def _trade_through(self, listing: Listing, price: Decimal, volume: Decimal) -> Decimal:
        """Fill own orders the price went through, then those at it while volume lasts."""
        book = listing.book
        for side in Side:
            better = 1 if side is Side.BUY else -1
            while (level := book.best_own(side)) and (level.price - price) * better > 0:
                self._desk.fill_level(listing, side, level, None)
                self._floor.epoch += 1
        side = Side.SELL if listing.bought else Side.BUY
        level = book.best_own(side)
        if level is not None and level.price == price and volume > 0:
            step = listing.instrument.filters.step_size
            self._floor.epoch += 1
            volume = quantize(volume, step, "down")
            return self._desk.fill_level(listing, side, level, volume) or ZERO
        return volume

    # --- depth and trades ---------------------------------------------------------------------------

    def _set_depth(self, listing: Listing, action: SetDepth) -> None:
        wanted = {Side.BUY: dict(action.bids), Side.SELL: dict(action.asks)}
        gone = {
            side: tuple(
                (price, ZERO)
                for price in listing.book.external_levels(side)
                if price not in wanted[side]
            )
            for side in Side
        }
        self._change_depth(
            listing,
            gone[Side.BUY] + action.bids,
            gone[Side.SELL] + action.asks,
            action.update_id,
        )

    def _change_depth(self, listing: Listing, bids: Levels, asks: Levels, update_id: int) -> None:
        """Set external levels: what leaves first, so that a moving book never crosses itself."""
        book = listing.book
        if listing.synthetic:
            listing.synthetic = False
            for side in Side:
                book.replace_external(side, {})
        changes = [(Side.BUY, p, q) for p, q in bids] + [(Side.SELL, p, q) for p, q in asks]
        growing = []
        for side, price, qty in changes:
            if qty > book.fed(side, price):
                growing.append((side, price, qty))
            else:
                book.set_level(side, price, qty)
        for side, price, qty in growing:
            arriving = qty - book.fed(side, price)
            book.set_level(side, price, qty, taken=self._meet_own(listing, side, price, arriving))
        bid, ask = book.best(Side.BUY), book.best(Side.SELL)
        if bid is not None and ask is not None:
            mid = float(bid.price + ask.price) / 2
            if listing.last_px is None:
                listing.last_px = mid
            self._move_mark(listing, mid, self._floor.now)
            self.react(listing)
        self._floor.publish_book(listing, update_id=update_id)

    def _meet_own(self, listing: Listing, side: Side, price: Decimal, qty: Decimal) -> Decimal:
        """Trade arriving strangers with own orders they cross; return how much they traded."""
        left = qty
        facing = side.opposite
        while left > 0 and (level := listing.book.best_own(facing)):
            if not reaches(facing, level.price, price):
                break
            self._floor.epoch += 1
            left = self._desk.fill_level(listing, facing, level, left) or ZERO
        return qty - left

    def _print(self, listing: Listing, action: PrintTrade) -> None:
        """Let a recorded trade pass through the queues at and before its price."""
        floor, book = self._floor, listing.book
        side = action.aggressor.opposite
        left = action.qty
        while left > 0 and (level := book.best_own(side)):
            if not reaches(side, level.price, action.price):
                break
            floor.epoch += 1
            left = self._desk.fill_level(listing, side, level, left) or ZERO
        listing.bought = action.aggressor is Side.BUY
        listing.last_px = float(action.price)
        if listing.mark_px is None:
            self._move_mark(listing, listing.last_px, floor.now)
        self._report(listing, action.price, left, float(action.qty), trade_id=action.trade_id)
        self.react(listing)
        floor.publish_book(listing)

    # --- last and mark ------------------------------------------------------------------------------

    def _move(self, listing: Listing, price: float, ts: Millis) -> None:
        listing.last_px = price
        self._move_mark(listing, price, ts)

    def _move_mark(self, listing: Listing, price: float, ts: Millis) -> None:
        if listing.mark_px is None:
            listing.mark_px = price
            self._begin_funding(listing, ts)
        elif ts > listing.moved_at:
            elapsed = ts - listing.moved_at
            listing.mark_px += (price - listing.mark_px) * mark_weight(elapsed)
        listing.moved_at = max(listing.moved_at, ts)
        listing.index = None  # a fed index holds until the market moves on
        if listing.rates:
            self._sample(listing, ts)

    def _set_mark(self, listing: Listing, mark: float, index: Decimal) -> None:
        listing.mark_px = mark
        listing.index = index
        self._begin_funding(listing, self._floor.now)
        listing.moved_at = max(listing.moved_at, self._floor.now)
        self._sample(listing, self._floor.now)
        self._tell_mark(listing)
        self.react(listing)

    def _sample(self, listing: Listing, ts: Millis) -> None:
        """Put the mark, the index as clients are told it, and what last is above it into their candles."""
        mark, last = listing.mark_px, listing.last_px
        if mark is None or not listing.rates:
            return
        index = mark if listing.index is None else float(listing.index)
        listing.rates["mark"].move(ts, mark, 0.0, bought=True)
        listing.rates["index"].move(ts, index, 0.0, bought=True)
        if last is not None:
            listing.rates["premium"].move(ts, (last - index) / index, 0.0, bought=True)

    def _tell_mark(self, listing: Listing) -> None:
        mark = listing.mark
        if mark is not None:
            self._floor.emit(
                MarkMoved(
                    ts=self._floor.now,
                    symbol=listing.symbol,
                    mark=mark,
                    index=listing.index or mark,
                    funding_rate=listing.funding_rate,
                    next_funding_time=listing.next_funding_time,
                )
            )

    def _report(
        self, listing: Listing, price: Decimal, rest: Decimal, volume: float, *, trade_id: int
    ) -> None:
        """Put the strangers' part of a move on the tape; own fills printed themselves."""
        if listing.tape is None:
            return
        if rest > 0:
            self._floor.print_trade(listing, price, rest, bought=listing.bought, trade_id=trade_id)
        listing.tape.move(self._floor.now, float(price), volume, bought=listing.bought)
        self._floor.emit_candles(listing)
        if listing.market is Market.USDM:
            self._tell_mark(listing)

    # --- what follows -------------------------------------------------------------------------------

    def react(self, listing: Listing) -> None:
        """Fire triggers and liquidate until the move has no more consequences."""
        for _ in range(_MAX_REACTIONS):
            moved = self._check_stops(listing)
            if listing.market is Market.USDM:
                moved = self._algos.check(listing) or moved
                moved = self._risk.check(listing) or moved
            if not moved:
                return
            self._floor.epoch += 1
        require(False, "triggers set each other off without end", symbol=listing.symbol)

    def _check_stops(self, listing: Listing) -> bool:
        last, moved = listing.last, False
        if last is None:
            return False
        for order in list(listing.stops.values()):
            if order.order_id in listing.stops and triggers(
                order.type, order.side, order.stop_price, last
            ):
                self._desk.trigger(listing, order)
                moved = True
        return moved

    # --- time ---------------------------------------------------------------------------------------

    def advance(self, now: Millis) -> None:
        """Do everything that is due by `now`, in order of time."""
        floor = self._floor
        while floor.due <= now:
            at, floor.due = floor.due, NEVER
            floor.now = max(floor.now, at)
            floor.epoch += 1
            self._settle_funding(at)
            self._expire_orders(at)
            self._count_down(at)
        floor.now = max(floor.now, now)

    def _begin_funding(self, listing: Listing, ts: Millis) -> None:
        """Schedule the first settlement of a symbol that has none fed."""
        if listing.market is Market.USDM and not listing.next_funding_time:
            self._schedule_funding(listing, ts - ts % FUNDING_INTERVAL + FUNDING_INTERVAL)

    def _schedule_funding(self, listing: Listing, at: Millis) -> None:
        listing.next_funding_time = at
        self._floor.wake(at)

    def _settle_funding(self, at: Millis) -> None:
        for listing in self._floor.listings.values():
            if not listing.next_funding_time:
                continue
            if listing.next_funding_time <= at:
                self._risk.settle_funding(listing)
                self._tell_mark(listing)
                self.react(listing)
            self._floor.wake(listing.next_funding_time)

    def _expire_orders(self, at: Millis) -> None:
        for account in self._floor.accounts.values():
            for orders in account.open.values():
                for order in list(orders.values()):
                    if order.time_in_force is not TimeInForce.GTD:
                        continue
                    if order.good_till_date <= at:
                        self._desk.end(order, VenueOrderStatus.EXPIRED, ExpiryReason.GTD)
                    else:
                        self._floor.wake(order.good_till_date)

    def _count_down(self, at: Millis) -> None:
        for account in self._floor.accounts.values():
            for symbol, due in list(account.countdowns.items()):
                if due > at:
                    self._floor.wake(due)
                    continue
                del account.countdowns[symbol]
                for order in list(account.open[Market.USDM, symbol].values()):
                    self._desk.cancel(order)
