"""How both markets write numbers, bars and books on the wire. Used by `wire_um` and `wire_spot`."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from apps.exchange.core.venue.outbound import (
    Kline,
    Level,
    Ticker,
)

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_EIGHT = Decimal("0.00000001")


def dumps(payload: Any) -> str:
    return _encode(payload).decode()


def loads(text: str | bytes, kind: Any = Any) -> Any:
    """Read JSON that a client sent.

    Raises
    ------
    ValueError
        If it is none, nested without end, or not of this type.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as e:
        raise ValueError(str(e)) from e


def is_request_id(value: Any) -> bool:
    """Tell whether a websocket client may number its requests with this."""
    return isinstance(value, str) or (type(value) is int and abs(value) < 1 << 63)


def num(value: Decimal) -> str:
    """Write a number plainly, with the decimals it carries: never in exponent form."""
    return f"{value:f}"


def eight(value: Decimal) -> str:
    """Write a number with exactly eight decimals, as spot does everywhere and futures for money."""
    return f"{value.quantize(_EIGHT):f}"


def levels(side: Iterable[Level]) -> list[list[str]]:
    return [[f"{price:f}", f"{qty:f}"] for price, qty in side]


def levels_eight(side: Iterable[Level]) -> list[list[str]]:
    return [[f"{price:.8f}", f"{qty:.8f}"] for price, qty in side]


def kline_row(bar: Kline) -> list[Any]:
    return [
        bar.open_time,
        num(bar.open),
        num(bar.high),
        num(bar.low),
        num(bar.close),
        num(bar.volume),
        bar.close_time,
        eight(bar.quote_volume),
        bar.trades,
        num(bar.taker_base),
        eight(bar.taker_quote),
        "0",
    ]


def kline_event(symbol: str, interval: str, bar: Kline, closed: bool, ts: int) -> Json:
    return {
        "e": "kline",
        "E": ts,
        "s": symbol,
        "k": {
            "t": bar.open_time,
            "T": bar.close_time,
            "s": symbol,
            "i": interval,
            "f": bar.first_trade_id,
            "L": bar.last_trade_id,
            "o": num(bar.open),
            "c": num(bar.close),
            "h": num(bar.high),
            "l": num(bar.low),
            "v": num(bar.volume),
            "n": bar.trades,
            "x": closed,
            "q": eight(bar.quote_volume),
            "V": num(bar.taker_base),
            "Q": eight(bar.taker_quote),
            "B": "0",
        },
    }


def percent_change(day: Ticker) -> str:
    return f"{(day.last - day.open) / day.open * 100 if day.open else 0:.3f}"


def weighted_average(day: Ticker) -> str:
    return eight(day.quote_volume / day.volume if day.volume else day.last)
