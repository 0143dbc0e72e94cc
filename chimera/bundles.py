"""The bundle: one immutable, content-addressed document that says how to trade.

Written by people as YAML, checked by `apps/config`, carried whole in `BundleActivated`, compiled by
the cores that use it. A key unknown here is refused.
"""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from chimera.ids import content_hash

# With `$` a name could end in a line break.
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,47}\Z")]
Text = Annotated[str, msgspec.Meta(max_length=16_384)]
Symbol = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{2,20}(-PERP)?\Z")]
Interval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1_000_000_000)]

# The maintenance margin of the largest symbols' first bracket, as a fraction of notional: none needs less.
LEAST_MAINTENANCE_MARGIN = 0.004


class FactorKind(StrEnum):
    """The registered factors; `apps/features/core/factors` holds one module for each family."""

    ATR = "atr"
    EMA = "ema"
    RSI = "rsi"
    REALISED_VOLATILITY = "realised_volatility"
    SPREAD_BPS = "spread_bps"
    DEPTH_IMBALANCE = "depth_imbalance"
    FUNDING_RATE = "funding_rate"


class RuleAction(StrEnum):
    OPEN_LONG = "open_long"
    OPEN_SHORT = "open_short"
    CLOSE = "close"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything in a bundle: frozen, and strict about its keys."""


class FactorSpec(_Part, frozen=True, kw_only=True):
    """A named factor: `kind` says how it is computed, `length` over how many bars (or levels)."""

    name: Name
    kind: FactorKind
    length: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 1


class GuardSpec(_Part, frozen=True, kw_only=True):
    """An L0 guard: no new position while `refuse_when` is true or unknown."""

    name: Name
    refuse_when: Text
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class RuleSpec(_Part, frozen=True, kw_only=True):
    """When `when` is true, do `do`. An opening rule says how far away its stop rests.

    `stop_distance` is a number expression: the stop's distance from the entry as a fraction of price.
    """

    name: Name
    when: Text
    do: RuleAction
    stop_distance: Text | None = None


class RiskLimits(_Part, frozen=True, kw_only=True):
    """Limits every order meets in the router. Defaults: reference account of 20 USDT at 20x."""

    margin_usdt: Positive = 20.0
    leverage: Annotated[int, msgspec.Meta(ge=1, le=20)] = 20
    max_open_positions: Annotated[int, msgspec.Meta(ge=1, le=50)] = 4
    max_order_notional_usdt: Positive = 410.0
    max_price_deviation: Annotated[float, msgspec.Meta(gt=0, le=0.1)] = 0.005
    min_stop_distance: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.003
    max_stop_distance: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.02
    max_daily_loss_usdt: Positive = 40.0
    max_orders_per_minute: Annotated[int, msgspec.Meta(ge=1, le=1_200)] = 30
    max_signal_age_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 2_000

    @property
    def liquidation_distance(self) -> float:
        """How far from its entry an isolated position lives at most, as a fraction of price.

        The smaller of both sides, a short's: ``(1 / leverage - mmr) / (1 + mmr)``. Symbols and sizes of a
        higher maintenance margin are liquidated earlier.
        """
        margin = LEAST_MAINTENANCE_MARGIN
        return (1 / self.leverage - margin) / (1 + margin)

    @property
    def widest_stop(self) -> float:
        """The greatest distance of a stop: as limited, and at most half of the way to the liquidation."""
        return min(self.max_stop_distance, self.liquidation_distance / 2)


class Execution(_Part, frozen=True, kw_only=True):
    """How entries reach the market. A limit entry not filled in `entry_ttl_ms` is cancelled."""

    entry: Literal["market", "limit"] = "market"
    limit_offset_bps: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.0
    entry_ttl_ms: Annotated[int, msgspec.Meta(ge=1_000, le=86_400_000)] = 30_000


class Bundle(_Part, frozen=True, kw_only=True):
    name: Name
    description: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    interval: Interval
    symbols: Annotated[tuple[Symbol, ...], msgspec.Meta(min_length=1, max_length=200)]
    factors: Annotated[tuple[FactorSpec, ...], msgspec.Meta(min_length=1, max_length=200)]
    guards: Annotated[tuple[GuardSpec, ...], msgspec.Meta(max_length=50)] = ()
    rules: Annotated[tuple[RuleSpec, ...], msgspec.Meta(min_length=1, max_length=200)]
    risk: RiskLimits = RiskLimits()
    execution: Execution = Execution()


def bundle_bytes(bundle: Bundle) -> bytes:
    """Return the canonical encoding: the same bundle always gives the same bytes."""
    return msgspec.json.encode(bundle, order="deterministic")


def bundle_hash(bundle: Bundle) -> str:
    """Return the bundle's address: SHA-256 of its canonical encoding, in hex."""
    return content_hash(bundle_bytes(bundle))
