"""What the venue lists: exchangeInfo entries that were recorded, else its own of the main USDT pairs.

Its own are plausible filters of 2025, written by hand so that a demo and the simulations need no recorded
payload; `parse_symbol` reads them like any other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from apps.exchange.core.venue.accounts import SETTLEMENT_ASSET
from apps.exchange.core.venue.default_brackets import brackets_of
from apps.exchange.core.venue.instruments import VenueInstrument, parse_symbol
from chimera.errors import InvalidInput
from chimera.instruments import Market

PERPETUAL_DELIVERY = 4_133_404_800_000
PERPETUAL_ONBOARD = 1_569_398_400_000


@dataclass(frozen=True, slots=True)
class _Perpetual:
    base: str
    price_precision: int
    quantity_precision: int
    tick: str
    min_price: str
    max_price: str
    step: str
    max_qty: str
    market_max_qty: str
    min_notional: str
    band: str  # PERCENT_PRICE allows 1 ± band of the mark price

    def info(self) -> dict[str, Any]:
        symbol = self.base + "USDT"
        return {
            "symbol": symbol,
            "pair": symbol,
            "onboardDate": PERPETUAL_ONBOARD,
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": self.base,
            "quoteAsset": "USDT",
            "marginAsset": "USDT",
            "pricePrecision": self.price_precision,
            "quantityPrecision": self.quantity_precision,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": ["PoW"] if self.base in ("BTC", "LTC", "DOGE") else ["Layer-1"],
            "settlePlan": 0,
            "triggerProtect": "0.0500",
            "liquidationFee": "0.012500",
            "marketTakeBound": "0.05" if self.band == "0.05" else "0.10",
            "maxMoveOrderLimit": 10_000,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": self.min_price,
                    "maxPrice": self.max_price,
                    "tickSize": self.tick,
                },
                _lot("LOT_SIZE", self.step, self.max_qty, self.step),
                _lot("MARKET_LOT_SIZE", self.step, self.market_max_qty, self.step),
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MIN_NOTIONAL", "notional": self.min_notional},
                {
                    "filterType": "PERCENT_PRICE",
                    "multiplierUp": f"{1 + float(self.band):.4f}",
                    "multiplierDown": f"{1 - float(self.band):.4f}",
                    "multiplierDecimal": "4",
                },
            ],
            "orderTypes": [
                "LIMIT",
                "MARKET",
                "STOP",
                "STOP_MARKET",
                "TAKE_PROFIT",
                "TAKE_PROFIT_MARKET",
                "TRAILING_STOP_MARKET",
            ],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        }


@dataclass(frozen=True, slots=True)
class _Pair:
    base: str
    tick: str
    max_price: str
    step: str
    max_qty: str
    market_max_qty: str

    def info(self) -> dict[str, Any]:
        return {
            "symbol": self.base + "USDT",
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": [
                "LIMIT",
                "LIMIT_MAKER",
                "MARKET",
                "STOP_LOSS",
                "STOP_LOSS_LIMIT",
                "TAKE_PROFIT",
                "TAKE_PROFIT_LIMIT",
            ],
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": self.tick,
                    "maxPrice": self.max_price,
                    "tickSize": self.tick,
                },
                _lot("LOT_SIZE", self.step, self.max_qty, self.step),
                {"filterType": "ICEBERG_PARTS", "limit": 100},
                _lot("MARKET_LOT_SIZE", "0.00000000", self.market_max_qty, "0.00000000"),
                {
                    "filterType": "TRAILING_DELTA",
                    "minTrailingAboveDelta": 10,
                    "maxTrailingAboveDelta": 2000,
                    "minTrailingBelowDelta": 10,
                    "maxTrailingBelowDelta": 2000,
                },
                {
                    "filterType": "PERCENT_PRICE_BY_SIDE",
                    "bidMultiplierUp": "5",
                    "bidMultiplierDown": "0.2",
                    "askMultiplierUp": "5",
                    "askMultiplierDown": "0.2",
                    "avgPriceMins": 5,
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": "5.00000000",
                    "applyMinToMarket": True,
                    "maxNotional": "9000000.00000000",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
                {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            ],
        }


def _lot(kind: str, low: str, high: str, step: str) -> dict[str, str]:
    return {"filterType": kind, "minQty": low, "maxQty": high, "stepSize": step}


_USDM = (
    _Perpetual("BTC", 2, 3, "0.10", "556.80", "4529764", "0.001", "1000", "120", "100", "0.05"),
    _Perpetual("ETH", 2, 3, "0.01", "39.86", "306177", "0.001", "10000", "2000", "20", "0.05"),
    _Perpetual("BNB", 3, 2, "0.010", "6.600", "100000", "0.01", "100000", "2000", "5", "0.05"),
    _Perpetual("SOL", 4, 2, "0.0100", "0.4200", "6857", "0.01", "1000000", "5000", "5", "0.05"),
    _Perpetual(
        "XRP", 4, 1, "0.0001", "0.0143", "100000", "0.1", "10000000", "2000000", "5", "0.05"
    ),
    _Perpetual("LTC", 2, 3, "0.01", "3.61", "100000", "0.001", "10000", "5000", "20", "0.05"),
    _Perpetual("ADA", 5, 0, "0.00010", "0.01740", "69.81", "1", "2000000", "300000", "5", "0.10"),
    _Perpetual("FIL", 3, 1, "0.001", "0.167", "100000", "0.1", "1000000", "50000", "5", "0.10"),
    _Perpetual(
        "DOGE", 6, 0, "0.000010", "0.002440", "30", "1", "50000000", "30000000", "5", "0.10"
    ),
)
_SPOT = (
    _Pair("BTC", "0.01000000", "1000000.00000000", "0.00001000", "9000.00000000", "120.00000000"),
    _Pair("ETH", "0.01000000", "1000000.00000000", "0.00010000", "9000.00000000", "2000.00000000"),
    _Pair("BNB", "0.01000000", "100000.00000000", "0.00100000", "900000.00000000", "2000.00000000"),
    _Pair("SOL", "0.01000000", "10000.00000000", "0.00100000", "90000.00000000", "20000.00000000"),
    _Pair(
        "XRP", "0.00010000", "10000.00000000", "0.10000000", "9222449.00000000", "900000.00000000"
    ),
    _Pair("LTC", "0.01000000", "100000.00000000", "0.00100000", "90000.00000000", "9000.00000000"),
    _Pair("ADA", "0.00010000", "1000.00000000", "0.10000000", "900000.00000000", "600000.00000000"),
    _Pair("FIL", "0.00100000", "10000.00000000", "0.01000000", "900000.00000000", "50000.00000000"),
    _Pair(
        "DOGE", "0.00001000", "1000.00000000", "1.00000000", "9000000.00000000", "8000000.00000000"
    ),
)
KNOWN: dict[Market, dict[str, dict[str, Any]]] = {
    Market.USDM: {row.base + "USDT": row.info() for row in _USDM},
    Market.SPOT: {row.base + "USDT": row.info() for row in _SPOT},
}


# What holds on the venue whatever an entry says: what it plays trades for ever, and this is all it offers.
OFFERED: dict[Market, dict[str, Any]] = {
    Market.USDM: {
        "status": "TRADING",
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_DELIVERY,
    },
    Market.SPOT: {
        "status": "TRADING",
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": [
            "NONE",
            "EXPIRE_TAKER",
            "EXPIRE_MAKER",
            "EXPIRE_BOTH",
        ],
    },
}
# Since the Algo service the limit on conditional futures orders is the account's.
UNUSED_FILTERS = {Market.USDM: {"MAX_NUM_ALGO_ORDERS"}, Market.SPOT: set[str]()}


def list_symbols(
    market: Market,
    symbols: Iterable[str],
    recorded: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, VenueInstrument]:
    """Return the venue's instruments for `symbols`.

    Parameters
    ----------
    recorded : exchangeInfo entries by symbol, which go before the venue's own

    Raises
    ------
    InvalidInput
        If a symbol is none the venue knows, or a contract that is not settled in USDT; the message names
        it.
    """
    known = {**KNOWN[market], **recorded}
    return {symbol: _list(market, symbol, known) for symbol in symbols}


def _list(market: Market, symbol: str, known: Mapping[str, Mapping[str, Any]]) -> VenueInstrument:
    if symbol not in known:
        raise InvalidInput(
            f"symbol {symbol} is not one the venue lists in {market.value}: "
            f"{', '.join(KNOWN[market])}, and what a recorded exchangeInfo names",
            field="symbols",
        )
    info = {**known[symbol], **OFFERED[market]}
    info["filters"] = [
        f for f in info["filters"] if f.get("filterType") not in UNUSED_FILTERS[market]
    ]
    if market is Market.SPOT:
        return parse_symbol(market, info)
    if (margin := info.get("marginAsset")) != SETTLEMENT_ASSET:
        raise InvalidInput(
            f"symbol {symbol} is margined in {margin}; the venue settles in {SETTLEMENT_ASSET} only",
            field="symbols",
        )
    return parse_symbol(market, info, brackets=brackets_of(symbol))
