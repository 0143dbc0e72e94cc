"""Incremental factors equal their batch form, and neither form sees the future."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.features.core.factors import batch, make_factor
from chimera.bundles import FactorKind, FactorSpec
from chimera.events.features import MarketInputs
from chimera.events.market import BarClosed
from tests.support.bars import bar, recorded_bars

Batch = Callable[[list[BarClosed], int], np.ndarray]


def column(content: list[BarClosed], name: str) -> np.ndarray:
    return np.array([getattr(each, name) for each in content])


BATCH: dict[FactorKind, Batch] = {
    FactorKind.EMA: lambda bars, n: batch.ema(column(bars, "close"), n),
    FactorKind.RSI: lambda bars, n: batch.rsi(column(bars, "close"), n),
    FactorKind.ATR: lambda bars, n: batch.atr(
        column(bars, "high"), column(bars, "low"), column(bars, "close"), n
    ),
    FactorKind.REALISED_VOLATILITY: lambda bars, n: batch.realised_volatility(
        column(bars, "close"), n
    ),
}

prices = st.floats(1e-3, 1e5)
walks = st.lists(st.floats(-0.05, 0.05), min_size=1, max_size=120).map(
    lambda moves: list(100.0 * np.cumprod(1.0 + np.array(moves)))
)
wicks = st.tuples(st.floats(0.0, 0.02), st.floats(0.0, 0.02))


@st.composite
def bar_lists(draw: st.DrawFn) -> list[BarClosed]:
    closes = draw(walks)
    wick = draw(st.lists(wicks, min_size=len(closes), max_size=len(closes)))
    return [
        bar(i, float(close), high=float(close) * (1 + up), low=float(close) * (1 - down))
        for i, (close, (up, down)) in enumerate(zip(closes, wick, strict=True))
    ]


def incremental(kind: FactorKind, content: list[MarketInputs], length: int) -> np.ndarray:
    factor = make_factor(FactorSpec(name="f", kind=kind, length=length))
    values = [factor.update(each) for each in content]
    return np.array([math.nan if value is None else value for value in values])


def over_bars(kind: FactorKind, content: list[BarClosed], length: int) -> np.ndarray:
    return incremental(kind, [MarketInputs(bar=each) for each in content], length)


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    # What cancels in a subtraction leaves an absolute error of the operands' last bits.
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("kind", BATCH)
@given(content=bar_lists(), length=st.integers(2, 30))
@settings(max_examples=60)
def test_incremental_equals_batch_on_any_walk(kind, content, length):
    assert_same(over_bars(kind, content, length), BATCH[kind](content, length))


@pytest.mark.parametrize("kind", BATCH)
@pytest.mark.parametrize("length", [2, 14, 300])
def test_incremental_equals_batch_on_recorded_bars(kind, length, data_dir):
    content = recorded_bars(data_dir, count=20_000)
    assert_same(over_bars(kind, content, length), BATCH[kind](content, length))


@pytest.mark.parametrize("kind", BATCH)
def test_values_do_not_change_when_the_future_is_cut_off(kind, data_dir):
    content = recorded_bars(data_dir, "SOLUSDT-PERP", count=600)
    live, whole = over_bars(kind, content, 14), BATCH[kind](content, 14)
    for cut in range(1, 600, 37):
        np.testing.assert_array_equal(over_bars(kind, content[:cut], 14), live[:cut])
        assert_same(BATCH[kind](content[:cut], 14), whole[:cut])


quotes = st.none() | st.tuples(prices, prices)


@given(st.lists(quotes, min_size=1, max_size=50))
def test_spread_equals_batch_on_any_quotes(content):
    inputs = [
        MarketInputs(bar=bar(i, 1.0), **({"bid_px": q[0], "ask_px": q[1]} if q else {}))
        for i, q in enumerate(content)
    ]
    pairs = np.array([q or (math.nan, math.nan) for q in content])
    assert_same(
        incremental(FactorKind.SPREAD_BPS, inputs, 1), batch.spread_bps(pairs[:, 0], pairs[:, 1])
    )


LEVELS = 4
quantities = st.lists(st.floats(0.0, 1e4), min_size=LEVELS, max_size=LEVELS)
books = st.none() | st.tuples(quantities, quantities)


@given(st.lists(books, min_size=1, max_size=30), st.integers(1, 6))
def test_depth_imbalance_equals_batch_on_any_book(content, length):
    def levels(quantities: list[float]) -> tuple[tuple[float, float], ...]:
        return tuple((1.0 + i, qty) for i, qty in enumerate(quantities))

    inputs = [
        MarketInputs(bar=bar(i, 1.0), **({"bids": levels(b[0]), "asks": levels(b[1])} if b else {}))
        for i, b in enumerate(content)
    ]
    unknown = [math.nan] * LEVELS
    bids, asks = (np.array([b[side] if b else unknown for b in content]) for side in (0, 1))
    assert_same(
        incremental(FactorKind.DEPTH_IMBALANCE, inputs, length),
        batch.depth_imbalance(bids, asks, length),
    )


@given(st.lists(st.none() | st.floats(-0.03, 0.03), min_size=1, max_size=30))
def test_funding_rate_equals_batch_on_any_rates(content):
    inputs = [MarketInputs(bar=bar(i, 1.0), funding_rate=rate) for i, rate in enumerate(content)]
    rates = np.array([math.nan if rate is None else rate for rate in content])
    assert_same(incremental(FactorKind.FUNDING_RATE, inputs, 1), batch.funding_rate(rates))
