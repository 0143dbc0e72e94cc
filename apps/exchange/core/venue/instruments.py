"""What the venue lists: exchange information parsed once into filters, brackets and limits.

`parse_symbol` reads one entry of an exchangeInfo payload; recorded files and the packaged defaults both
go through it, so the raw payload stays available for the wire.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from chimera.errors import InvalidInput
from chimera.instruments import Instrument, Market, symbol_of
from chimera.money import ZERO


class LeverageBracket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of the margin table: notionals in ``[floor, cap)``."""

    bracket: int
    initial_leverage: int
    floor: Decimal
    cap: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Regular fees as fractions of notional."""

    um_maker: Decimal = Decimal("0.0002")
    um_taker: Decimal = Decimal("0.0005")
    spot_maker: Decimal = Decimal("0.001")
    spot_taker: Decimal = Decimal("0.001")

    def rate(self, market: Market, *, maker: bool) -> Decimal:
        if market is Market.USDM:
            return self.um_maker if maker else self.um_taker
        return self.spot_maker if maker else self.spot_taker


class PercentBand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Multiples of the reference price between which an order's price must lie, for each side."""

    bid_up: Decimal
    bid_down: Decimal
    ask_up: Decimal
    ask_down: Decimal


class VenueInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """One listed symbol: the raw `info` for the wire, `filters` for checks, and the margin table."""

    symbol: str
    market: Market
    info: Mapping[str, Any]
    filters: Instrument
    percent: PercentBand | None
    percent_filter: str
    notional_filter: str
    min_notional_on_market: bool
    price_precision: int
    quantity_precision: int
    max_orders: int
    max_algo_orders: int
    brackets: tuple[LeverageBracket, ...] = ()
    liquidation_fee: Decimal = ZERO
    trigger_protect: Decimal = ZERO
    market_take_bound: Decimal = ZERO

    @property
    def base(self) -> str:
        return self.filters.base

    @property
    def quote(self) -> str:
        return self.filters.quote


def parse_symbol(
    market: Market,
    info: Mapping[str, Any],
    *,
    brackets: tuple[LeverageBracket, ...] = (),
) -> VenueInstrument:
    """Read one symbol of an exchangeInfo payload; `brackets`, which it lacks, is its margin table.

    Raises
    ------
    InvalidInput
        If a filter that the venue cannot work without is missing or not a number.
    """
    try:
        return _parse(market, info, brackets)
    except (KeyError, TypeError, ArithmeticError) as e:
        name = info.get("symbol", "?")
        raise InvalidInput(
            f"exchangeInfo of {name}: {type(e).__name__} {e}", field=f"symbols[{name}]"
        ) from e


def _parse(
    market: Market, info: Mapping[str, Any], brackets: tuple[LeverageBracket, ...]
) -> VenueInstrument:
    by_type: dict[str, Mapping[str, Any]] = {f["filterType"]: f for f in info["filters"]}
    price, lot = by_type["PRICE_FILTER"], by_type["LOT_SIZE"]
    market_lot = by_type.get("MARKET_LOT_SIZE", lot)
    notional = by_type.get("NOTIONAL") or by_type.get("MIN_NOTIONAL") or {}
    on_market = notional.get("applyMinToMarket", notional.get("applyToMarket", True))
    percent_filter, percent = _percent(by_type)
    spot = market is Market.SPOT
    return VenueInstrument(
        symbol=info["symbol"],
        market=market,
        info=info,
        filters=Instrument(
            symbol=symbol_of(info["symbol"], market),
            market=market,
            base=info["baseAsset"],
            quote=info["quoteAsset"],
            tick_size=Decimal(price["tickSize"]),
            step_size=Decimal(lot["stepSize"]),
            min_qty=Decimal(lot["minQty"]),
            max_qty=Decimal(lot["maxQty"]),
            market_step_size=Decimal(market_lot["stepSize"]) or Decimal(lot["stepSize"]),
            market_min_qty=Decimal(market_lot["minQty"]) or Decimal(lot["minQty"]),
            market_max_qty=Decimal(market_lot["maxQty"]) or Decimal(lot["maxQty"]),
            min_notional=Decimal(notional.get("minNotional", notional.get("notional", "0"))),
            min_px=Decimal(price["minPrice"]),
            max_px=Decimal(price["maxPrice"]),
            trading=info.get("status", "TRADING") == "TRADING",
        ),
        percent=percent,
        percent_filter=percent_filter,
        notional_filter="NOTIONAL" if "NOTIONAL" in by_type else "MIN_NOTIONAL",
        min_notional_on_market=bool(on_market),
        price_precision=int(info.get("quotePrecision" if spot else "pricePrecision", 8)),
        quantity_precision=int(info.get("baseAssetPrecision" if spot else "quantityPrecision", 8)),
        max_orders=_limit(by_type.get("MAX_NUM_ORDERS"), 200),
        max_algo_orders=_limit(by_type.get("MAX_NUM_ALGO_ORDERS"), 5 if spot else 200),
        brackets=brackets,
        liquidation_fee=Decimal(info.get("liquidationFee", "0")),
        trigger_protect=Decimal(info.get("triggerProtect", "0")),
        market_take_bound=Decimal(info.get("marketTakeBound", "0")),
    )


def _percent(by_type: Mapping[str, Mapping[str, Any]]) -> tuple[str, PercentBand | None]:
    if one := by_type.get("PERCENT_PRICE"):
        up, down = Decimal(one["multiplierUp"]), Decimal(one["multiplierDown"])
        return "PERCENT_PRICE", PercentBand(bid_up=up, bid_down=down, ask_up=up, ask_down=down)
    if two := by_type.get("PERCENT_PRICE_BY_SIDE"):
        return "PERCENT_PRICE_BY_SIDE", PercentBand(
            bid_up=Decimal(two["bidMultiplierUp"]),
            bid_down=Decimal(two["bidMultiplierDown"]),
            ask_up=Decimal(two["askMultiplierUp"]),
            ask_down=Decimal(two["askMultiplierDown"]),
        )
    return "PERCENT_PRICE", None


def _limit(entry: Mapping[str, Any] | None, default: int) -> int:
    if entry is None:
        return default
    for name in ("limit", "maxNumOrders", "maxNumAlgoOrders"):
        if limit := int(
            entry.get(name) or 0
        ):  # some clients write every field, as 0 where it is not meant
            return limit
    return default
