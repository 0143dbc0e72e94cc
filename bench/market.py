"""The market and the bundle that benchmarks trade: recorded bars where there are some, else a walk."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from apps.config.core.loading import load_bundle
from apps.exchange.adapters.recordings import read_klines
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.feeds.klines import KlineRows
from apps.exchange.core.venue.instruments import VenueInstrument
from bench.machine import ROOT
from chimera.bundles import Bundle, RuleAction
from chimera.clock import MINUTE, Millis
from chimera.events import BarClosed
from chimera.ids import bar_id
from chimera.instruments import Market

SYMBOL = "BTCUSDT-PERP"
VENUE_SYMBOL = "BTCUSDT"
START: Millis = 1_746_374_040_000
WALK_SEED = 7
RECORDING = Path("klines") / "um-BTCUSDT-1m-2025-05..2025-06.parquet"

# Each of these pairs is true at one side of every bar: an entry whenever the desk is flat.
_ALWAYS = {
    RuleAction.OPEN_LONG: "ema_fast > ema_slow and ema_trend > 0 and rsi_14 < 101 and atr_14 / close < 1",
    RuleAction.OPEN_SHORT: "ema_fast <= ema_slow and ema_trend > 0 and rsi_14 > -1 and atr_14 / close < 1",
}


def bundle() -> Bundle:
    return load_bundle((ROOT / "bench" / "bundle.yaml").read_text())


def eager_bundle() -> Bundle:
    """Return the same bundle with thresholds that let every bar lead to an entry."""
    plain = bundle()
    rules = tuple(
        msgspec.structs.replace(rule, when=_ALWAYS.get(rule.do, rule.when)) for rule in plain.rules
    )
    return msgspec.structs.replace(plain, rules=rules)


def instruments() -> dict[Market, dict[str, VenueInstrument]]:
    return {Market.USDM: list_symbols(Market.USDM, [VENUE_SYMBOL])}


def minute_rows(count: int) -> tuple[KlineRows, str]:
    """Return up to `count` one-minute bars, and where they are from."""
    folder = Path(os.environ.get("CHIMERA_DATA_DIR", ROOT.parent / "shared" / "data"))
    path = folder / RECORDING
    if path.is_file():
        rows = read_klines(path)
        end = rows.open_time[min(count, len(rows.open_time)) - 1] + MINUTE
        return rows.between(None, end), f"recorded: {RECORDING.name}"
    return walk(count), f"random walk, seed {WALK_SEED}"


def walk(count: int, start: Millis = START) -> KlineRows:
    """Return a random walk of bars with about the volatility of BTCUSDT."""
    rng = random.Random(WALK_SEED)
    rows: dict[str, list[float]] = {name: [] for name in KlineRows.__struct_fields__}
    close = 95_000.0
    for number in range(count):
        opened = close
        close = round(opened * (1 + rng.gauss(0, 0.0006)), 1)
        spread = abs(rng.gauss(0, 0.0004)) * opened
        rows["open_time"].append(start + number * MINUTE)
        rows["open"].append(opened)
        rows["high"].append(round(max(opened, close) + spread, 1))
        rows["low"].append(round(min(opened, close) - spread, 1))
        rows["close"].append(close)
        rows["volume"].append(round(rng.uniform(5, 200), 3))
    return KlineRows(**rows)


def closed_bars(rows: KlineRows) -> Iterator[BarClosed]:
    """Yield rows as the events that features consume."""
    columns = (rows.open_time, rows.open, rows.high, rows.low, rows.close, rows.volume)
    for opened, o, h, low, c, v in zip(*columns, strict=True):
        yield bar(opened, opened + MINUTE, o, h, low, c, v)


def bar(
    opened: Millis, closed: Millis, o: float, h: float, low: float, c: float, v: float
) -> BarClosed:
    return BarClosed(
        id=bar_id(SYMBOL, "1m", closed),
        ts_event=closed,
        ts_init=closed,
        symbol=SYMBOL,
        interval="1m",
        open_time=opened,
        open=o,
        high=h,
        low=low,
        close=c,
        volume=v,
        mark_px=c,
    )
