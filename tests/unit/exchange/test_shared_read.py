"""One question that many ask: how often it is read, and who is told what."""

import asyncio

import pytest

from apps.exchange.adapters.shared_read import SharedRead
from chimera.errors import Transient, Unavailable


class Venue:
    """Answers with the number of the question once `open` is set; fails while told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.open = asyncio.Event()
        self.open.set()

    async def read(self) -> int:
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if self.fails:
            raise Unavailable("no answer")
        return number


async def asked(shared: SharedRead[int], times: int) -> list[int | BaseException]:
    return await asyncio.gather(*(shared.ask() for _ in range(times)), return_exceptions=True)


async def test_answer_is_shared_and_kept() -> None:
    venue = Venue()
    shared = SharedRead(venue.read, kept_s=60.0)
    assert await asked(shared, 5) == [1] * 5
    assert await shared.ask() == 1


async def test_old_answer_is_read_again() -> None:
    venue = Venue()
    shared = SharedRead(venue.read, kept_s=0.0)
    assert [await shared.ask(), await shared.ask()] == [1, 2]


async def test_failure_is_told_to_all_and_kept() -> None:
    venue = Venue()
    venue.fails = True
    shared = SharedRead(venue.read, kept_s=60.0)
    assert all(isinstance(told, Unavailable) for told in await asked(shared, 5))
    with pytest.raises(Transient, match="no answer"):
        await shared.ask()
    assert venue.asked == 1


async def test_forgotten_answer_is_read_again() -> None:
    venue = Venue()
    shared = SharedRead(venue.read, kept_s=60.0)
    await shared.ask()
    shared.forget()
    assert await asked(shared, 2) == [2, 2]


async def test_answer_forgotten_while_it_is_read_is_for_nobody_who_asks_later() -> None:
    venue = Venue()
    venue.open.clear()
    shared = SharedRead(venue.read, kept_s=60.0)
    early = asyncio.create_task(shared.ask())
    while not venue.asked:
        await asyncio.sleep(0)
    shared.forget()
    late = asyncio.create_task(shared.ask())
    venue.open.set()
    assert (await early, await late, await shared.ask()) == (1, 2, 2)


async def test_reader_that_is_cancelled_leaves_the_question_to_the_next() -> None:
    venue = Venue()
    venue.open.clear()
    shared = SharedRead(venue.read, kept_s=60.0)
    first, second = (asyncio.create_task(shared.ask()) for _ in range(2))
    while not venue.asked:
        await asyncio.sleep(0)
    first.cancel()
    venue.open.set()
    assert await second == 2
