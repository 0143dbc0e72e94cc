"""When the listing is read again."""

import asyncio
from contextlib import suppress

import pytest

from apps.exchange.adapters.listing import ListingWatch
from chimera.errors import Unavailable
from chimera.events import OrderCanceled, OrderRejected
from chimera.events.base import Event
from chimera.instruments import Market, market_of, symbol_of, venue_symbol


def refused(code: str) -> OrderRejected:
    return OrderRejected(
        id="r",
        ts_event=1,
        ts_init=1,
        symbol="BTCUSDT-PERP",
        client_order_id="c",
        code=code,
        message="",
    )


def checks_after(*told: Event, fails: int = 0, again_s: float = 0.01, for_s: float = 0.1) -> int:
    """Return how often the listing was checked within `for_s` of what was `told`."""

    async def watched() -> int:
        watch, checks, handed_on = ListingWatch(again_s=again_s), 0, []

        async def check() -> None:
            nonlocal checks
            checks += 1
            if checks <= fails:
                raise Unavailable("not now")

        keeping = asyncio.create_task(watch.keep(check))
        for event in told:
            watch.noting(handed_on.append)(event)
        await asyncio.sleep(for_s)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        assert handed_on == list(told)
        return checks

    return asyncio.run(watched())


@pytest.mark.parametrize("code", ["-1013", "-1111", "-4003", "-4014", "-4023", "-4164"])
def test_refusal_by_a_filter_has_the_listing_checked_at_once(code: str) -> None:
    assert checks_after(refused(code)) == 1


def test_other_refusals_and_reports_do_not() -> None:
    canceled = OrderCanceled(
        id="x", ts_event=1, ts_init=1, symbol="BTCUSDT-PERP", client_order_id="c"
    )

    assert checks_after(refused("-2019"), refused("-2021"), canceled) == 0


def test_many_refusals_have_it_checked_once_in_the_pause() -> None:
    assert checks_after(*[refused("-4014")] * 50, again_s=10.0) == 1


def test_check_that_failed_is_made_again() -> None:
    assert checks_after(refused("-4014"), fails=2) == 3


def test_symbol_in_other_letters_has_a_name_that_the_record_takes_and_the_venue_knows() -> None:
    symbol = symbol_of("币USDT", Market.USDM)

    assert symbol.isascii()
    assert market_of(symbol) is Market.USDM
    assert venue_symbol(symbol) == "币USDT"
    assert venue_symbol(symbol_of("币USDT", Market.SPOT)) == "币USDT"
