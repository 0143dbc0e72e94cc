"""What a worker's rooms are given to build and restore a core, and how they are found by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from chimera.clock import Millis
from chimera.errors import InvalidInput
from chimera.runtime.contract import Service
from chimera.runtime.topology import LIVE_SERVICES
from chimera.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    store: Store
    symbols: tuple[str, ...]
    interval_ms: Millis
    speed: float  # of the market's clock against the wall; 1 unless a market is replayed


def build_services(names: Sequence[str], context: WorkerContext) -> list[Service]:
    """Return the cores of the named services, each restored from the record by its own worker room."""
    return [
        import_module(f"apps.{name}.worker").build(context) for name in names if name != "exchange"
    ]


def check_services(names: Sequence[str]) -> tuple[str, ...]:
    """Return `names` in the order in which events flow through them.

    Raises
    ------
    InvalidInput
        If one is unknown or named twice.
    """
    unknown = sorted(set(names) - set(LIVE_SERVICES))
    if unknown or len(set(names)) != len(names) or not names:
        raise InvalidInput(
            f"name each service once, out of {', '.join(LIVE_SERVICES)}; got {', '.join(names)}",
            field="services",
        )
    return tuple(name for name in LIVE_SERVICES if name in names)
