"""Each factor against numbers from outside our code: published tables and sums done by hand."""

import math

import pytest

from apps.features.core.factors import FAMILIES, make_factor, required_bars
from chimera.bundles import FactorKind, FactorSpec
from chimera.errors import ConfigInvalid
from chimera.events.features import MarketInputs
from tests.support.bars import bar, bars, bundle

# StockCharts ChartSchool, "Relative Strength Index (RSI)": the worked 14-day table of QQQQ.
RSI_CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931,
    46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521,
    45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
]  # fmt: skip
RSI_VALUES = [
    70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46,
    41.87, 45.46, 37.30, 33.08, 37.77,
]  # fmt: skip

# StockCharts ChartSchool, "Moving Averages": the worked 10-day table of INTC.
EMA_CLOSES = [
    22.27, 22.19, 22.08, 22.17, 22.18, 22.13, 22.23, 22.43, 22.24, 22.29, 22.15, 22.39, 22.38, 22.61,
    23.36, 24.05, 23.75, 23.83, 23.95, 23.63,
]  # fmt: skip
EMA_VALUES = [22.22, 22.21, 22.24, 22.27, 22.33, 22.52, 22.80, 22.97, 23.13, 23.28, 23.34]


def over(kind: FactorKind, length: int, inputs: list[MarketInputs]) -> list[float | None]:
    factor = make_factor(FactorSpec(name="f", kind=kind, length=length))
    return [factor.update(each) for each in inputs]


def over_closes(kind: FactorKind, length: int, closes: list[float]) -> list[float | None]:
    return over(kind, length, [MarketInputs(bar=each) for each in bars(closes)])


def test_rsi_of_the_published_table_matches_it():
    values = over_closes(FactorKind.RSI, 14, RSI_CLOSES)
    assert values[:14] == [None] * 14
    assert values[14:] == pytest.approx(RSI_VALUES, abs=0.006)


def test_rsi_of_only_rising_closes_is_100_and_of_only_falling_0():
    assert over_closes(FactorKind.RSI, 2, [1.0, 2.0, 3.0])[-1] == 100.0
    assert over_closes(FactorKind.RSI, 2, [3.0, 2.0, 1.0])[-1] == 0.0


def test_rsi_of_closes_that_never_differ_is_unknown():
    assert over_closes(FactorKind.RSI, 2, [5.0] * 6) == [None] * 6


def test_ema_of_the_published_table_matches_it():
    values = over_closes(FactorKind.EMA, 10, EMA_CLOSES)
    assert values[:9] == [None] * 9
    assert values[9:] == pytest.approx(EMA_VALUES, abs=0.006)


def test_ema_of_length_one_is_the_close():
    assert over_closes(FactorKind.EMA, 1, [3.0, 1.0, 4.0]) == [3.0, 1.0, 4.0]


def test_atr_of_a_hand_worked_example_matches_it():
    # True ranges: unknown; 12 - 9 = 3; up from a close of 11: 15 - 11 = 4; down from 14.5: 14.5 - 7 =
    # 7.5; 9 - 7 = 2. Length 2: (3 + 4) / 2 = 3.5; (3.5 + 7.5) / 2 = 5.5; (5.5 + 2) / 2 = 3.75.
    rows = [(11, 9, 10), (12, 9, 11), (15, 14, 14.5), (9, 7, 8), (9, 7, 8)]
    inputs = [
        MarketInputs(bar=bar(i, close, high=high, low=low))
        for i, (high, low, close) in enumerate(rows)
    ]
    assert over(FactorKind.ATR, 2, inputs) == [None, None, 3.5, 5.5, 3.75]


def test_realised_volatility_is_the_sample_deviation_of_log_returns():
    # Returns ln 2, -ln 2, ln 2: mean ln 2 / 3, squared deviations (4 + 16 + 4) / 9 (ln 2)^2, over 2.
    value = over_closes(FactorKind.REALISED_VOLATILITY, 3, [1.0, 2.0, 1.0, 2.0])
    assert value[:3] == [None] * 3
    assert value[3] == pytest.approx(math.log(2) * math.sqrt(24 / 9 / 2), rel=1e-12)


def test_realised_volatility_after_a_crash_left_the_window_has_no_trace_of_it():
    calm = [100.0 * (1.0 + 1e-7 * (i % 2)) for i in range(50)]
    crashed = over_closes(FactorKind.REALISED_VOLATILITY, 20, [1e9, *calm])
    undisturbed = over_closes(FactorKind.REALISED_VOLATILITY, 20, calm)
    assert crashed[-1] == undisturbed[-1]


def test_spread_is_in_basis_points_of_the_mid():
    quoted = MarketInputs(bar=bar(0, 1.0), bid_px=99.0, ask_px=101.0)
    assert over(FactorKind.SPREAD_BPS, 1, [quoted]) == [200.0]


@pytest.mark.parametrize(("bid", "ask"), [(None, 1.0), (1.0, None), (2.0, 1.0), (0.0, 1.0)])
def test_spread_of_missing_or_impossible_quotes_is_unknown(bid, ask):
    quoted = MarketInputs(bar=bar(0, 1.0), bid_px=bid, ask_px=ask)
    assert over(FactorKind.SPREAD_BPS, 1, [quoted]) == [None]


def test_depth_imbalance_counts_only_the_best_levels():
    book = MarketInputs(
        bar=bar(0, 1.0), bids=((9.0, 3.0), (8.0, 1.0), (7.0, 99.0)), asks=((10.0, 1.0), (11.0, 0.0))
    )
    assert over(FactorKind.DEPTH_IMBALANCE, 2, [book]) == [(4.0 - 1.0) / 5.0]


@pytest.mark.parametrize(("bids", "asks"), [(None, None), ((), ()), (((9.0, 0.0),), ())])
def test_depth_imbalance_without_any_quantity_is_unknown(bids, asks):
    book = MarketInputs(bar=bar(0, 1.0), bids=bids, asks=asks)
    assert over(FactorKind.DEPTH_IMBALANCE, 5, [book]) == [None]


def test_funding_rate_is_what_the_exchange_says_or_unknown():
    known = MarketInputs(bar=bar(0, 1.0), funding_rate=-0.0003)
    assert over(FactorKind.FUNDING_RATE, 1, [known, MarketInputs(bar=bar(1, 1.0))]) == [
        -0.0003,
        None,
    ]


@pytest.mark.parametrize("kind", FactorKind)
@pytest.mark.parametrize("length", [2, 3, 14])
def test_factor_over_bars_is_unknown_until_its_declared_window_is_full(kind, length):
    window = FAMILIES[kind].window(length)
    values = over_closes(kind, length, [100.0 + i % 3 for i in range(window + 2)])
    assert all(value is None for value in values[: max(window - 1, 0)])
    if window:
        assert None not in values[window - 1 :]


@pytest.mark.parametrize("kind", [FactorKind.EMA, FactorKind.RSI, FactorKind.ATR])
def test_warm_up_bars_make_the_start_of_a_long_memory_negligible(kind):
    need = FAMILIES[kind].warm_up_bars(14)
    calm = [100.0 + i % 3 for i in range(need)]
    wild = [1_000.0, 1.0] * 50 + calm
    settled, long = over_closes(kind, 14, calm)[-1], over_closes(kind, 14, wild)[-1]
    scale = 1_000.0 if kind is not FactorKind.RSI else 100.0 * 1_000.0
    assert abs(settled - long) <= 1e-4 * scale


def test_required_bars_are_those_of_the_most_demanding_factor():
    specs = [
        FactorSpec(name="fast", kind=FactorKind.EMA, length=5),
        FactorSpec(name="spread", kind=FactorKind.SPREAD_BPS),
        FactorSpec(name="rv", kind=FactorKind.REALISED_VOLATILITY, length=400),
    ]
    assert required_bars(bundle(specs)) == 401
    assert required_bars(bundle(specs[1:2])) == 0


def test_make_factor_of_a_length_without_meaning_is_refused():
    with pytest.raises(ConfigInvalid, match="at least 2"):
        make_factor(FactorSpec(name="rv", kind=FactorKind.REALISED_VOLATILITY, length=1))
