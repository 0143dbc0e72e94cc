"""The trading floor: the state that desks and clearings share. Only `exchange.Venue` builds one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Literal

from apps.exchange.core.venue import ladder
from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.accounts import Account, IncomeKind, IncomeRow
from apps.exchange.core.venue.book import OrderBook, PriceQty
from apps.exchange.core.venue.instruments import FeeSchedule, VenueInstrument
from apps.exchange.core.venue.outbound import (
    BookChanged,
    FundingPayment,
    KlineMoved,
    QuoteMoved,
    Traded,
    VenueEvent,
)
from apps.exchange.core.venue.tape import Tape
from apps.exchange.core.venue.types import Order
from chimera.clock import DAY, HOUR, MINUTE, Millis
from chimera.instruments import Market, Side
from chimera.money import ZERO, Rounding, decimal_of, quantize

FUNDING_INTERVAL = 8 * HOUR
NEVER: Millis = 1 << 62
PREMIUM_PLACES = 8
RATE_MINUTES_KEPT = 6 * DAY // MINUTE
NEAR_A_TIE = 1e-3  # of a tick: so far from half a tick a float rounds as a decimal does

Rate = Literal["mark", "index", "premium"]


@dataclass(slots=True)
class Quiet:
    """Open price ranges in which a move can neither fill, trigger nor liquidate anything."""

    low: float
    high: float
    mark_low: float
    mark_high: float


@dataclass(slots=True, eq=False)
class Listing:
    """One symbol's live state.

    Last and mark are floats because every bar moves them; the exact values that orders meet are rounded
    to the tick on demand.
    """

    instrument: VenueInstrument
    book: OrderBook = field(default_factory=OrderBook)
    tape: Tape | None = None
    rates: Mapping[Rate, Tape] = field(
        default_factory=dict
    )  # candles beside the tape's own, futures
    last_px: float | None = None
    mark_px: float | None = None
    index: Decimal | None = None
    moved_at: Millis = 0
    bought: bool = True
    minute_volume: float = 0.0
    synthetic: bool = True
    ladder_stale: bool = True
    last_trade_id: int = 0
    funding_rate: Decimal = ZERO
    next_funding_time: Millis = 0
    funding_history: list[FundingPayment] = field(default_factory=list)
    stops: dict[int, Order] = field(default_factory=dict)
    quiet: Quiet | None = None
    quiet_epoch: int = -1
    quote: tuple[Decimal, Decimal, Decimal, Decimal] = (ZERO, ZERO, ZERO, ZERO)

    @property
    def market(self) -> Market:
        return self.instrument.market

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def last(self) -> Decimal | None:
        return None if self.last_px is None else self.to_tick(self.last_px)

    @property
    def mark(self) -> Decimal | None:
        return None if self.mark_px is None else self.to_tick(self.mark_px)

    @property
    def mark_told(self) -> float | None:
        """The mark at its tick as a float: the same number as `mark`, in a fraction of the time."""
        mark, places = self.mark_px, _places(self.instrument.filters.tick_size)
        if mark is None:
            return None
        if places is not None and abs(mark * 10**places % 1.0 - 0.5) > NEAR_A_TIE:
            return round(mark, places)
        return float(self.to_tick(mark))

    def to_tick(self, price: float, *, rising: bool | None = None) -> Decimal:
        """Round to the tick: to the nearest, or onwards in the direction of a move."""
        mode: Rounding = "half_even" if rising is None else "ceiling" if rising else "floor"
        return quantize(decimal_of(price), self.instrument.filters.tick_size, mode)


@cache
def _places(tick_size: Decimal) -> int | None:
    """Return the decimals of a tick that is a power of ten, else None."""
    normal = tick_size.normalize()
    exponent = normal.as_tuple().exponent
    is_power = normal.as_tuple().digits == (1,) and isinstance(exponent, int) and exponent <= 0
    return -int(exponent) if is_power else None


def _rates(instrument: VenueInstrument) -> dict[Rate, Tape]:
    return {
        "mark": Tape(instrument, minutes_kept=RATE_MINUTES_KEPT),
        "index": Tape(instrument, minutes_kept=RATE_MINUTES_KEPT),
        "premium": Tape(instrument, minutes_kept=RATE_MINUTES_KEPT, price_places=PREMIUM_PLACES),
    }


class Floor:
    """Listings, accounts, counters, the time, and the outbox."""

    def __init__(
        self,
        *,
        instruments: Mapping[Market, Mapping[str, VenueInstrument]],
        fees: FeeSchedule,
        publish_market: bool,
        ladder: ladder.LadderShape,
        interest_rate: Decimal,
    ) -> None:
        self.fees = fees
        self.publish_market = publish_market
        self.ladder = ladder
        self.now: Millis = 0
        self.due: Millis = NEVER  # when `Pricing.advance` next has something to do
        self.epoch = 0  # counts whatever may move a `Quiet` range
        self.accounts: dict[str, Account] = {}
        self.outbox: list[VenueEvent] = []
        self.listings: dict[tuple[Market, str], Listing] = {
            (market, symbol): Listing(
                instrument,
                tape=Tape(instrument) if publish_market else None,
                rates=_rates(instrument) if publish_market and market is Market.USDM else {},
                funding_rate=interest_rate if market is Market.USDM else ZERO,
            )
            for market, listed in instruments.items()
            for symbol, instrument in listed.items()
        }
        self._order_id = 1_000_000
        self._algo_id = 2_000_000_000
        self._list_id = 0
        self._tran_id = 0
        self._prevented_id = 0

    # --- looking up ---------------------------------------------------------------------------------

    def listing(self, market: Market, symbol: str) -> Listing:
        found = self.listings.get((market, symbol))
        if found is None:
            raise refuse.bad_symbol()
        return found

    def account(self, account_id: str) -> Account:
        return self.accounts[account_id]

    def wake(self, at: Millis) -> None:
        """Have `Pricing.advance` look again at `at`."""
        self.due = min(self.due, at)

    # --- counting -----------------------------------------------------------------------------------

    def next_order_id(self) -> int:
        self._order_id += 1
        return self._order_id

    def next_algo_id(self) -> int:
        self._algo_id += 1
        return self._algo_id

    def next_list_id(self) -> int:
        self._list_id += 1
        return self._list_id

    def next_tran_id(self) -> int:
        self._tran_id += 1
        return self._tran_id

    def next_prevented_id(self) -> int:
        self._prevented_id += 1
        return self._prevented_id

    # --- money --------------------------------------------------------------------------------------

    def post(
        self,
        account: Account,
        market: Market,
        asset: str,
        amount: Decimal,
        kind: IncomeKind,
        *,
        symbol: str = "",
        trade_id: int | None = None,
        tran_id: int | None = None,
    ) -> None:
        """Write a ledger row and move the wallet by it; an amount of 0 is no row."""
        if amount:
            account.post(
                IncomeRow(
                    tran_id=self.next_tran_id() if tran_id is None else tran_id,
                    ts=self.now,
                    market=market,
                    asset=asset,
                    amount=amount,
                    kind=kind,
                    symbol=symbol,
                    trade_id=trade_id,
                )
            )

    # --- the book -----------------------------------------------------------------------------------

    def book(self, listing: Listing) -> OrderBook:
        """Return the book as a trader meets it: a synthetic ladder is built only now."""
        last = listing.last if listing.synthetic and listing.ladder_stale else None
        if last is not None:
            self._build_ladder(listing, last)
        return listing.book

    def touch(self, listing: Listing, levels: int) -> tuple[list[PriceQty], list[PriceQty]]:
        """Return the best bids and asks; a ladder nobody trades on is read without being built."""
        last = listing.last
        if last is None or not listing.ladder_stale or listing.book.has_own:
            book = self.book(listing)
            return book.depth(Side.BUY, levels), book.depth(Side.SELL, levels)
        rungs = ladder.build(
            self.ladder,
            listing.instrument,
            last=last,
            bought=listing.bought,
            minute_volume=listing.minute_volume,
        )
        return list(islice(rungs[Side.BUY], levels)), list(islice(rungs[Side.SELL], levels))

    def _build_ladder(self, listing: Listing, last: Decimal) -> None:
        listing.ladder_stale = False
        rungs = ladder.build(
            self.ladder,
            listing.instrument,
            last=last,
            bought=listing.bought,
            minute_volume=listing.minute_volume,
        )
        book = listing.book
        if not self.publish_market and not book.has_own:
            for side in Side:
                book.stock(side, rungs[side])
            return
        for side in Side:
            facing = book.best_own(side.opposite)
            limit = facing.price if facing else None
            book.replace_external(
                side,
                {
                    price: qty
                    for price, qty in rungs[side]
                    if limit is None or (price < limit if side is Side.BUY else price > limit)
                },
            )

    def queue_ahead(self, listing: Listing, order: Order) -> None:
        """Let strangers stand before an order that joins a synthetic book beyond the built ladder."""
        last = listing.last
        book = listing.book
        if not listing.synthetic or last is None or book.level(order.side, order.price):
            return
        best = book.best(order.side)
        if best is not None and (order.price - best.price) * order.side.sign > 0:
            return  # it improves the price: nobody is there
        book.set_level(
            order.side,
            order.price,
            ladder.quantity_at(
                self.ladder,
                listing.instrument,
                price=order.price,
                last=last,
                minute_volume=listing.minute_volume,
            ),
        )

    # --- telling ------------------------------------------------------------------------------------

    def emit(self, event: VenueEvent) -> None:
        self.outbox.append(event)

    def print_trade(
        self, listing: Listing, price: Decimal, qty: Decimal, *, bought: bool, trade_id: int = 0
    ) -> int:
        """Put a trade on the tape and return its id: the recorded one where it keeps ids rising."""
        listing.last_trade_id = max(listing.last_trade_id + 1, trade_id)
        if listing.tape is not None:
            trade = Traded(
                ts=self.now,
                market=listing.market,
                symbol=listing.symbol,
                trade_id=listing.last_trade_id,
                price=price,
                qty=qty,
                buyer_is_maker=not bought,
            )
            listing.tape.print(trade)
            self.emit(trade)
        return listing.last_trade_id

    def emit_candles(self, listing: Listing) -> None:
        """Roll the candles to now and tell of the watched ones."""
        tape = listing.tape
        if tape is None:
            return
        for each in (tape, *listing.rates.values()):
            each.roll(self.now)
        for interval, kline, closed in tape.moves(self.now):
            self.emit(
                KlineMoved(
                    ts=self.now,
                    market=listing.market,
                    symbol=listing.symbol,
                    interval=interval,
                    kline=kline,
                    closed=closed,
                )
            )

    def publish_book(self, listing: Listing, *, update_id: int = 0, traded: bool = False) -> None:
        """Emit what changed in the displayed book since the last time.

        Where strangers `traded`, the best quotes are told again though a synthetic book shows the same:
        a real one would show other quantities, and who hears nothing takes the quotes for lost.
        """
        if not self.publish_market:
            return
        book = self.book(listing)
        changed = book.flush()
        if changed is not None:
            before = book.update_id
            book.update_id = max(before + 1, update_id)
            self.emit(
                BookChanged(
                    ts=self.now,
                    market=listing.market,
                    symbol=listing.symbol,
                    first_id=before + 1,
                    final_id=book.update_id,
                    prev_final_id=before,
                    bids=changed[0],
                    asks=changed[1],
                )
            )
        if changed is not None or traded:
            self._publish_quote(listing, again=traded)

    def _publish_quote(self, listing: Listing, *, again: bool) -> None:
        bid, ask = listing.book.best(Side.BUY), listing.book.best(Side.SELL)
        quote = (
            bid.price if bid else ZERO,
            bid.total if bid else ZERO,
            ask.price if ask else ZERO,
            ask.total if ask else ZERO,
        )
        if quote == listing.quote and not again:
            return
        listing.quote = quote
        self.emit(
            QuoteMoved(
                ts=self.now,
                market=listing.market,
                symbol=listing.symbol,
                update_id=listing.book.update_id,
                bid=quote[0],
                bid_qty=quote[1],
                ask=quote[2],
                ask_qty=quote[3],
            )
        )
