"""The factors over whole histories at once. So far only the tests use them, as the incremental form's check.

Every function maps arrays of shape (T,) float64, one element a bar, oldest first, to an array of the
same shape. NaN stands for unknown, on the way in and on the way out. No element depends on a later one.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]


def ema(close: FloatArray, length: int) -> FloatArray:
    """Average closes with exponential weights, from the mean of the first `length` on."""
    return _averaged(close, length, 2.0 / (length + 1))


def rsi(close: FloatArray, length: int) -> FloatArray:
    """Return Wilder's relative strength index, 0 to 100."""
    changes = np.diff(close)
    rises = _averaged(np.maximum(changes, 0.0), length, 1.0 / length)
    falls = _averaged(np.maximum(-changes, 0.0), length, 1.0 / length)
    moves = rises + falls
    share = np.divide(rises, moves, out=np.full_like(moves, np.nan), where=moves > 0.0)
    return _after_first(100.0 * share, close)


def atr(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    """Return Wilder's average true range, in the price's unit."""
    last = close[:-1]
    true_range = np.maximum(high[1:], last) - np.minimum(low[1:], last)
    return _after_first(_averaged(true_range, length, 1.0 / length), close)


def realised_volatility(close: FloatArray, length: int) -> FloatArray:
    """Return the sample standard deviation of the last `length` (>= 2) log returns."""
    result = np.full(close.shape, np.nan)
    if len(close) > length:
        returns = np.log(close[1:] / close[:-1])
        windows = np.lib.stride_tricks.sliding_window_view(returns, length)
        result[length:] = windows.std(axis=1, ddof=1)
    return result


def spread_bps(bid_px: FloatArray, ask_px: FloatArray) -> FloatArray:
    """Return the distance of the best quotes in basis points of their mid."""
    sane = (bid_px > 0.0) & (ask_px >= bid_px)
    mid = np.where(sane, (bid_px + ask_px) / 2.0, np.nan)
    result: FloatArray = 1e4 * (ask_px - bid_px) / mid
    return result


def depth_imbalance(bid_qty: FloatArray, ask_qty: FloatArray, length: int) -> FloatArray:
    """Return (bids - asks) / (bids + asks) over the best `length` levels.

    Parameters
    ----------
    bid_qty, ask_qty : (T, L) float64, base units, best level first; 0 where there is no level, a row
        of NaN where the book is unknown
    """
    bids = bid_qty[:, :length].sum(axis=1)
    asks = ask_qty[:, :length].sum(axis=1)
    total = bids + asks
    unknown = np.full(total.shape, np.nan)
    result: FloatArray = np.divide(bids - asks, total, out=unknown, where=total > 0.0)
    return result


def funding_rate(rate: FloatArray) -> FloatArray:
    """Return the rate due next: the factor is the input."""
    return rate.copy()


def _averaged(values: FloatArray, length: int, alpha: float) -> FloatArray:
    """Average exponentially, starting at index `length` - 1 with the plain mean up to there.

    The recurrence y[t] = (1 - a) y[t - 1] + a x[t] is solved for all t in log2(T) steps: after step k
    each element holds the weighted sum of the last 2**k terms, and takes over those of its
    predecessor 2**k before.
    """
    result = np.full(values.shape, np.nan)
    if len(values) < length:
        return result
    terms = alpha * values[length - 1 :]
    terms[0] = values[:length].mean()
    decay, step = 1.0 - alpha, 1
    while step < len(terms):
        terms[step:] += decay**step * terms[:-step]
        step *= 2
    result[length - 1 :] = terms
    return result


def _after_first(values: FloatArray, like: FloatArray) -> FloatArray:
    """Put the unknown first element back that taking differences lost."""
    result = np.full(like.shape, np.nan)
    result[1:] = values
    return result
