"""The mark as a float is the decimal mark, to the last bit, whatever the tick."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.venue import BTC, UM, venue

TICKS = ["0.1", "0.10", "0.01", "0.0001", "0.0000001", "1", "0.5", "0.05", "0.25", "10"]
prices = st.one_of(
    st.floats(min_value=1e-6, max_value=1e7),
    st.integers(1, 10**9).map(lambda n: n / 1_000),
    st.integers(1, 10**8).map(lambda n: (n + 0.5) / 10),  # halves of a tick
)


@pytest.mark.parametrize("tick", TICKS)
@given(price=prices)
def test_mark_told_is_the_mark(tick: str, price: float) -> None:
    listing = venue().listing(UM, BTC)
    filters = msgspec.structs.replace(listing.instrument.filters, tick_size=Decimal(tick))
    listing.instrument = msgspec.structs.replace(listing.instrument, filters=filters)
    listing.mark_px = price

    assert listing.mark is not None
    assert listing.mark_told == float(listing.mark)
