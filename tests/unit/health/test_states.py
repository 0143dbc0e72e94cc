"""How single components add up to a state, a colour and readiness."""

import pytest

from apps.health.states import Colour, Component, is_ready, state_of, worst_colour
from chimera.events.health import ServiceState


def component(state: ServiceState, *, critical: bool = True) -> Component:
    return Component(name=f"{state}-{critical}", state=state, critical=critical)


OK = component(ServiceState.OK)
DEGRADED = component(ServiceState.DEGRADED)
DOWN = component(ServiceState.ERROR)
MINOR_DOWN = component(ServiceState.ERROR, critical=False)


@pytest.mark.parametrize(
    ("components", "colour", "state", "ready"),
    [
        ((), Colour.GREEN, ServiceState.OK, True),
        ((OK,), Colour.GREEN, ServiceState.OK, True),
        ((OK, DEGRADED), Colour.YELLOW, ServiceState.DEGRADED, True),
        ((DEGRADED, MINOR_DOWN), Colour.ORANGE, ServiceState.DEGRADED, True),
        ((OK, MINOR_DOWN, DOWN), Colour.RED, ServiceState.ERROR, False),
    ],
)
def test_components_together_show_the_worst(components, colour, state, ready):
    assert worst_colour(components) is colour
    assert state_of(components) is state
    assert is_ready(components) is ready
