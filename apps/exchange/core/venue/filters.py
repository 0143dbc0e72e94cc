"""Checks of an order against the listing's filters, with the exact code each market answers with."""

import re
from decimal import Decimal

from apps.exchange.core.venue import refusals as refuse
from apps.exchange.core.venue.floor import Listing
from apps.exchange.core.venue.types import NewOrder, PriceMatch, TimeInForce, VenueOrderType
from chimera.clock import Millis
from chimera.instruments import Market, Side
from chimera.money import is_multiple

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_GTD_MIN_AHEAD: Millis = 600_000
_GTD_END: Millis = 253_402_300_799_000  # the last second of the year 9999

SPOT_STOPS = frozenset(
    {
        VenueOrderType.STOP_LOSS,
        VenueOrderType.STOP_LOSS_LIMIT,
        VenueOrderType.TAKE_PROFIT,
        VenueOrderType.TAKE_PROFIT_LIMIT,
    }
)
CONDITIONAL = frozenset(
    {
        VenueOrderType.STOP,
        VenueOrderType.STOP_MARKET,
        VenueOrderType.TAKE_PROFIT,
        VenueOrderType.TAKE_PROFIT_MARKET,
        VenueOrderType.TRAILING_STOP_MARKET,
    }
)
PRICED = frozenset(
    {
        VenueOrderType.LIMIT,
        VenueOrderType.LIMIT_MAKER,
        VenueOrderType.STOP,
        VenueOrderType.TAKE_PROFIT,
        VenueOrderType.STOP_LOSS_LIMIT,
        VenueOrderType.TAKE_PROFIT_LIMIT,
    }
)
_PRICE_MATCHED = frozenset({VenueOrderType.LIMIT, VenueOrderType.STOP, VenueOrderType.TAKE_PROFIT})
_SPOT_PRICED = PRICED - {VenueOrderType.STOP, VenueOrderType.TAKE_PROFIT}
_SPOT_TIF = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})


def check_client_id(client_id: str, *, spot: bool, name: str = "newClientOrderId") -> None:
    """Raise -4015 or -1100 unless the id is one that Binance takes."""
    if len(client_id) > 36 and not spot:
        raise refuse.client_id_too_long()
    if not _CLIENT_ID.fullmatch(client_id):
        raise refuse.bad_client_id(name)


def check_price_match(request: NewOrder) -> None:
    """Raise unless the book may say this order's price."""
    if request.price_match is PriceMatch.NONE:
        return
    if request.type not in _PRICE_MATCHED:
        raise refuse.price_match_type()
    if request.price is not None:
        raise refuse.not_required("price")


def check_order(listing: Listing, request: NewOrder, now: Millis) -> None:
    """Raise what Binance would of an order's shape, price, quantity and value.

    What depends on the account (margin, balances, counts) is checked by the clearings and desks.
    """
    if listing.market is Market.SPOT:
        _check_spot(listing, request)
    else:
        _check_usdm(listing, request, now)


def check_usdm_price(listing: Listing, price: Decimal) -> None:
    """Raise unless a futures price or trigger obeys PRICE_FILTER."""
    filters = listing.instrument.filters
    if price <= 0:
        raise refuse.price_not_positive()
    _check_precision(price, listing.instrument.price_precision)
    if price < filters.min_px:
        raise refuse.price_below_min()
    if filters.max_px and price > filters.max_px:
        raise refuse.price_above_max()
    if filters.tick_size and not is_multiple(price - filters.min_px, filters.tick_size):
        raise refuse.price_off_tick()


def check_amendment(listing: Listing, request: NewOrder) -> Decimal:
    """Raise unless a futures limit order may become this; return its price."""
    price, qty = request.price, request.quantity
    if price is None or qty is None:
        raise refuse.missing("price" if price is None else "quantity")
    check_usdm_price(listing, price)
    _check_usdm_percent(listing, request.side, price)
    check_usdm_qty(listing, qty, market_order=False)
    minimum = listing.instrument.filters.min_notional
    if not request.reduce_only and price * qty < minimum:
        raise refuse.amended_notional_too_small(minimum)
    return price


def check_usdm_qty(listing: Listing, qty: Decimal, *, market_order: bool) -> None:
    """Raise unless a futures quantity obeys LOT_SIZE, or MARKET_LOT_SIZE of a market order."""
    filters = listing.instrument.filters
    low = filters.market_min_qty if market_order else filters.min_qty
    high = filters.market_max_qty if market_order else filters.max_qty
    step = filters.market_step_size if market_order else filters.step_size
    if qty <= 0:
        raise refuse.qty_not_positive()
    _check_precision(qty, listing.instrument.quantity_precision)
    if qty < low:
        raise refuse.qty_below_min()
    if high and qty > high:
        raise refuse.qty_above_max()
    if step and not is_multiple(qty, step):
        raise refuse.qty_off_step()


def _check_spot_qty(listing: Listing, qty: Decimal, *, market_order: bool) -> None:
    """Raise unless a spot quantity obeys LOT_SIZE, and MARKET_LOT_SIZE of a market order."""
    filters = listing.instrument.filters
    if qty <= 0:
        raise refuse.spot_invalid_quantity()
    if _decimals(qty) > listing.instrument.quantity_precision:
        raise refuse.spot_too_precise("quantity")
    if qty < filters.min_qty or (filters.max_qty and qty > filters.max_qty):
        raise refuse.filter_failure("LOT_SIZE")
    if filters.step_size and not is_multiple(qty, filters.step_size):
        raise refuse.filter_failure("LOT_SIZE")
    if market_order and (
        qty < filters.market_min_qty or (filters.market_max_qty and qty > filters.market_max_qty)
    ):
        raise refuse.filter_failure("MARKET_LOT_SIZE")


# --- futures ----------------------------------------------------------------------------------------


def _check_usdm(listing: Listing, request: NewOrder, now: Millis) -> None:
    if not listing.instrument.filters.trading:
        raise refuse.symbol_closed()
    if request.type in SPOT_STOPS - CONDITIONAL or request.type is VenueOrderType.LIMIT_MAKER:
        raise refuse.bad_order_type()
    priced = request.type in PRICED
    if priced and request.price is None and request.price_match is PriceMatch.NONE:
        raise refuse.missing("price")
    if request.price is not None and not priced:
        raise refuse.not_required("price")
    _check_usdm_time_in_force(request, now)
    if request.price is not None:
        check_usdm_price(listing, request.price)
        if request.type is VenueOrderType.LIMIT:
            _check_usdm_percent(listing, request.side, request.price)
    if request.close_position:
        return
    if request.quantity is None:
        raise refuse.missing("quantity")
    check_usdm_qty(listing, request.quantity, market_order=not priced)
    if not request.reduce_only and request.type in (VenueOrderType.LIMIT, VenueOrderType.MARKET):
        _check_usdm_notional(listing, request)


def _check_usdm_time_in_force(request: NewOrder, now: Millis) -> None:
    tif = request.time_in_force
    if request.type is VenueOrderType.LIMIT and tif is None:
        raise refuse.missing("timeinforce")
    if tif is TimeInForce.GTD:
        due = request.good_till_date
        if due is None:
            raise refuse.missing("goodtilldate")
        if not now + _GTD_MIN_AHEAD < due < _GTD_END:
            raise refuse.bad_good_till_date()
    elif request.good_till_date:
        raise refuse.not_required("goodtilldate")
    if request.type in CONDITIONAL and tif in (TimeInForce.GTX, TimeInForce.GTD):
        raise refuse.bad_time_in_force()


def _check_usdm_percent(listing: Listing, side: Side, price: Decimal) -> None:
    percent, mark = listing.instrument.percent, listing.mark
    if percent is None or mark is None:
        return
    if side is Side.BUY and price > (limit := mark * percent.bid_up):
        raise refuse.price_too_high(limit)
    if side is Side.SELL and price < (limit := mark * percent.ask_down):
        raise refuse.price_too_low(limit)


def _check_usdm_notional(listing: Listing, request: NewOrder) -> None:
    price = request.price if request.price is not None else listing.mark
    minimum = listing.instrument.filters.min_notional
    if price is not None and request.quantity is not None and price * request.quantity < minimum:
        raise refuse.notional_too_small(minimum)


def _check_precision(value: Decimal, decimals: int) -> None:
    if _decimals(value) > decimals:
        raise refuse.too_precise()


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


# --- spot -------------------------------------------------------------------------------------------


def _check_spot(listing: Listing, request: NewOrder) -> None:
    if not listing.instrument.filters.trading:
        raise refuse.spot_market_closed()
    if request.type in CONDITIONAL - SPOT_STOPS:
        raise refuse.bad_order_type()
    priced = request.type in _SPOT_PRICED
    if priced and request.price is None:
        raise refuse.missing("price")
    if request.price is not None and not priced:
        raise refuse.not_required("price")
    _check_spot_time_in_force(request, priced)
    if request.trailing_delta is not None:
        raise refuse.spot_unsupported("Trailing stop")
    stop = request.type in SPOT_STOPS
    if stop and request.stop_price is None:
        raise refuse.missing("stopPrice")
    if request.stop_price is not None and not stop:
        raise refuse.not_required("stopPrice")
    for name, price in (("price", request.price), ("stopPrice", request.stop_price)):
        if price is not None:
            _check_spot_price(listing, name, price)
    if request.price is not None:
        _check_spot_percent(listing, request.side, request.price)
    _check_spot_size(listing, request)


def _check_spot_time_in_force(request: NewOrder, priced: bool) -> None:
    tif = request.time_in_force
    if priced and request.type is not VenueOrderType.LIMIT_MAKER:
        if tif is None:
            raise refuse.missing("timeInForce")
        if tif not in _SPOT_TIF:
            raise refuse.bad_time_in_force()
    elif tif is not None:
        raise refuse.not_required("timeInForce")


def _check_spot_price(listing: Listing, name: str, price: Decimal) -> None:
    filters = listing.instrument.filters
    if price <= 0:
        raise refuse.spot_invalid_price()
    if _decimals(price) > listing.instrument.price_precision:
        raise refuse.spot_too_precise(name)
    off_tick = filters.tick_size and not is_multiple(price, filters.tick_size)
    if price < filters.min_px or (filters.max_px and price > filters.max_px) or off_tick:
        raise refuse.filter_failure("PRICE_FILTER")


def _check_spot_percent(listing: Listing, side: Side, price: Decimal) -> None:
    percent, last = listing.instrument.percent, listing.last
    if percent is None or last is None:
        return
    up, down = (
        (percent.bid_up, percent.bid_down)
        if side is Side.BUY
        else (percent.ask_up, percent.ask_down)
    )
    if price > last * up or price < last * down:
        raise refuse.filter_failure(listing.instrument.percent_filter)


def _check_spot_size(listing: Listing, request: NewOrder) -> None:
    market_order = request.type is VenueOrderType.MARKET
    if request.quote_quantity is not None:
        if not market_order:
            raise refuse.not_required("quoteOrderQty")
        if request.quantity is not None:
            raise refuse.not_required("quoteOrderQty")
        if request.quote_quantity <= 0:
            raise refuse.spot_invalid_quantity()
        _check_spot_notional(listing, request.quote_quantity, market_order=True)
        return
    if request.quantity is None:
        raise refuse.missing("quantity")
    _check_spot_qty(listing, request.quantity, market_order=market_order)
    price = request.price or request.stop_price or listing.last
    if price is not None:
        _check_spot_notional(listing, price * request.quantity, market_order=market_order)


def _check_spot_notional(listing: Listing, notional: Decimal, *, market_order: bool) -> None:
    instrument = listing.instrument
    if market_order and not instrument.min_notional_on_market:
        return
    if notional < instrument.filters.min_notional:
        raise refuse.filter_failure(instrument.notional_filter)
