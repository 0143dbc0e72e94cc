"""Builders of paper venues, orders and market moves."""

from decimal import Decimal
from typing import Any

from apps.exchange.core.venue.actions import Bar, ChangeDepth, SetDepth, SetMark
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.exchange import Venue
from apps.exchange.core.venue.types import (
    MarginType,
    NewOrder,
    TimeInForce,
    VenueOrderType,
)
from chimera.clock import MINUTE, Millis
from chimera.instruments import Market, Side

UM, SPOT = Market.USDM, Market.SPOT
BTC = "BTCUSDT"
T0: Millis = 1_746_374_040_000
ME, OTHER = "me", "other"
BUY, SELL = Side.BUY, Side.SELL


def d(value: str | int) -> Decimal:
    return Decimal(value)


def venue(
    *,
    usdt: str = "10000",
    spot: dict[str, str] | None = None,
    isolated: bool = True,
    **options: Any,
) -> Venue:
    """Return a venue with BTCUSDT in both markets and the accounts `ME` and `OTHER`."""
    built = Venue(instruments={market: list_symbols(market, [BTC]) for market in Market}, **options)
    balances = {asset: d(amount) for asset, amount in (spot or {}).items()}
    for account in (ME, OTHER):
        built.open_account(account, futures_usdt=d(usdt), spot=balances, now=T0)
        if isolated:
            built.set_margin_type(account, BTC, MarginType.ISOLATED, T0)
    built.drain()
    return built


def set_book(
    built: Venue,
    bids: dict[str, str],
    asks: dict[str, str],
    *,
    market: Market = UM,
    now: Millis = T0,
) -> None:
    """Make these the external levels."""
    built.apply(SetDepth(market, BTC, 1, _levels(bids), _levels(asks)), now)


def change_book(
    built: Venue,
    *,
    bids: dict[str, str] | None = None,
    asks: dict[str, str] | None = None,
    market: Market = UM,
    now: Millis = T0,
) -> None:
    built.apply(ChangeDepth(market, BTC, 1, _levels(bids or {}), _levels(asks or {})), now)


def set_mark(built: Venue, price: str, now: Millis = T0) -> None:
    built.apply(SetMark(UM, BTC, d(price), d(price)), now)


def bar(
    index: int, o: float, h: float, low: float, c: float, v: float = 100.0, *, market: Market = UM
) -> Bar:
    opened = T0 + index * MINUTE
    return Bar(market, BTC, "1m", opened, opened + MINUTE, o, h, low, c, v)


def limit(side: Side, qty: str, price: str, **more: Any) -> NewOrder:
    more.setdefault("time_in_force", TimeInForce.GTC)
    return NewOrder(
        symbol=BTC,
        side=side,
        type=VenueOrderType.LIMIT,
        quantity=d(qty),
        price=d(price),
        **more,
    )


def market_order(side: Side, qty: str | None, **more: Any) -> NewOrder:
    return NewOrder(
        symbol=BTC,
        side=side,
        type=VenueOrderType.MARKET,
        quantity=None if qty is None else d(qty),
        **more,
    )


def conditional(
    kind: VenueOrderType, side: Side, stop: str | None, qty: str | None = "0.010", **more: Any
) -> NewOrder:
    return NewOrder(
        symbol=BTC,
        side=side,
        type=kind,
        quantity=None if qty is None else d(qty),
        stop_price=None if stop is None else d(stop),
        **more,
    )


def _levels(levels: dict[str, str]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((d(price), d(qty)) for price, qty in levels.items())
