"""The registered factors. Each has this incremental form, and a batch form in `batch`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chimera.bundles import Bundle, FactorKind, FactorSpec
from chimera.errors import ConfigInvalid

from . import funding, liquidity, momentum, trend, volatility
from .base import Factor, Family, Input

__all__ = ["FAMILIES", "Factor", "Family", "Input", "make_factor", "required_bars"]

FAMILIES: Final[Mapping[FactorKind, Family]] = MappingProxyType(
    {
        FactorKind.ATR: volatility.ATR,
        FactorKind.EMA: trend.EMA,
        FactorKind.RSI: momentum.RSI,
        FactorKind.REALISED_VOLATILITY: volatility.REALISED_VOLATILITY,
        FactorKind.SPREAD_BPS: liquidity.SPREAD_BPS,
        FactorKind.DEPTH_IMBALANCE: liquidity.DEPTH_IMBALANCE,
        FactorKind.FUNDING_RATE: funding.FUNDING_RATE,
    }
)


def make_factor(spec: FactorSpec) -> Factor:
    """Return a new factor for `spec`, which has seen nothing yet.

    Raises
    ------
    ConfigInvalid
        If the length is too small to have a meaning.
    """
    family = FAMILIES[spec.kind]
    if spec.length < family.min_length:
        raise ConfigInvalid(
            f"{spec.kind} needs a length of at least {family.min_length}, not {spec.length}",
            factor=spec.name,
        )
    return family.make(spec.length)


def required_bars(bundle: Bundle) -> int:
    """Return how many bars of history make every factor of `bundle` settled from the first decision."""
    return max(FAMILIES[spec.kind].warm_up_bars(spec.length) for spec in bundle.factors)
