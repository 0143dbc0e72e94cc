"""Acknowledgements: together, a little later, all of them at the end, and never in the way."""

import asyncio
from collections.abc import Sequence

from chimera.bus import Message
from chimera.errors import Transient
from chimera.runtime.acknowledging import Acknowledger


class Slow:
    """A subscription that acknowledges after a while, or refuses."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.trips: list[list[str]] = []

    async def ack(self, messages: Sequence[Message]) -> None:
        await asyncio.sleep(0.01)
        if self.refuses:
            raise Transient("Redis refused")
        self.trips.append([message.entry_id for message in messages])


def message(name: str) -> Message:
    return Message("s", name, b"", "p", 1, 1, 1)


def test_what_is_done_at_about_the_same_time_goes_in_one_trip() -> None:
    async def scene(slow: Slow) -> None:
        acknowledger = Acknowledger(slow)  # type: ignore[arg-type]
        for name in "abc":
            acknowledger.add(message(name))
            await asyncio.sleep(0)
        while not slow.trips:
            await asyncio.sleep(0.005)
        acknowledger.add(message("d"))
        while len(slow.trips) < 2:
            await asyncio.sleep(0.005)

    slow = Slow()
    asyncio.run(asyncio.wait_for(scene(slow), timeout=5))
    assert slow.trips == [["a", "b", "c"], ["d"]]


def test_flush_returns_when_everything_is_acknowledged_a_trip_under_way_included() -> None:
    async def scene(slow: Slow) -> None:
        acknowledger = Acknowledger(slow)  # type: ignore[arg-type]
        acknowledger.add(message("a"))
        await asyncio.sleep(0.025)  # its trip has begun
        acknowledger.add(message("b"))
        await acknowledger.flush()
        assert [name for trip in slow.trips for name in trip] == ["a", "b"]

    asyncio.run(scene(Slow()))


def test_a_refusal_is_left_to_the_next_delivery() -> None:
    async def scene(slow: Slow) -> None:
        acknowledger = Acknowledger(slow)  # type: ignore[arg-type]
        acknowledger.add(message("a"))
        await acknowledger.flush()
        slow.refuses = False
        acknowledger.add(message("b"))
        await acknowledger.flush()
        assert slow.trips == [["b"]]

    asyncio.run(scene(Slow(refuses=True)))
