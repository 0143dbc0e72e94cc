import pytest

from chimera.errors import LeaseLost
from chimera.locks import Fence


def test_fence_admits_the_same_and_higher_tokens() -> None:
    fence = Fence()

    for token in (3, 3, 4, 10):
        fence.admit("orders:BTCUSDT-PERP", token)


def test_fence_refuses_a_holder_that_slept_through_its_lease() -> None:
    fence = Fence()
    fence.admit("orders:BTCUSDT-PERP", 4)

    with pytest.raises(LeaseLost) as refused:
        fence.admit("orders:BTCUSDT-PERP", 3)

    assert refused.value.details == {"resource": "orders:BTCUSDT-PERP", "token": 3, "newest": 4}


def test_fence_keeps_resources_apart() -> None:
    fence = Fence()
    fence.admit("orders:BTCUSDT-PERP", 4)

    fence.admit("orders:ETHUSDT-PERP", 1)
