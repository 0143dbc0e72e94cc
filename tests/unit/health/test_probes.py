"""Probes answer in time, whatever happens to what they look at."""

import threading

import pytest

from apps.health.probes import probe_venue, run_probes
from apps.health.states import Component
from chimera.events.health import ServiceState


def fine() -> Component:
    return Component(name="fine", state=ServiceState.OK)


def test_probe_that_hangs_counts_as_failed_and_holds_nobody_up():
    released = threading.Event()

    def hangs() -> Component:
        released.wait(30)
        return fine()

    found = run_probes((("slow", hangs), ("fine", fine)), timeout_s=0.05)
    released.set()
    assert found[0].state is ServiceState.ERROR
    assert "within 0.05 s" in found[0].detail
    assert found[1].state is ServiceState.OK


def test_probe_that_raises_counts_as_failed():
    def breaks() -> Component:
        raise RuntimeError("a fault in the probe")

    [found] = run_probes((("broken", breaks),))
    assert found.name == "broken"
    assert found.state is ServiceState.ERROR
    assert "a fault in the probe" in found.detail


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "ftp://127.0.0.1", "nonsense", ""])
def test_venue_that_cannot_be_asked_is_reported(settings, url):
    settings.EXCHANGE_URL = url
    found = probe_venue()
    assert found.state is ServiceState.ERROR
    assert found.detail
