"""Weeks of recorded bars with random orders: books kept from events alone equal the venue's."""

import random
from decimal import Decimal

import pytest

from apps.exchange.adapters.playback import play
from apps.exchange.adapters.recordings import find_recordings
from apps.exchange.core.simulated import SimulatedExchange
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.exchange import Venue
from apps.positions.core.ledger import PositionLedger, fold_fill, fold_funding
from chimera.clock import DAY
from chimera.events.orders import (
    OrderFilled,
    OrderType,
    PrepareSymbol,
    Purpose,
    SubmitOrder,
)
from chimera.events.positions import FundingPaid
from chimera.instruments import Market, Side
from chimera.money import ZERO

SYMBOL, PERP = "SOLUSDT", "SOLUSDT-PERP"
START = 1_747_267_200_000  # 2025-05-15 00:00
OPENING = Decimal(2_000)


@pytest.mark.parametrize("seed", [5, 6])
def test_fold_of_fills_and_funding_equals_the_venues_wallet_to_the_last_unit(
    data_dir, seed
) -> None:
    found = [
        recording
        for folder in ("klines", "funding", "mark")
        for recording in find_recordings([data_dir / folder])
        if recording.symbol == SYMBOL
    ]
    venue = Venue(instruments={Market.USDM: list_symbols(Market.USDM, [SYMBOL])})
    venue.open_account("a", futures_usdt=OPENING, spot={})
    exchange = SimulatedExchange(venue, "a")
    ledger, rng, orders = PositionLedger(), random.Random(seed), 0

    def fold(effects) -> None:
        nonlocal ledger
        for event in (effect.event for effect in effects):
            if isinstance(event, OrderFilled):
                ledger = fold_fill(
                    ledger,
                    side=event.side,
                    qty=event.last_qty,
                    px=event.last_px,
                    fee=event.fee,
                    ts=event.ts_event,
                )
            elif isinstance(event, FundingPaid):
                ledger = fold_funding(ledger, event.amount)

    prepare = PrepareSymbol(id="p", ts_event=START, ts_init=START, symbol=PERP, leverage=20)
    fold(exchange.handle(prepare, START))
    for ts, action in play(found, stepwise=False, start=START, end=START + 20 * DAY):
        for stage in exchange.market(action, ts):
            fold(stage)
        if rng.random() < 0.01 and venue.listing(Market.USDM, SYMBOL).last is not None:
            orders += 1
            fold(exchange.handle(_order(venue, rng, orders, ts), ts))
            venue.check_invariants()
    account = venue.account("a")
    assert OPENING + ledger.net == account.wallet_balance
    assert ledger.qty == venue.positions("a", SYMBOL)[0].qty
    assert ledger.entry_px == venue.positions("a", SYMBOL)[0].entry_price
    assert ledger.funding != ZERO
    # Careless trading at 20x is liquidated now and then, and even that is in the fills.
    assert any(row.kind == "INSURANCE_CLEAR" for row in account.income)


def _order(venue: Venue, rng: random.Random, number: int, ts: int) -> SubmitOrder:
    listing = venue.listing(Market.USDM, SYMBOL)
    last, side = listing.last_px, rng.choice(list(Side))
    kind = rng.choice([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET])
    step = listing.instrument.filters.step_size
    return SubmitOrder(
        id=str(number),
        ts_event=ts,
        ts_init=ts,
        symbol=PERP,
        client_order_id=f"c-{number}",
        purpose=Purpose.ENTRY,
        side=side,
        order_type=kind,
        qty=(rng.randrange(100, 1000) / Decimal(repr(last))).quantize(step),
        px=listing.to_tick(last * (1 - side.sign * 0.003)) if kind is OrderType.LIMIT else None,
        trigger_px=(
            listing.to_tick(last * (1 + side.sign * 0.004))
            if kind is OrderType.STOP_MARKET
            else None
        ),
        reduce_only=kind is OrderType.STOP_MARKET and rng.random() < 0.5,
    )
