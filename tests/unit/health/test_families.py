"""The streams that health and the console watch are streams that somebody publishes."""

from apps.health import families
from chimera.events import stream_of
from chimera.runtime.topology import FAMILIES
from tests.support.builders import SYMBOL, Story


def test_watched_families_are_families_of_the_topology():
    watched = {
        families.MARKET,
        families.FEATURES,
        families.SIGNALS,
        families.ORDER_REPORTS,
        families.POSITIONS,
        families.HEALTH,
    }
    assert watched <= set(FAMILIES)


def test_all_streams_cover_every_event_of_a_story():
    names = set(families.all_streams([SYMBOL]))
    assert {stream_of(event) for event in Story().run(30).events} <= names
