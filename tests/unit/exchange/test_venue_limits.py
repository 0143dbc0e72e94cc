"""Request weights and order counts of the venue: windows, refusals, bans, refunds."""

import pytest

from apps.exchange.venue_shell.limits import (
    BAN_FIRST_MS,
    IGNORED_UNTIL_BAN,
    Limiter,
    LimitRules,
    MessageMeter,
    OrderLimit,
)
from apps.exchange.venue_shell.refusals import Refusal
from chimera.clock import MINUTE, SECOND

RULES = LimitRules(100, (OrderLimit("10S", 10 * SECOND, 2), OrderLimit("1M", MINUTE, 3)), 2)
NOW = 1_700_000_040_000 - 1_700_000_040_000 % MINUTE


def test_messages_of_a_second_are_counted_and_forgotten_with_it() -> None:
    meter = MessageMeter(2)

    assert [meter.floods(NOW + i) for i in (0, 1, 2)] == [False, False, True]
    assert not meter.floods(NOW + SECOND)


def test_weight_adds_up_within_a_minute_and_starts_anew_in_the_next() -> None:
    limiter = Limiter(RULES)

    assert [limiter.charge_weight("ip", 40, NOW + i) for i in range(2)] == [40, 80]
    assert limiter.charge_weight("ip", 40, NOW + MINUTE) == 40
    assert limiter.charge_weight("other", 1, NOW) == 1


def test_weight_over_the_limit_is_429_until_the_window_ends() -> None:
    limiter = Limiter(RULES)
    limiter.charge_weight("ip", 100, NOW)

    with pytest.raises(Refusal) as refused:
        limiter.charge_weight("ip", 1, NOW + 20 * SECOND)

    assert (refused.value.status, refused.value.code) == (429, -1003)
    assert refused.value.headers == {"Retry-After": "40"}
    assert limiter.charge_weight("ip", 1, NOW + MINUTE) == 1


def test_weight_ignoring_429_bans_and_each_ban_is_longer() -> None:
    limiter, now = Limiter(RULES), NOW
    for ban_ms in (BAN_FIRST_MS, 2 * BAN_FIRST_MS):
        limiter.charge_weight("ip", 100, now)
        statuses = []
        for _ in range(IGNORED_UNTIL_BAN + 1):
            with pytest.raises(Refusal) as refused:
                limiter.charge_weight("ip", 1, now)
            statuses.append(refused.value.status)
        assert statuses == [429] * IGNORED_UNTIL_BAN + [418]
        assert refused.value.headers == {"Retry-After": str(ban_ms // SECOND)}
        now += ban_ms - ban_ms % MINUTE + MINUTE


def test_orders_count_in_every_window_and_are_refused_with_1015() -> None:
    limiter = Limiter(RULES)

    assert limiter.count_orders("a", 2, NOW) == {
        "X-MBX-ORDER-COUNT-10S": "2",
        "X-MBX-ORDER-COUNT-1M": "2",
    }
    with pytest.raises(Refusal, match="10S") as refused:
        limiter.check_orders("a", 1, NOW)
    assert (refused.value.status, refused.value.code) == (429, -1015)
    limiter.check_orders("a", 1, NOW + 10 * SECOND)
    limiter.check_orders("b", 1, NOW)


def test_orders_filled_are_given_back() -> None:
    limiter = Limiter(RULES)
    limiter.count_orders("a", 2, NOW)

    limiter.refund_order("a")

    limiter.check_orders("a", 1, NOW)
