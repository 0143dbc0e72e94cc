"""Builders of bars, quotes and the like, and of bundles over them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from chimera.bundles import Bundle, FactorKind, FactorSpec, RuleAction, RuleSpec, bundle_hash
from chimera.clock import INTERVALS, MINUTE, Millis
from chimera.events.config import BundleActivated
from chimera.events.market import (
    BarClosed,
    DepthChanged,
    HistoryLoaded,
    Level,
    MarkPriceChanged,
    QuoteChanged,
)
from chimera.ids import bar_id

SYMBOL = "BTCUSDT-PERP"
START: Millis = 1_746_374_040_000

SEVEN_FACTORS = (
    FactorSpec(name="atr_3", kind=FactorKind.ATR, length=3),
    FactorSpec(name="ema_4", kind=FactorKind.EMA, length=4),
    FactorSpec(name="rsi_3", kind=FactorKind.RSI, length=3),
    FactorSpec(name="rv_4", kind=FactorKind.REALISED_VOLATILITY, length=4),
    FactorSpec(name="spread", kind=FactorKind.SPREAD_BPS),
    FactorSpec(name="imbalance", kind=FactorKind.DEPTH_IMBALANCE, length=2),
    FactorSpec(name="funding", kind=FactorKind.FUNDING_RATE),
)


def bar(
    index: int,
    close: float,
    *,
    open: float | None = None,
    high: float | None = None,
    low: float | None = None,
    volume: float = 1.0,
    symbol: str = SYMBOL,
    interval: str = "1m",
) -> BarClosed:
    """Return the bar number `index` after `START`, learned of 7 ms after its close."""
    opened = START + index * INTERVALS[interval]
    closed = opened + INTERVALS[interval]
    first = close if open is None else open
    return BarClosed(
        id=bar_id(symbol, interval, closed),
        ts_event=closed,
        ts_init=closed + 7,
        symbol=symbol,
        interval=interval,
        open_time=opened,
        open=first,
        high=max(first, close) if high is None else high,
        low=min(first, close) if low is None else low,
        close=close,
        volume=volume,
    )


def bars(closes: Sequence[float], *, first: int = 0, **fields: object) -> list[BarClosed]:
    return [bar(first + i, close, **fields) for i, close in enumerate(closes)]


def recorded_bars(
    data_dir: Path, symbol: str = SYMBOL, *, start: int = 0, count: int
) -> list[BarClosed]:
    """Return `count` recorded one-minute bars of a perpetual in 2025-05/06, from row `start` on."""
    name = f"um-{symbol.removesuffix('-PERP')}-1m-2025-05..2025-06.parquet"
    rows = pq.read_table(data_dir / "klines" / name).slice(start, count).to_pylist()
    return [
        BarClosed(
            id=bar_id(symbol, "1m", row["open_time"] + MINUTE),
            ts_event=row["open_time"] + MINUTE,
            ts_init=row["open_time"] + MINUTE + 7,
            symbol=symbol,
            interval="1m",
            **row,
        )
        for row in rows
    ]


def quote(at: Millis, bid: float = 99.0, ask: float = 101.0, symbol: str = SYMBOL) -> QuoteChanged:
    return QuoteChanged(
        id=f"q:{symbol}:{at}",
        ts_event=at,
        ts_init=at,
        symbol=symbol,
        bid_px=bid,
        bid_qty=1.0,
        ask_px=ask,
        ask_qty=2.0,
    )


def depth(at: Millis, bids: Sequence[Level], asks: Sequence[Level]) -> DepthChanged:
    return DepthChanged(
        id=f"d:{at}", ts_event=at, ts_init=at, symbol=SYMBOL, bids=tuple(bids), asks=tuple(asks)
    )


def mark(at: Millis, funding_rate: float = 0.0001, mark_px: float = 100.0) -> MarkPriceChanged:
    return MarkPriceChanged(
        id=f"m:{at}",
        ts_event=at,
        ts_init=at,
        symbol=SYMBOL,
        mark_px=mark_px,
        index_px=mark_px,
        funding_rate=funding_rate,
        next_funding_time=at + 1,
    )


def history(content: Sequence[BarClosed]) -> HistoryLoaded:
    last = content[-1]
    return HistoryLoaded(
        id=f"hist:{last.symbol}:{last.interval}:{last.ts_event}",
        ts_event=last.ts_event,
        ts_init=last.ts_event + 9,
        symbol=last.symbol,
        interval=last.interval,
        bars=tuple(content),
    )


def bundle(
    factors: Sequence[FactorSpec] = SEVEN_FACTORS,
    *,
    symbols: tuple[str, ...] = (SYMBOL,),
    interval: str = "1m",
) -> Bundle:
    """Return a bundle with these factors, and a rule because there must be one."""
    return Bundle(
        name="test",
        interval=interval,
        symbols=symbols,
        factors=tuple(factors),
        rules=(RuleSpec(name="leave", when="close > 0", do=RuleAction.CLOSE),),
    )


def activation(content: Bundle, generation: int = 1, at: Millis = START) -> BundleActivated:
    return BundleActivated(
        id=f"cfg:g{generation}",
        ts_event=at,
        ts_init=at,
        generation=generation,
        bundle_hash=bundle_hash(content),
        bundle=content,
        actor="tester",
        reason="test",
    )
