"""How long the router waits for what the real world owes it."""

from dataclasses import dataclass

from chimera.clock import MINUTE, SECOND, Millis
from chimera.events.positions import EQUITY_WHEN_OPEN_EVERY

EQUITY_LATE = 2 * EQUITY_WHEN_OPEN_EVERY  # one mark may be missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Waiting times in the market's milliseconds."""

    speed: float = 1.0  # how much faster than the wall the market's clock runs
    answer: Millis = 2 * SECOND  # after which an unanswered order is looked for
    query_again: Millis = 1 * SECOND
    # How long an order may stay invisible: recvWindow plus backend timeout.
    settle: Millis = 12 * SECOND
    query_stop: Millis = 3 * SECOND
    close_unprotected: Millis = 5 * SECOND
    close_again: Millis = 1 * SECOND
    unheard: Millis = 30 * SECOND  # after which a living order nobody spoke of is asked about
    exit_over: Millis = 15 * SECOND  # how long an exit under way keeps others from being sent
    price_age: Millis = 3 * SECOND  # of mark and quote; a quiet book speaks only when it changes
    equity_age: Millis = 2 * MINUTE + EQUITY_LATE  # while a position is open
    account_again: Millis = 1 * SECOND
    prepare_again: Millis = 30 * SECOND

    @classmethod
    def for_bars(cls, interval: Millis = MINUTE) -> "Deadlines":
        """Return the deadlines of a simulation that knows prices only once a bar."""
        return cls(
            price_age=2 * interval,
            equity_age=2 * interval + EQUITY_LATE,
            unheard=240 * interval,  # nothing is lost on the way
        )

    @classmethod
    def stretched(cls, *, speed: float, interval: Millis = MINUTE) -> "Deadlines":
        """Return the deadlines for a replayed market that runs `speed` times as fast as the wall.

        Networks do not get faster with the market, so what waits for them is stretched alike. Prices
        of a replay may come only once a bar; long bars of a real market have mark prices in between.
        """
        d = cls()
        price_age = max(int(d.price_age * speed), 2 * interval if speed > 1 else 0)
        return cls(
            speed=speed,
            answer=int(d.answer * speed),
            query_again=int(d.query_again * speed),
            settle=int(d.settle * speed),
            query_stop=int(d.query_stop * speed),
            close_unprotected=int(d.close_unprotected * speed),
            close_again=int(d.close_again * speed),
            unheard=int(d.unheard * speed),
            exit_over=int(d.exit_over * speed),
            price_age=price_age,
            equity_age=max(price_age, 2 * min(interval, MINUTE)) + int(EQUITY_LATE * speed),
            account_again=int(d.account_again * speed),
            prepare_again=int(d.prepare_again * speed),
        )
