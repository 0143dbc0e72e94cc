"""nautilus_trader: cores in Rust and Cython, strategy in Python, orders matched by its simulated exchange."""

from decimal import Decimal
from time import perf_counter
from typing import Any

from apps.exchange.core.venue.feeds.klines import KlineRows
from bench.figures import Figure
from bench.machine import installed

ROUNDS = 2


def figure(rows: KlineRows) -> Figure:
    rate = 0.0
    for _ in range(ROUNDS):
        engine = _prepare(rows)
        began = perf_counter()
        engine.run()
        rate = max(rate, len(rows.open_time) / (perf_counter() - began))
        fills = sum(order.is_closed and order.filled_qty > 0 for order in engine.cache.orders())
        engine.dispose()
    name = f"nautilus_trader {installed('nautilus_trader')}, {fills} fills"
    return Figure(name=name, value=rate, unit="bars/s", ours=False)


def _prepare(rows: KlineRows) -> Any:
    import pandas as pd
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.indicators import (
        AverageTrueRange,
        ExponentialMovingAverage,
        RelativeStrengthIndex,
    )
    from nautilus_trader.indicators.averages import MovingAverageType
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy

    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")

    class PullBack(Strategy):
        def on_start(self) -> None:
            wilder = MovingAverageType.WILDER
            self.fast = ExponentialMovingAverage(12)
            self.slow = ExponentialMovingAverage(48)
            self.trend = ExponentialMovingAverage(200)
            self.rsi = RelativeStrengthIndex(14, wilder)
            self.atr = AverageTrueRange(14, wilder)
            self.stop_distance = 0.0
            for indicator in (self.fast, self.slow, self.trend, self.rsi, self.atr):
                self.register_indicator_for_bars(kind, indicator)
            self.subscribe_bars(kind)

        def on_bar(self, bar: Any) -> None:
            if not self.indicators_initialized():
                return
            close, strength = float(bar.close), 100 * self.rsi.value
            net = self.portfolio.net_position(instrument.id)
            if net:
                if (net > 0 and strength > 70) or (net < 0 and strength < 30):
                    self.cancel_all_orders(instrument.id)
                    self.close_all_positions(instrument.id)
            elif self.fast.value > self.slow.value and close > self.trend.value and strength < 39:
                self._enter(OrderSide.BUY)
            elif self.fast.value < self.slow.value and close < self.trend.value and strength > 61:
                self._enter(OrderSide.SELL)

        def _enter(self, side: OrderSide) -> None:
            self.stop_distance = 3 * self.atr.value
            qty = instrument.make_qty(Decimal("0.010"))
            self.submit_order(self.order_factory.market(instrument.id, side, qty))

        def on_position_opened(self, opened: Any) -> None:
            long = opened.entry == OrderSide.BUY
            distance = -self.stop_distance if long else self.stop_distance
            self.submit_order(
                self.order_factory.stop_market(
                    instrument.id,
                    OrderSide.SELL if long else OrderSide.BUY,
                    opened.quantity,
                    instrument.make_price(opened.avg_px_open + distance),
                    reduce_only=True,
                )
            )

        def on_position_closed(self, closed: Any) -> None:
            self.cancel_all_orders(instrument.id)

    frame = pd.DataFrame(
        {"open": rows.open, "high": rows.high, "low": rows.low, "close": rows.close},
        index=pd.to_datetime(rows.open_time, unit="ms", utc=True),
    )
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USDT,
        starting_balances=[Money(1_000_000, USDT)],
    )
    engine.add_instrument(instrument)
    engine.add_data(BarDataWrangler(kind, instrument).process(frame))
    engine.add_strategy(PullBack())
    return engine
