"""REST market data that both markets answer alike, up to the wire's spelling. Used by route tables."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from apps.exchange.core.venue.floor import Listing
from apps.exchange.core.venue.outbound import Kline, Traded
from apps.exchange.core.venue.types import VenueError
from apps.exchange.venue_shell import refusals, wire_spot, wire_um, wire_um_events
from apps.exchange.venue_shell.endpoint import Call
from apps.exchange.venue_shell.params import Params
from apps.exchange.venue_shell.wire import Json, eight, kline_row, levels, num
from chimera.clock import INTERVALS
from chimera.instruments import Market

USDM_DEPTHS = (5, 10, 20, 50, 100, 500, 1_000)
SPOT_DEPTH_MAX = 5_000
ROWS_MAX = 1_000
USDM_KLINES_MAX = 1_500


def ping(call: Call) -> Json:
    return {}


def time(call: Call) -> Json:
    return {"serverTime": call.wall}


def klines(call: Call) -> list[list[Any]]:
    read = partial(call.venue.klines, call.market, listed(call).symbol)
    return [kline_row(bar) for bar in _bars(call, read)]


def mark_klines(call: Call) -> list[list[Any]]:
    read = partial(call.venue.price_klines, listed(call).symbol, of="mark")
    return [kline_row(bar) for bar in _bars(call, read)]


def index_klines(call: Call) -> list[list[Any]]:
    symbol = call.venue.listing(call.market, call.params.symbol("pair")).symbol
    read = partial(call.venue.price_klines, symbol, of="index")
    return [kline_row(bar) for bar in _bars(call, read)]


def premium_klines(call: Call) -> list[list[Any]]:
    read = partial(call.venue.price_klines, listed(call).symbol, of="premium")
    return [kline_row(bar) for bar in _bars(call, read)]


def open_interest(call: Call) -> Json:
    symbol = listed(call).symbol
    held = call.venue.open_interest(symbol)
    return {"openInterest": num(held), "symbol": symbol, "time": call.now}


def usdm_depth(call: Call) -> Json:
    symbol = listed(call).symbol
    limit = call.params.integer("limit") or 500
    if limit not in USDM_DEPTHS:
        raise VenueError(-4021, f"{limit} is not valid depth limit.")
    update_id, bids, asks = call.venue.depth(call.market, symbol, limit)
    return {
        "lastUpdateId": update_id,
        "E": call.now,
        "T": call.now,
        "bids": levels(bids),
        "asks": levels(asks),
    }


def spot_depth(call: Call) -> Json:
    symbol = listed(call).symbol
    limit = call.params.limit(100, SPOT_DEPTH_MAX)
    return wire_spot.depth_levels(*call.venue.depth(call.market, symbol, limit))


def trades(call: Call) -> list[Json]:
    """`trades` and `historicalTrades`."""
    from_id = call.params.integer("fromId")
    tape = call.venue.trades(call.market, listed(call).symbol, ROWS_MAX)
    limit = call.params.limit(500, ROWS_MAX)
    if from_id is None:
        chosen = tape[-limit:]
    else:
        chosen = [trade for trade in tape if trade.trade_id >= from_id][:limit]
    return [_trade(trade) for trade in chosen]


def agg_trades(call: Call) -> list[Json]:
    """Every trade is its own aggregate, so aggregate ids are trade ids."""
    params = call.params
    tape = call.venue.trades(call.market, listed(call).symbol, ROWS_MAX)
    limit = params.limit(500, ROWS_MAX)
    from_id, start, end = (params.integer(n) for n in ("fromId", "startTime", "endTime"))
    chosen = [
        trade
        for trade in tape
        if (from_id is None or trade.trade_id >= from_id)
        and (start is None or trade.ts >= start)
        and (end is None or trade.ts <= end)
    ]
    forward = from_id is not None or start is not None
    return [_agg_trade(trade) for trade in (chosen[:limit] if forward else chosen[-limit:])]


def ticker_24h(call: Call) -> Json | list[Json]:
    encode = wire_um.ticker_24h if call.market is Market.USDM else wire_spot.ticker_24h

    def row(listing: Listing) -> Json:
        day = call.venue.ticker24h(call.market, listing.symbol, call.now)
        return encode(listing, day)

    return _each(call, row)


def ticker_price(call: Call) -> Json | list[Json]:
    def row(listing: Listing) -> Json:
        body: Json = {"symbol": listing.symbol, "price": _price(call, listing.last)}
        if call.market is Market.USDM:
            body["time"] = call.now
        return body

    return _each(call, row)


def book_ticker(call: Call) -> Json | list[Json]:
    def row(listing: Listing) -> Json:
        update_id, bids, asks = call.venue.depth(call.market, listing.symbol, 1)
        (bid, bid_qty), (ask, ask_qty) = _best(bids), _best(asks)
        body: Json = {
            "symbol": listing.symbol,
            "bidPrice": _price(call, bid),
            "bidQty": _price(call, bid_qty),
            "askPrice": _price(call, ask),
            "askQty": _price(call, ask_qty),
        }
        if call.market is Market.USDM:
            body |= {"time": call.now, "lastUpdateId": update_id}
        return body

    return _each(call, row)


def premium_index(call: Call) -> Json | list[Json]:
    return _each(call, lambda listing: wire_um.premium_index(listing, call.now))


def funding_rate(call: Call) -> list[Json]:
    """Settled funding, oldest first."""
    params = call.params
    start, end = params.integer("startTime"), params.integer("endTime")
    limit = params.limit(100, ROWS_MAX)
    names = [listed(call).symbol] if "symbol" in params else call.host.symbols(Market.USDM)
    rows = [
        wire_um.funding_payment(payment)
        for name in names
        for payment in call.venue.funding_history(name)
        if (start is None or payment.ts >= start) and (end is None or payment.ts <= end)
    ]
    rows.sort(key=lambda row: row["fundingTime"])
    return rows[:limit] if start is not None else rows[-limit:]


def funding_info(call: Call) -> list[Json]:
    return [wire_um.funding_info(symbol) for symbol in call.host.symbols(Market.USDM)]


def average_price(call: Call) -> Json:
    listing = listed(call)
    bars = call.venue.klines(call.market, listing.symbol, "1m", limit=5)
    volume = sum(bar.volume for bar in bars)
    quote = sum(bar.quote_volume for bar in bars)
    price = Decimal(quote) / Decimal(volume) if volume else listing.last
    return {"mins": 5, "price": _price(call, price), "closeTime": call.now}


def listed(call: Call) -> Listing:
    """Return the listing that the request's `symbol` names, or raise -1121."""
    return call.venue.listing(call.market, call.params.symbol())


def optional_symbol(call: Call) -> str | None:
    return listed(call).symbol if "symbol" in call.params else None


# --- weights ---------------------------------------------------------------------------------------


def weight_by_symbol(one: int, every: int) -> Callable[[Params], int]:
    return lambda params: one if "symbol" in params else every


def depth_weight(steps: tuple[tuple[int, int], ...], default: int) -> Callable[[Params], int]:
    """Return the weight of the first step (highest limit, weight) that holds the request's limit."""

    def weight(params: Params) -> int:
        try:
            limit = params.integer("limit") or default
        except VenueError:
            limit = default  # the handler will refuse it
        return next((cost for highest, cost in steps if limit <= highest), steps[-1][1])

    return weight


def _bars(call: Call, read: Callable[..., list[Kline]]) -> list[Kline]:
    """Read the candles that the request asks for."""
    params = call.params
    interval = params.required("interval")
    if interval not in INTERVALS:
        raise refusals.bad_interval()
    highest = USDM_KLINES_MAX if call.market is Market.USDM else ROWS_MAX
    return read(
        interval,
        start=params.integer("startTime"),
        end=params.integer("endTime"),
        limit=params.limit(500, highest),
    )


def _each(call: Call, row: Callable[[Listing], Json]) -> Json | list[Json]:
    if "symbol" in call.params:
        return row(listed(call))
    return [
        row(call.venue.listing(call.market, symbol)) for symbol in call.host.symbols(call.market)
    ]


def _price(call: Call, value: Decimal | None) -> str:
    number = value or Decimal(0)
    return eight(number) if call.market is Market.SPOT else num(number)


def _best(side: list[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    return side[0] if side else (Decimal(0), Decimal(0))


def _trade(trade: Traded) -> Json:
    text = eight if trade.market is Market.SPOT else num
    body = {
        "id": trade.trade_id,
        "price": text(trade.price),
        "qty": text(trade.qty),
        "quoteQty": eight(trade.price * trade.qty),
        "time": trade.ts,
        "isBuyerMaker": trade.buyer_is_maker,
    }
    if trade.market is Market.SPOT:
        body["isBestMatch"] = True
    return body


def _agg_trade(trade: Traded) -> Json:
    encode = wire_um_events.agg_trade if trade.market is Market.USDM else wire_spot.agg_trade
    return {name: value for name, value in encode(trade).items() if name not in "eEs"}
