"""The words of health: a dependency's state, how bad its loss is, and the colour of the whole."""

from enum import StrEnum

import msgspec

from chimera.clock import Millis
from chimera.events.health import ServiceState


class Colour(StrEnum):
    """The worst component, as people say it: RED stops trading, ORANGE hurts, YELLOW warns."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    ORANGE = "ORANGE"
    RED = "RED"

    @property
    def rank(self) -> int:
        return list(Colour).index(self)


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. Losing a `critical` one stops new risk."""

    name: str
    state: ServiceState
    critical: bool = True
    detail: str = ""
    latency_ms: float | None = None

    @property
    def colour(self) -> Colour:
        if self.state is ServiceState.ERROR:
            return Colour.RED if self.critical else Colour.ORANGE
        return Colour.YELLOW if self.state is ServiceState.DEGRADED else Colour.GREEN


class ServiceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One service by what it depends on. `ready` while every critical dependency is up."""

    id: str
    name: str
    state: ServiceState
    ready: bool
    dependencies: tuple[Component, ...]


class HealthOverview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment; `ready` says whether this process can serve people."""

    colour: Colour
    state: ServiceState
    ready: bool
    checked_at: Millis
    components: tuple[Component, ...]
    services: tuple[ServiceHealth, ...]


def worst_colour(components: tuple[Component, ...]) -> Colour:
    return max((c.colour for c in components), key=lambda c: c.rank, default=Colour.GREEN)


def state_of(components: tuple[Component, ...]) -> ServiceState:
    """Return ERROR if a critical component failed, DEGRADED if anything else is amiss, else OK."""
    colour = worst_colour(components)
    if colour is Colour.RED:
        return ServiceState.ERROR
    return ServiceState.OK if colour is Colour.GREEN else ServiceState.DEGRADED


def is_ready(components: tuple[Component, ...]) -> bool:
    return not any(c.critical and c.state is ServiceState.ERROR for c in components)
