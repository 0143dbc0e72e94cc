"""What the features of one generation of the bundle are. The service and `replay` share it."""

from dataclasses import dataclass

from chimera.bundles import Bundle, FactorSpec
from chimera.clock import Millis
from chimera.events.features import FeaturesComputed, MarketInputs

from .factors import FAMILIES, Input, required_bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The part of an activated bundle that features depend on.

    `depth_levels` is how deep its factors look into the book, 0 for not at all; `required_bars` how
    far back they look.
    """

    number: int
    bundle_hash: str
    symbols: tuple[str, ...]
    interval: str
    specs: tuple[FactorSpec, ...]
    depth_levels: int
    required_bars: int

    def signal(
        self, inputs: MarketInputs, features: dict[str, float | None], now: Millis
    ) -> FeaturesComputed:
        """Return the event that says what the features were at the close of the inputs' bar."""
        bar = inputs.bar
        return FeaturesComputed(
            id=f"sig:{bar.id}:g{self.number}",
            cause=bar.id,
            ts_event=bar.ts_event,
            ts_init=now,
            symbol=bar.symbol,
            interval=bar.interval,
            generation=self.number,
            bundle_hash=self.bundle_hash,
            inputs=inputs,
            features=features,
        )


def generation_of(number: int, bundle_hash: str, bundle: Bundle) -> Generation:
    """Return the part of `bundle` that features depend on, as generation `number`."""
    return Generation(
        number=number,
        bundle_hash=bundle_hash,
        symbols=bundle.symbols,
        interval=bundle.interval,
        specs=bundle.factors,
        depth_levels=max(
            (spec.length for spec in bundle.factors if Input.DEPTH in FAMILIES[spec.kind].inputs),
            default=0,
        ),
        required_bars=required_bars(bundle),
    )
