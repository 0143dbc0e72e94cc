"""Leases with fencing tokens: one worker per shard, and proof for whoever writes of who came last.

A lease alone cannot stop a worker that slept through its end. Its token can: tokens of a resource
only grow, so a writer that remembers the highest one refuses the sleeper (`Fence`).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from chimera.bus.backoff import Backoff, BackoffPolicy
from chimera.bus.connection import RedisLink
from chimera.errors import InvalidInput, LeaseLost, Transient

LEASE_TTL_MS = 10_000
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former counts suspended time

# Redis's clock is the floor of every token, so that they grow even when Redis lost its counters.
_ACQUIRE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local time = redis.call('TIME')
local floor = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local token = redis.call('INCR', KEYS[2])
if token < floor then
  token = floor
  redis.call('SET', KEYS[2], string.format('%.0f', token))
end
redis.call('SET', KEYS[1], string.format('%.0f', token) .. ' ' .. ARGV[1], 'PX', ARGV[2])
return token
"""
_RENEW = """
local held = redis.call('GET', KEYS[1])
if held ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class LeaseBackend(Protocol):
    """What keeps the leases: Redis, or memory in tests."""

    async def acquire(self, resource: str, holder: str, ttl_ms: int) -> int | None:
        """Return a token higher than any before, or None while somebody holds the resource."""
        ...

    async def renew(self, resource: str, holder: str, token: int, ttl_ms: int) -> bool:
        """Return whether the lease was still this holder's, and now is for `ttl_ms` more."""
        ...

    async def release(self, resource: str, holder: str, token: int) -> None:
        """Free the resource, if it is still this holder's."""
        ...

    async def last_token(self, resource: str) -> int:
        """Return the highest token given out, 0 when none was."""
        ...

    async def close(self) -> None: ...


class Lease:
    """The right to work on one resource, until it ends or is lost. Made by `Leases.acquire`.

    The local end is reckoned from before the request was sent, so it never comes after Redis's.
    """

    def __init__(
        self, backend: LeaseBackend, resource: str, holder: str, token: int, ttl_ms: int, end: float
    ) -> None:
        self.resource = resource
        self.holder = holder
        self.token = token
        self.ttl_ms = ttl_ms
        self._backend = backend
        self.end = end  # seconds, by the clock of `_now_s`

    @property
    def held(self) -> bool:
        """Whether the lease is certainly still ours; needs no Redis."""
        return _now_s() < self.end

    def require_held(self) -> None:
        """Raise `LeaseLost` unless the lease is certainly still ours. Cheap: call before each effect."""
        if not self.held:
            raise self._lost()

    async def renew(self) -> None:
        """Begin the lease's time anew.

        Raises
        ------
        LeaseLost
            It had ended, or somebody else holds the resource. Stop at once.
        Transient
            Redis cannot be reached, or writes nothing; the lease goes on until its present end.
        """
        self.require_held()
        end = _now_s() + self.ttl_ms / 1_000
        if not await self._backend.renew(self.resource, self.holder, self.token, self.ttl_ms):
            self.end = 0.0
            raise self._lost()
        self.end = end

    async def release(self) -> None:
        """Give the resource up, so that another need not wait. Harmless when it is lost already."""
        self.end = 0.0
        await self._backend.release(self.resource, self.holder, self.token)

    async def keep(self) -> NoReturn:
        """Renew for ever, three times in a lease's time; run it beside the work in one task group.

        Raises
        ------
        LeaseLost
            As soon as the lease is lost, an outage longer than the lease included.
        """
        pauses = Backoff(BackoffPolicy(initial_ms=20, cap_ms=max(20, self.ttl_ms // 10)))
        while True:
            await asyncio.sleep(self.ttl_ms / 3_000)
            while True:
                try:
                    await self._renew_in_time()
                    break
                except Transient:
                    await asyncio.sleep(pauses.next_s())
            pauses.reset()

    async def _renew_in_time(self) -> None:
        """Renew, but do not wait for an answer beyond the lease's end."""
        try:
            await asyncio.wait_for(self.renew(), max(0.0, self.end - _now_s()))
        except TimeoutError as error:
            raise self._lost() from error

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"the lease on {self.resource} is lost",
            resource=self.resource,
            holder=self.holder,
            token=self.token,
        )


class Tenure:
    """Several leases held as one. Made by `Leases.acquire_all`; `tokens` are by resource."""

    def __init__(self, leases: Sequence[Lease]) -> None:
        self._leases = tuple(leases)
        self.tokens = {lease.resource: lease.token for lease in leases}

    @property
    def held(self) -> bool:
        """Whether every lease is certainly still ours."""
        now = _now_s()
        return all(now < lease.end for lease in self._leases)

    def require_held(self) -> None:
        """Raise `LeaseLost` unless every lease is certainly still ours; needs no Redis."""
        now = _now_s()
        for lease in self._leases:
            if now >= lease.end:
                lease.require_held()

    async def keep(self) -> None:
        """Renew all for ever; raises `LeaseLost` as soon as one is lost."""
        keeping = [asyncio.ensure_future(lease.keep()) for lease in self._leases]
        try:
            done, _ = await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    async def release(self) -> None:
        """Give all up. What cannot be given up ends by itself."""
        for lease in self._leases:
            with suppress(Transient):
                await lease.release()


class Leases:
    """Where leases come from. `holder` names this process and start, so that two never share it."""

    def __init__(self, backend: LeaseBackend, *, holder: str) -> None:
        self._backend = backend
        self._holder = holder

    async def acquire(self, resource: str, *, ttl_ms: int = LEASE_TTL_MS) -> Lease | None:
        """Take the lease on a resource, or return None while somebody, even we, hold it.

        Raises
        ------
        InvalidInput
            The name holds braces or spaces, or `ttl_ms` is below 1.
        Unavailable
            Redis cannot be reached. If it granted the lease all the same, that ends by itself.
        """
        _check(resource, ttl_ms)
        end = _now_s() + ttl_ms / 1_000
        token = await self._backend.acquire(resource, self._holder, ttl_ms)
        if token is None:
            return None
        return Lease(self._backend, resource, self._holder, token, ttl_ms, end)

    async def acquire_all(
        self, resources: Sequence[str], *, ttl_ms: int = LEASE_TTL_MS
    ) -> Tenure | None:
        """Take all leases or none; return None while somebody holds one of them.

        Nothing is waited for while another is held, and whoever names shared resources in the same
        order loses to one rival at most; raises as `acquire`.
        """
        taken: list[Lease] = []
        complete = False
        try:
            for resource in resources:
                lease = await self.acquire(resource, ttl_ms=ttl_ms)
                if lease is None:
                    return None
                taken.append(lease)
            complete = True
            return Tenure(taken)
        finally:
            if not complete:
                await Tenure(taken).release()

    async def newest_token(self, resource: str) -> int:
        """Return the highest token given out for the resource, 0 when none was."""
        return await self._backend.last_token(resource)

    async def close(self) -> None:
        """Release connections; leases end by themselves."""
        await self._backend.close()


class Fence:
    """Refuses stale holders at the place where they write. Pure; its owner keeps it with the data."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}

    def learn(self, resource: str, token: int) -> None:
        """Admit none with a lower token than one that was given out."""
        self._highest[resource] = max(token, self._highest.get(resource, 0))

    def admit(self, resource: str, token: int) -> None:
        """Let a write with `token` pass, and from now on none with a lower one.

        Raises
        ------
        LeaseLost
            A higher token has written already.
        """
        highest = self._highest.get(resource, 0)
        if token < highest:
            raise _stale(resource, token, highest)
        self._highest[resource] = token


class RedisLeases:
    """Leases in Redis; a resource's keys share a slot. See `LeaseBackend`."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def acquire(self, resource: str, holder: str, ttl_ms: int) -> int | None:
        lease, counter = _lease_key(resource), _counter_key(resource)
        token: int | None = await self._link.execute(
            lease, "EVAL", _ACQUIRE, 2, lease, counter, holder, ttl_ms
        )
        return token

    async def renew(self, resource: str, holder: str, token: int, ttl_ms: int) -> bool:
        lease = _lease_key(resource)
        renewed: int = await self._link.execute(
            lease, "EVAL", _RENEW, 1, lease, f"{token} {holder}", ttl_ms
        )
        return renewed == 1

    async def release(self, resource: str, holder: str, token: int) -> None:
        lease = _lease_key(resource)
        await self._link.execute(lease, "EVAL", _RELEASE, 1, lease, f"{token} {holder}")

    async def last_token(self, resource: str) -> int:
        counter = _counter_key(resource)
        return int(await self._link.execute(counter, "GET", counter) or 0)

    async def close(self) -> None:
        await self._link.close()


@dataclass(slots=True)
class _Held:
    holder: str
    token: int
    end: float


@dataclass(slots=True)
class MemoryLeases:
    """Leases in one process, for tests and single-process runs. See `LeaseBackend`."""

    monotonic_s: Callable[[], float] = time.monotonic
    _held: dict[str, _Held] = field(default_factory=dict)
    _tokens: dict[str, int] = field(default_factory=dict)

    async def acquire(self, resource: str, holder: str, ttl_ms: int) -> int | None:
        now = self.monotonic_s()
        held = self._held.get(resource)
        if held is not None and now < held.end:
            return None
        self._tokens[resource] = token = self._tokens.get(resource, 0) + 1
        self._held[resource] = _Held(holder, token, now + ttl_ms / 1_000)
        return token

    async def renew(self, resource: str, holder: str, token: int, ttl_ms: int) -> bool:
        now = self.monotonic_s()
        held = self._held.get(resource)
        if held is None or (held.holder, held.token) != (holder, token) or now >= held.end:
            return False
        held.end = now + ttl_ms / 1_000
        return True

    async def release(self, resource: str, holder: str, token: int) -> None:
        held = self._held.get(resource)
        if held is not None and (held.holder, held.token) == (holder, token):
            del self._held[resource]

    async def last_token(self, resource: str) -> int:
        return self._tokens.get(resource, 0)

    async def close(self) -> None:
        return


def open_leases(url: str, *, holder: str) -> Leases:
    """Open leases kept at a Redis URL, as `chimera.bus.open_bus` reads it, or at ``memory://``."""
    backend: LeaseBackend = MemoryLeases() if url == "memory://" else RedisLeases(RedisLink(url))
    return Leases(backend, holder=holder)


def _now_s() -> float:
    return time.clock_gettime(_CLOCK)


def _lease_key(resource: str) -> str:
    return f"lease:{{{resource}}}"


def _counter_key(resource: str) -> str:
    return f"lease:{{{resource}}}:token"


def _check(resource: str, ttl_ms: int) -> None:
    if not resource or any(character in "{} \n" for character in resource):
        raise InvalidInput("a resource's name has no braces or spaces", field="resource")
    if ttl_ms < 1:
        raise InvalidInput(f"a lease lasts at least 1 ms, not {ttl_ms}", field="ttl_ms")


def _stale(resource: str, token: int, newest: int) -> LeaseLost:
    return LeaseLost(
        f"token {token} on {resource} is stale: {newest} was given out",
        resource=resource,
        token=token,
        newest=newest,
    )
