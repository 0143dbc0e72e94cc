"""Recorded websocket feeds on disk: gzipped lines of ``<receive time in ns> <JSON as received>``.

`check_depth` reads a whole file before anything of it is played, `read_depth` plays it.
"""

import io
import logging
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import Annotated, Generic, NoReturn, TypeVar

import msgspec

from apps.exchange.adapters.recordings import broken
from apps.exchange.core.venue.feeds.depth import (
    Chain,
    DepthDiff,
    DepthSnapshot,
    Recorded,
    RecordedQuote,
    RecordedTrade,
)
from chimera.clock import Millis
from chimera.errors import InvalidInput
from chimera.instruments import Market

LINE_BYTES_MAX = 1 << 22  # a snapshot of 5,000 levels has a twentieth of it
EARLY_DIFFS_MAX = 100_000  # before the snapshot; at 100 ms these are almost three hours
PROGRESS_S = 1.0
_NANOS_PER_MILLI = 1_000_000
_NANOS_DIGITS = 19  # until the year 2286
_BUFFER_BYTES = 1 << 16
_CHECKED_LINES = 1_000  # between two looks at the time

log = logging.getLogger(__name__)


def read_depth(path: Path) -> Iterator[tuple[Millis, Recorded]]:
    """Read a feed message by message; times are the recorder's.

    Raises
    ------
    InvalidInput
        At the line that is cut off, out of order, or no known message.
    """
    for line in _lines(path):
        try:
            message = _message(line.text)
        except (msgspec.DecodeError, InvalidInput) as e:
            _refuse(path, line.number, e)
        if message is not None:
            yield line.received // _NANOS_PER_MILLI, message


def check_depth(path: Path, market: Market, symbol: str) -> tuple[Millis, Millis]:
    """Read all of a feed, in bounded memory, and return the times of its first and last line.

    Raises
    ------
    InvalidInput
        Naming the line, the field and the rule: the file must be whole and not empty, times must not
        fall, messages be of known streams of this symbol, prices above 0 and sizes not negative, trade
        ids rise, and the update ids chain from a snapshot on.
    """
    check = _Check(market, symbol)
    line, first = None, 0
    for line in _lines(path):
        first = first or line.received
        try:
            check.take(line)
        except (msgspec.DecodeError, InvalidInput) as e:
            _refuse(path, line.number, e)
    if line is None:
        raise broken(path, "file", "it has no lines")
    if check.chain.book_id is None:
        raise broken(path, f"after line {line.number}, field lastUpdateId", "a snapshot must come")
    return first // _NANOS_PER_MILLI, line.received // _NANOS_PER_MILLI


# --- lines ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    received: int  # ns
    text: bytes


def _lines(path: Path) -> Iterator[_Line]:
    before, number = 0, 0
    size, told = path.stat().st_size, time.monotonic()
    with path.open("rb") as raw, io.BufferedReader(GzipFile(fileobj=raw), _BUFFER_BYTES) as lines:
        try:
            while whole := lines.readline(LINE_BYTES_MAX):
                number += 1
                nanos, _, text = whole.partition(b" ")
                if not nanos.isdigit() or len(nanos) > _NANOS_DIGITS:
                    _refuse_line(path, number, "receive time", "must be an integer in ns")
                received = int(nanos)
                if received < before:
                    _refuse_line(path, number, "receive time", "must not fall")
                if len(whole) == LINE_BYTES_MAX:
                    _refuse_line(path, number, "JSON", f"at most {LINE_BYTES_MAX} bytes")
                before = received
                yield _Line(number, received, text)
                if not number % _CHECKED_LINES and (now := time.monotonic()) > told + PROGRESS_S:
                    told = now
                    log.info("%s: %d%%, %d lines", path.name, 100 * raw.tell() // size, number)
        except (EOFError, BadGzipFile, zlib.error) as e:
            raise broken(path, f"after line {number}", f"must be whole gzip: {e}") from e


def _refuse_line(path: Path, number: int, field: str, rule: str) -> NoReturn:
    raise broken(path, f"line {number}, field {field}", rule)


def _refuse(path: Path, number: int, e: msgspec.DecodeError | InvalidInput) -> NoReturn:
    if isinstance(e, InvalidInput):
        number, field = e.details.get("line", number), e.details["field"]
        raise broken(path, f"line {number}, field {field}", e.details["rule"]) from e
    rule, _, place = str(e).partition(" - at `$")
    raise broken(path, f"line {number}, field {place.strip('.`') or 'JSON'}", rule) from e


# --- messages ---------------------------------------------------------------------------------------

Price = TypeVar("Price")
Size = TypeVar("Size")


class _Message(msgspec.Struct):
    """What is on a line: a stream's message, or a snapshot, which has no stream."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()


class _Snapshot(msgspec.Struct, Generic[Price, Size]):
    lastUpdateId: int
    bids: tuple[tuple[Price, Size], ...]
    asks: tuple[tuple[Price, Size], ...]


class _Diff(msgspec.Struct, Generic[Price, Size]):
    U: int
    u: int
    b: tuple[tuple[Price, Size], ...]
    a: tuple[tuple[Price, Size], ...]
    pu: int | None = None
    s: str = ""


class _Trade(msgspec.Struct, Generic[Price, Size]):
    t: int
    p: Price
    q: Size
    m: bool
    X: str = "MARKET"
    s: str = ""


class _Quote(msgspec.Struct, Generic[Price, Size]):
    u: int
    b: Price
    B: Size
    a: Price
    A: Size
    s: str = ""


_message_of = msgspec.json.Decoder(_Message).decode
_snapshot_of = msgspec.json.Decoder(_Snapshot[Decimal, Decimal]).decode
_diff_of = msgspec.json.Decoder(_Diff[Decimal, Decimal]).decode
_trade_of = msgspec.json.Decoder(_Trade[Decimal, Decimal]).decode
_quote_of = msgspec.json.Decoder(_Quote[Decimal, Decimal]).decode


def _message(text: bytes) -> Recorded | None:
    line = _message_of(text)
    if not line.stream:
        snapshot = _snapshot_of(text)
        return DepthSnapshot(snapshot.lastUpdateId, snapshot.bids, snapshot.asks)
    match _kind_of(line.stream):
        case "depth":
            diff = _diff_of(line.data)
            return DepthDiff(diff.U, diff.u, diff.pu, diff.b, diff.a)
        case "trade":
            trade = _trade_of(line.data)
            # Trades of the insurance fund and the like never met the book.
            met = trade.X == "MARKET"
            return RecordedTrade(trade.t, trade.p, trade.q, trade.m) if met else None
        case _:
            quote = _quote_of(line.data)
            return RecordedQuote(quote.u, quote.b, quote.B, quote.a, quote.A)


def _kind_of(stream: str) -> str:
    kind = stream.split("@")[1] if "@" in stream else ""
    if kind not in ("depth", "trade", "bookTicker"):
        raise _wrong("stream", f"must be <symbol>@depth, @trade or @bookTicker, is {stream[:80]!r}")
    return kind


# --- checking ---------------------------------------------------------------------------------------

# Numbers become floats here: that is faster, and their limits are checked while they are read.
_Px = Annotated[float, msgspec.Meta(gt=0, lt=1e15)]
_Qty = Annotated[float, msgspec.Meta(ge=0, lt=1e15)]
_check_snapshot = msgspec.json.Decoder(_Snapshot[_Px, _Qty], strict=False).decode
_check_diff = msgspec.json.Decoder(_Diff[_Px, _Qty], strict=False).decode
_check_trade = msgspec.json.Decoder(_Trade[_Px, _Px], strict=False).decode
_check_other_trade = msgspec.json.Decoder(_Trade[_Qty, _Qty], strict=False).decode
_check_quote = msgspec.json.Decoder(_Quote[_Qty, _Qty], strict=False).decode


class _Check:
    """What of the lines so far decides about the next."""

    def __init__(self, market: Market, symbol: str) -> None:
        self.chain = Chain(market)
        self._symbol = symbol
        self._early: list[tuple[int, int, int, int | None]] = []
        self._trade_id = -1
        self._kinds: dict[str, str] = {}

    def take(self, line: _Line) -> None:
        message = _message_of(line.text)
        if not message.stream:
            self._snapshot(_check_snapshot(line.text).lastUpdateId)
            return
        match self._kinds.get(message.stream) or self._new_stream(message.stream):
            case "bookTicker":
                self._require_symbol("s", _check_quote(message.data).s)
            case "trade":
                self._trade(message.data)
            case _:
                self._diff(line.number, _check_diff(message.data))

    def _new_stream(self, stream: str) -> str:
        self._require_symbol("stream", stream.split("@")[0].upper())
        kind = self._kinds[stream] = _kind_of(stream)
        return kind

    def _snapshot(self, last_id: int) -> None:
        self.chain.begin(last_id)
        early, self._early = self._early, []
        for number, first_id, final_id, prev_id in early:
            try:
                self.chain.continues(first_id, final_id, prev_id)
            except InvalidInput as e:
                raise InvalidInput(e.message, **e.details | {"line": number}) from e

    def _trade(self, data: msgspec.Raw) -> None:
        trade = _check_other_trade(data)
        self._require_symbol("s", trade.s)
        if trade.X == "MARKET":
            _check_trade(data)
        if trade.t <= self._trade_id:
            raise _wrong("t", f"trade ids must rise, {trade.t} comes after {self._trade_id}")
        self._trade_id = trade.t

    def _diff(self, number: int, diff: _Diff[float, float]) -> None:
        self._require_symbol("s", diff.s)
        if diff.u < diff.U:
            raise _wrong("U", f"must be at most u, {diff.U} is above {diff.u}")
        if self.chain.book_id is not None:
            self.chain.continues(diff.U, diff.u, diff.pu)
        elif len(self._early) < EARLY_DIFFS_MAX:
            self._early.append((number, diff.U, diff.u, diff.pu))
        else:
            raise _wrong("lastUpdateId", f"a snapshot must follow {EARLY_DIFFS_MAX} differences")

    def _require_symbol(self, field: str, symbol: str) -> None:
        if symbol not in ("", self._symbol):
            raise _wrong(field, f"must be of {self._symbol}, is of {symbol[:40]!r}")


def _wrong(field: str, rule: str) -> InvalidInput:
    return InvalidInput(f"{field}: {rule}", field=field, rule=rule)
