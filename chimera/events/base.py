"""What every event carries. An event is a fact that crossed a service's border; it never changes."""

import msgspec

from chimera.clock import Millis


class Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False
):
    """A fact, named by an id that is a pure function of what it states.

    `cause` is the id of the event that led to it ("" when it came from outside). `ts_event` is when it
    happened at its source, `ts_init` when we learned of it; a decision at `t` uses only
    ``ts_init <= t``. Both are UTC milliseconds. The tag names the type and its version.
    """

    id: str
    cause: str = ""
    ts_event: Millis
    ts_init: Millis


class Command(Event, frozen=True, kw_only=True, gc=False):
    """Something the exchange is asked to do. Recorded before it is sent, and never sent twice.

    `fencing` is the token of the sender's lease, where the command travels to another worker.
    """

    symbol: str
    fencing: int = 0
