"""How the console writes times."""

import pytest

from apps.gateway.templatetags.console import moment


def test_moment_is_written_in_utc_for_people_and_machines() -> None:
    assert "2025-06-01 00:00:00 UTC" in moment(1_748_736_000_000)
    assert 'data-ms="1748736000000"' in moment(1_748_736_000_000)


@pytest.mark.parametrize("ts", [1_748_736_000_000_000, 2**63, 10**400, -(10**18)])
def test_moment_beyond_all_calendars_does_not_take_the_page_with_it(ts: int) -> None:
    assert str(ts) in moment(ts)
