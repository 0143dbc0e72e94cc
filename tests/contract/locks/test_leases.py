"""Leases and fencing tokens: one contract for memory, a Redis node and a Redis Cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest
import pytest_asyncio

from chimera.bus.connection import RedisLink
from chimera.errors import InvalidInput, LeaseLost
from chimera.locks import Lease, LeaseBackend, Leases, MemoryLeases, RedisLeases

RESOURCE = "orders:BTCUSDT-PERP"
OpenLeases = Callable[[str], Leases]


@pytest_asyncio.fixture(params=["memory", "redis", "cluster"])
async def open_as(request: pytest.FixtureRequest) -> AsyncIterator[OpenLeases]:
    """Open leases over one shared backend under a holder's name."""
    backend: LeaseBackend
    if request.param == "memory":
        backend = MemoryLeases()
    elif request.param == "redis":
        backend = RedisLeases(RedisLink(request.getfixturevalue("redis_url")))
    else:
        backend = RedisLeases(RedisLink(request.getfixturevalue("redis_cluster").url))
    yield lambda holder: Leases(backend, holder=holder)
    # The backends outlive a test, so that tokens are seen to grow over all of them.
    for holder in ("a", "b"):
        await backend.release(RESOURCE, holder, await backend.last_token(RESOURCE))
    await backend.close()


async def test_acquire_while_another_holds_it_returns_none(open_as: OpenLeases) -> None:
    first = await open_as("a").acquire(RESOURCE)

    assert first is not None
    assert first.held
    assert await open_as("b").acquire(RESOURCE) is None
    assert await open_as("a").acquire(RESOURCE) is None


async def test_acquire_by_many_at_once_grants_one(open_as: OpenLeases) -> None:
    granted = await asyncio.gather(*(open_as("a").acquire(RESOURCE) for _ in range(20)))

    assert sum(lease is not None for lease in granted) == 1


async def test_tokens_of_a_resource_only_grow(open_as: OpenLeases) -> None:
    tokens = []
    for holder in ("a", "b", "a", "a", "b"):
        lease = await open_as(holder).acquire(RESOURCE)
        assert lease is not None
        tokens.append(lease.token)
        await lease.release()

    assert all(earlier < later for earlier, later in pairwise(tokens))


async def test_lease_not_renewed_goes_to_another(open_as: OpenLeases) -> None:
    first = await open_as("a").acquire(RESOURCE, ttl_ms=30)
    assert first is not None

    second = await _acquire_when_free(open_as("b"))

    assert second.token > first.token
    assert not first.held
    with pytest.raises(LeaseLost):
        first.require_held()
    with pytest.raises(LeaseLost):
        await first.renew()


async def test_renewed_lease_outlives_its_first_end(open_as: OpenLeases) -> None:
    lease = await open_as("a").acquire(RESOURCE, ttl_ms=2_000)
    assert lease is not None
    lease.ttl_ms = 60_000

    await lease.renew()
    await asyncio.sleep(2.1)

    lease.require_held()
    assert await open_as("b").acquire(RESOURCE) is None


async def test_release_by_a_stale_holder_leaves_the_new_one_alone(open_as: OpenLeases) -> None:
    first = await open_as("a").acquire(RESOURCE, ttl_ms=30)
    assert first is not None
    second = await _acquire_when_free(open_as("b"))

    await first.release()

    await second.renew()
    assert await open_as("a").acquire(RESOURCE) is None


async def test_keep_holds_the_lease_until_cancelled(open_as: OpenLeases) -> None:
    lease = await open_as("a").acquire(RESOURCE, ttl_ms=1_000)
    assert lease is not None

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lease.keep(), timeout=2.2)

    assert lease.held


async def test_keep_raises_once_the_lease_is_taken_away(open_as: OpenLeases) -> None:
    lease = await open_as("a").acquire(RESOURCE, ttl_ms=2_000)
    assert lease is not None
    token = lease.token
    keeping = asyncio.ensure_future(lease.keep())

    await open_as("a")._backend.release(RESOURCE, "a", token)

    with pytest.raises(LeaseLost):
        await asyncio.wait_for(keeping, timeout=5)
    assert not lease.held


async def test_newest_token_is_the_last_given_out(open_as: OpenLeases) -> None:
    leases = open_as("a")
    first = await leases.acquire(RESOURCE)
    assert first is not None
    assert await leases.newest_token(RESOURCE) == first.token
    await first.release()
    second = await leases.acquire(RESOURCE)
    assert second is not None

    assert await leases.newest_token(RESOURCE) == second.token


async def test_acquire_all_takes_all_or_none(open_as: OpenLeases) -> None:
    held = await open_as("a").acquire(RESOURCE)
    assert held is not None
    both = ["orders:A", RESOURCE]

    assert await open_as("b").acquire_all(both) is None
    await held.release()
    tenure = await open_as("b").acquire_all(both)  # so the first was not kept

    assert tenure is not None
    assert set(tenure.tokens) == set(both)
    assert tenure.held
    await tenure.release()
    with pytest.raises(LeaseLost):
        tenure.require_held()


@pytest.mark.parametrize("resource", ["", "a b", "orders:{BTC}"])
async def test_acquire_of_an_unusable_name_is_refused(open_as: OpenLeases, resource: str) -> None:
    with pytest.raises(InvalidInput, match="resource"):
        await open_as("a").acquire(resource)


async def test_acquire_without_duration_is_refused(open_as: OpenLeases) -> None:
    with pytest.raises(InvalidInput, match="ms"):
        await open_as("a").acquire(RESOURCE, ttl_ms=0)


async def _acquire_when_free(leases: Leases) -> Lease:
    async with asyncio.timeout(5):
        while True:
            lease = await leases.acquire(RESOURCE)
            if lease is not None:
                return lease
            await asyncio.sleep(0.005)
