"""`manage.py run` follows the active bundle while it works."""

import asyncio
from types import SimpleNamespace

import pytest

from apps.exchange.worker import HISTORY_BARS_MIN
from apps.health.management.commands import run
from chimera.bundles import Bundle, FactorKind, FactorSpec
from chimera.events import BundleActivated
from chimera.store.memory import MemoryStore
from tests.support.bars import activation, bundle


class Runtime:
    """Keeps what it was told of."""

    def __init__(self) -> None:
        self.learned: list[int] = []

    def learn(self, event: BundleActivated) -> None:
        self.learned.append(event.generation)


class Exchange:
    def __init__(self, stopping: asyncio.Event) -> None:
        self.asked: list[int] = []
        self._stopping = stopping

    def require_history(self, bars: int) -> None:
        self.asked.append(bars)
        self._stopping.set()


def following(
    active: Bundle,
    running: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    *,
    held: frozenset[str] = frozenset(),
    followed: frozenset[str] = frozenset(),
) -> SimpleNamespace:
    """Follow until the worker is to end, or the exchange was asked for history."""
    monkeypatch.setattr(run, "symbols_in_hand", lambda store: held)
    monkeypatch.setattr(run, "MARKET_CHECK_S", 0.01)
    monkeypatch.setattr(run, "activation_active", lambda: activation(active, generation=2))

    async def follow() -> SimpleNamespace:
        stopping, ending = asyncio.Event(), asyncio.Event()
        exchange, runtime = Exchange(stopping), Runtime()
        market = run._Market(activation(running), followed)
        work = run._follow(market, MemoryStore(), ending, stopping, runtime, exchange)
        await asyncio.wait_for(work, timeout=5)
        return SimpleNamespace(ended=ending.is_set(), asked=exchange.asked, learned=runtime.learned)

    return asyncio.run(follow())


def test_bundle_that_looks_further_back_brings_a_longer_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    longer = bundle([FactorSpec(name="slow", kind=FactorKind.EMA, length=200)])

    assert following(longer, bundle(), monkeypatch).asked == [1_122]
    assert HISTORY_BARS_MIN < 1_122, "or nothing would have to be loaded"


def test_generation_that_was_never_announced_is_taken_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert following(bundle(), bundle(), monkeypatch).learned == [2]


def test_bundle_of_other_symbols_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    other = bundle(symbols=("ETHUSDT-PERP",))

    followed = following(other, bundle(), monkeypatch)

    assert (followed.ended, followed.asked) == (True, [])


def test_something_held_in_a_symbol_not_followed_ends_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = frozenset({"ADAUSDT-PERP"})

    assert following(bundle(), bundle(), monkeypatch, held=held).asked == []
    assert following(bundle(), bundle(), monkeypatch, held=held, followed=held).asked
    assert following(bundle(), bundle(), monkeypatch, followed=held).asked, "less is no reason"


def test_what_was_held_once_is_followed_on_though_it_is_flat_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "symbols_in_hand", lambda store: frozenset())
    monkeypatch.setattr(run, "activation_active", lambda: activation(bundle()))

    market = run._market(MemoryStore(), frozenset({"ADAUSDT-PERP"}))

    assert market is not None
    assert "ADAUSDT-PERP" in market.symbols
