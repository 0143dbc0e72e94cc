"""Names of market streams: which event they carry, for which symbol, how often. Used by `channels`."""

import re
from dataclasses import dataclass
from enum import StrEnum

from chimera.clock import INTERVALS
from chimera.instruments import Market

SECOND_MS = 1_000


class Topic(StrEnum):
    TRADE = "trade"
    AGG_TRADE = "aggTrade"
    DEPTH = "depth"
    DEPTH_LEVELS = "depthLevels"
    BOOK_TICKER = "bookTicker"
    KLINE = "kline"
    MARK_PRICE = "markPrice"
    MINI_TICKER = "miniTicker"
    TICKER = "ticker"
    FORCE_ORDER = "forceOrder"


FUTURES_ONLY = frozenset({Topic.MARK_PRICE, Topic.FORCE_ORDER})
PUBLIC = frozenset({Topic.TRADE, Topic.DEPTH, Topic.DEPTH_LEVELS, Topic.BOOK_TICKER})

# Milliseconds between two events of a conflated stream, without an explicit speed; 0 is real time.
PERIOD_MS = {
    Market.USDM: {Topic.DEPTH: 250, Topic.DEPTH_LEVELS: 250, Topic.KLINE: 250},
    Market.SPOT: {Topic.DEPTH: 1_000, Topic.DEPTH_LEVELS: 1_000, Topic.KLINE: 1_000},
}
TICKER_MS = {Topic.MINI_TICKER: 1_000, Topic.TICKER: 1_000, Topic.MARK_PRICE: 3_000}
SPEEDS_MS = {"100ms": 100, "250ms": 250, "500ms": 500, "1s": SECOND_MS}

_SYMBOL_STREAM = re.compile(r"([a-z0-9]+)@([a-zA-Z]+?)(?:_(\w+)|(5|10|20))?(?:@(\w+))?")
_ALL_STREAM = re.compile(r"!(markPrice|miniTicker|ticker|forceOrder|bookTicker)(?:@arr)?(?:@(1s))?")


_WORDS = frozenset(Topic) - {Topic.DEPTH_LEVELS}  # which clients call depth5, depth10 and depth20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream. `symbol` is None for the streams of all symbols (``!…``)."""

    name: str
    market: Market
    topic: Topic
    symbol: str | None
    period_ms: int
    interval: str = ""
    levels: int = 0

    @property
    def category(self) -> str:
        """Return the futures path that carries this stream: ``public`` or ``market``."""
        return "public" if self.topic in PUBLIC else "market"


def parse_stream(market: Market, name: str) -> Stream | None:
    """Return the stream called `name` in `market`, or None when there is none."""
    return _all_symbols(market, name) if name.startswith("!") else _one_symbol(market, name)


def _one_symbol(market: Market, name: str) -> Stream | None:
    match = _SYMBOL_STREAM.fullmatch(name)
    if match is None:
        return None
    symbol, word, interval, levels, speed = match.groups()
    if word not in _WORDS or (speed is not None and speed not in SPEEDS_MS):
        return None
    topic = Topic(word)
    if levels:
        if topic is not Topic.DEPTH:
            return None
        topic = Topic.DEPTH_LEVELS
    if (topic is Topic.KLINE) != (interval is not None) or (interval and interval not in INTERVALS):
        return None
    if topic in FUTURES_ONLY and market is not Market.USDM:
        return None
    return Stream(
        name=name,
        market=market,
        topic=topic,
        symbol=symbol.upper(),
        period_ms=_period(market, topic, speed),
        interval=interval or "",
        levels=int(levels or 0),
    )


def _all_symbols(market: Market, name: str) -> Stream | None:
    match = _ALL_STREAM.fullmatch(name)
    if match is None:
        return None
    topic = Topic(match.group(1))
    if topic in FUTURES_ONLY and market is not Market.USDM:
        return None
    return Stream(
        name=name,
        market=market,
        topic=topic,
        symbol=None,
        period_ms=_period(market, topic, match.group(2)),
    )


def _period(market: Market, topic: Topic, speed: str | None) -> int:
    if speed is not None:
        return SPEEDS_MS[speed]
    return PERIOD_MS[market].get(topic, TICKER_MS.get(topic, 0))
