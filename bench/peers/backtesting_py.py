"""backtesting.py: indicators as arrays beforehand, then one call of the strategy a bar."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from apps.exchange.core.venue.feeds.klines import KlineRows
from bench.figures import Figure
from bench.machine import installed

ROUNDS = 2


def figure(rows: KlineRows) -> Figure:
    backtest = _prepare(rows)
    rate = 0.0
    for _ in range(ROUNDS):
        began = perf_counter()
        stats = backtest.run()
        rate = max(rate, len(rows.open_time) / (perf_counter() - began))
    name = f"backtesting.py {installed('backtesting')}, {stats['# Trades']} trades"
    return Figure(name=name, value=rate, unit="bars/s", ours=False)


def _prepare(rows: KlineRows) -> Any:
    import pandas as pd
    from backtesting import Backtest, Strategy

    def ema(values: Sequence[float], length: int) -> Any:
        return pd.Series(values).ewm(span=length, adjust=False).mean()

    def rsi(values: Sequence[float], length: int) -> Any:
        moves = pd.Series(values).diff()
        gains = moves.clip(lower=0).ewm(alpha=1 / length, adjust=False).mean()
        losses = (-moves.clip(upper=0)).ewm(alpha=1 / length, adjust=False).mean()
        return 100 - 100 / (1 + gains / losses)

    def atr(high: Sequence[float], low: Sequence[float], close: Sequence[float], n: int) -> Any:
        h, lo, before = pd.Series(high), pd.Series(low), pd.Series(close).shift()
        ranges = pd.concat([h - lo, (h - before).abs(), (lo - before).abs()], axis=1).max(axis=1)
        return ranges.ewm(alpha=1 / n, adjust=False).mean()

    class PullBack(Strategy):
        def init(self) -> None:
            d = self.data
            self.fast = self.I(ema, d.Close, 12)
            self.slow = self.I(ema, d.Close, 48)
            self.trend = self.I(ema, d.Close, 200)
            self.rsi = self.I(rsi, d.Close, 14)
            self.atr = self.I(atr, d.High, d.Low, d.Close, 14)

        def next(self) -> None:
            close = self.data.Close[-1]
            strength, distance = self.rsi[-1], 3 * self.atr[-1]
            if self.position:
                long = self.position.is_long
                if (long and strength > 70) or (not long and strength < 30):
                    self.position.close()
            elif self.fast[-1] > self.slow[-1] and close > self.trend[-1] and strength < 39:
                self.buy(size=1, sl=close - distance)
            elif self.fast[-1] < self.slow[-1] and close < self.trend[-1] and strength > 61:
                self.sell(size=1, sl=close + distance)

    frame = pd.DataFrame(
        {
            "Open": rows.open,
            "High": rows.high,
            "Low": rows.low,
            "Close": rows.close,
            "Volume": rows.volume,
        },
        index=pd.to_datetime(rows.open_time, unit="ms"),
    )
    return Backtest(frame, PullBack, cash=10_000_000, commission=0.0005, trade_on_close=True)
