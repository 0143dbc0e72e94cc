"""However a captured account message is spoiled, what cannot be read is our own error, and no event is odd."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.exchange.adapters.connector import Connector
from apps.exchange.adapters.strange import StrangeWords
from apps.exchange.adapters.wire_spot import spot_user_events
from apps.exchange.adapters.wire_user import Children, user_events
from chimera.clock import VirtualClock
from chimera.errors import Unavailable
from chimera.events import AlertRaised, decode, encode
from chimera.events.base import Event

Path_ = tuple[str | int, ...]

SPOILED = (None, "", "x", "NaN", -1, 1.5, True, [], {}, [None])
KINDS = ("ws_futures_*_update*", "ws_spot_execution*")
CLOCK = VirtualClock(1)
FUNDING = {
    "e": "ACCOUNT_UPDATE",
    "T": 1,
    "a": {
        "m": "FUNDING_FEE",
        "B": [{"a": "USDT", "wb": "99.0", "cw": "99.0", "bc": "-0.5"}],
        "P": [{"s": "BTCUSDT", "pa": "0.1", "ps": "BOTH"}],
    },
}


@pytest.fixture(scope="module")
def captured(data_dir: Path) -> list[Any]:
    folder = data_dir / "payloads/nautilus/ws_messages"
    texts = [path.read_text() for kind in KINDS for path in sorted(folder.glob(kind))]
    return [FUNDING, *(m for t in texts if (m := json.loads(t).get("data")) is not None)]


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spoiled_account_message_is_read_or_refused(
    captured: list[Any], data: st.DataObject
) -> None:
    message = copy.deepcopy(data.draw(st.sampled_from(captured)))
    *way, last = data.draw(st.sampled_from(list(_paths(message))))
    holder = message
    for step in way:
        holder = holder[step]
    if data.draw(st.booleans()):
        del holder[last]
    else:
        holder[last] = data.draw(st.sampled_from(SPOILED))
    for events in (user_events(message, Children(), 1), spot_user_events(message, 1)):
        told: list[Event] = []
        strange = StrangeWords(CLOCK)
        strange.tell_to(told.append)
        connector: Any = SimpleNamespace(_clock=CLOCK, _strange=strange)
        try:
            Connector.hand_on(connector, message, events, told.append)
        except Unavailable:
            assert [type(event) for event in told] == [AlertRaised]  # nothing of it, and an alert
        assert [decode(encode(event)) for event in told] == told


def _paths(part: Any, way: Path_ = ()) -> list[Path_]:
    steps = part.items() if isinstance(part, dict) else enumerate(part)
    found: list[Path_] = []
    for step, below in steps:
        found.append((*way, step))
        if isinstance(below, dict | list):
            found += _paths(below, (*way, step))
    return found
