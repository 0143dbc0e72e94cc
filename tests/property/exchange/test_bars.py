"""However bars arrive (lost, doubled, late, while being read), each is handed on once and in order."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from apps.exchange.adapters.bars import BarSequence
from chimera.clock import MINUTE
from chimera.events import BarClosed

SYMBOL = "BTCUSDT-PERP"

# For each bar in turn: does the stream lose it, how often does it repeat it, how long does REST take?
Fates = st.lists(
    st.tuples(st.booleans(), st.integers(1, 2), st.integers(0, 3)), min_size=1, max_size=25
)


@given(Fates)
def test_every_bar_is_handed_on_once_and_in_order(fates: list[tuple[bool, int, int]]) -> None:
    handed = asyncio.run(_play(fates))
    heard = [number for number, (lost, _, _) in enumerate(fates) if not lost]
    last = heard[-1] if heard else -1
    # What follows the last bar the stream told of is read when the stream is up again.
    assert handed == list(range(len(handed)))
    assert len(handed) >= last + 1


@given(Fates)
def test_catching_up_leaves_nothing_out(fates: list[tuple[bool, int, int]]) -> None:
    handed = asyncio.run(_play(fates, catch_up=True))
    assert handed == list(range(len(fates)))


async def _play(fates: list[tuple[bool, int, int]], *, catch_up: bool = False) -> list[int]:
    handed: list[int] = []
    closed = 0
    pace = iter(turns for _, _, turns in fates * 3)

    async def read(symbol: str, since: int) -> Sequence[BarClosed]:
        for _ in range(next(pace, 0)):
            await asyncio.sleep(0)
        return [bar(number) for number in range(closed) if number * MINUTE >= since]

    bars = BarSequence(read, lambda event: handed.append(event.open_time // MINUTE))
    bars.begin(SYMBOL, 0)
    for number, (lost, times, _) in enumerate(fates):
        closed = number + 1
        for _ in range(0 if lost else times):
            bars.offer(bar(number))
        await asyncio.sleep(0)
    while len(asyncio.all_tasks()) > 1:  # bars are being read
        await asyncio.sleep(0)
    if catch_up:
        await bars.catch_up()
    return handed


def bar(number: int) -> BarClosed:
    close_time = (number + 1) * MINUTE
    return BarClosed(
        id=f"{SYMBOL}:{close_time}",
        ts_event=close_time,
        ts_init=close_time,
        symbol=SYMBOL,
        interval="1m",
        open_time=number * MINUTE,
        open=1.0,
        high=1.0,
        low=1.0,
        close=1.0,
        volume=1.0,
    )
