"""Netting loses and invents nothing: what is realised and what is open add up to the money that flowed."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from chimera.instruments import Side
from chimera.money import ZERO
from chimera.netting import net_fill

steps = st.integers(min_value=1, max_value=10**6)
quantities = steps.map(lambda n: n * Decimal("0.001"))
prices = steps.map(lambda n: n * Decimal("0.1"))
fills = st.lists(st.tuples(st.sampled_from(list(Side)), quantities, prices), max_size=40)


@given(fills, prices)
def test_realised_and_unrealised_are_the_money_that_flowed(
    fills: list[tuple[Side, Decimal, Decimal]], mark: Decimal
) -> None:
    qty, entry, realised, flowed = ZERO, ZERO, ZERO, ZERO
    for side, last_qty, px in fills:
        before = qty
        qty, entry, closed, begins, grows = net_fill(
            qty, entry_before := entry, side=side, last_qty=last_qty, last_px=px
        )
        realised += (px - entry_before) * closed * -side.sign
        flowed -= last_qty * side.sign * px
        assert qty == before + last_qty * side.sign
        assert closed == (min(last_qty, abs(before)) if before * side.sign < 0 else 0)
        assert begins == (qty != 0 and before * qty <= 0)
        assert grows == (begins or abs(qty) > abs(before))
        assert (entry == 0) == (qty == 0)

    drift = realised + (mark - entry) * qty - (flowed + mark * qty)
    assert abs(drift) < Decimal("1e-9"), "an average has 28 digits"
