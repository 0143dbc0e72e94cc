"""backtrader: an event-driven backtester in plain Python."""

from time import perf_counter
from typing import Any

from apps.exchange.core.venue.feeds.klines import KlineRows
from bench.figures import Figure
from bench.machine import installed

BARS_MAX = 20_000  # it takes three seconds for these


def figure(rows: KlineRows) -> Figure:
    count = min(BARS_MAX, len(rows.open_time))
    engine = _prepare(rows, count)
    began = perf_counter()
    (strategy,) = engine.run()
    rate = count / (perf_counter() - began)
    name = f"backtrader {installed('backtrader')}, {strategy.trades} trades, {count:,} bars"
    return Figure(name=name, value=rate, unit="bars/s", ours=False)


def _prepare(rows: KlineRows, count: int) -> Any:
    import backtrader as bt
    import pandas as pd

    class PullBack(bt.Strategy):
        def __init__(self) -> None:
            close = self.data.close
            self.fast, self.slow, self.trend = (bt.ind.EMA(close, period=n) for n in (12, 48, 200))
            self.rsi, self.atr = bt.ind.RSI(close, period=14), bt.ind.ATR(period=14)
            self.guard: Any = None
            self.distance = 0.0
            self.trades = 0

        def next(self) -> None:
            close, strength = self.data.close[0], self.rsi[0]
            if self.position:
                held = self.position.size
                if (held > 0 and strength > 70) or (held < 0 and strength < 30):
                    self.cancel(self.guard)
                    self.close()
            elif self.fast[0] > self.slow[0] and close > self.trend[0] and strength < 39:
                self.distance = 3 * self.atr[0]
                self.buy(size=0.01)
            elif self.fast[0] < self.slow[0] and close < self.trend[0] and strength > 61:
                self.distance = 3 * self.atr[0]
                self.sell(size=0.01)

        def notify_order(self, order: Any) -> None:
            if order.status != order.Completed or not self.position or order is self.guard:
                return
            px, stop = order.executed.price, bt.Order.Stop
            if self.position.size > 0:
                self.guard = self.sell(size=0.01, exectype=stop, price=px - self.distance)
            else:
                self.guard = self.buy(size=0.01, exectype=stop, price=px + self.distance)

        def notify_trade(self, trade: Any) -> None:
            self.trades += trade.isclosed

    columns = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame(
        {name: getattr(rows, name)[:count] for name in columns},
        index=pd.to_datetime(rows.open_time[:count], unit="ms"),
    )
    engine = bt.Cerebro(stdstats=False)
    engine.adddata(bt.feeds.PandasData(dataname=frame, timeframe=bt.TimeFrame.Minutes))
    engine.addstrategy(PullBack)
    engine.broker.setcash(10_000_000)
    engine.broker.setcommission(commission=0.0005)
    return engine
