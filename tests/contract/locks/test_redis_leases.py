"""What only Redis can do to a lease: go away, or forget."""

import asyncio
from pathlib import Path

import pytest
from redis import Redis

from chimera.bus.server import PrivateRedis
from chimera.errors import LeaseLost, Unavailable
from chimera.locks import open_leases

RESOURCE = "orders:BTCUSDT-PERP"


async def test_tokens_grow_even_after_redis_lost_everything(redis_server: PrivateRedis) -> None:
    leases = open_leases(redis_server.url, holder="a")
    before = await leases.acquire("forgotten")
    assert before is not None

    with Redis(port=redis_server.port) as client:
        client.flushall()
        await asyncio.sleep(0.002)  # tokens count Redis's milliseconds
    after = await leases.acquire("forgotten")

    assert after is not None
    assert after.token > before.token
    with pytest.raises(LeaseLost):
        await before.renew()
    await leases.close()


async def test_lease_ends_in_an_outage_that_outlasts_it(tmp_path: Path) -> None:
    with PrivateRedis(tmp_path) as server:
        leases = open_leases(server.url, holder="a")
        lease = await leases.acquire(RESOURCE, ttl_ms=300)
        assert lease is not None
        keeping = asyncio.ensure_future(lease.keep())

        await asyncio.to_thread(server.kill)

        with pytest.raises(Unavailable):
            await leases.acquire("other")
        with pytest.raises(LeaseLost):
            await asyncio.wait_for(keeping, timeout=5)
        await leases.close()


async def test_lease_survives_an_outage_shorter_than_itself(tmp_path: Path) -> None:
    with PrivateRedis(tmp_path, append_only=True) as server:
        leases = open_leases(server.url, holder="a")
        lease = await leases.acquire(RESOURCE, ttl_ms=3_000)
        assert lease is not None
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

        # The first command may still meet the connection that died.
        try:
            await lease.renew()
        except Unavailable:
            await lease.renew()

        assert lease.held
        await leases.close()
