"""Recorded exchangeInfo payloads: found beside market data, read into what the venue lists.

Payloads say of each symbol what its filters were when they were recorded. What none of them names gets
the venue's own filters.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from apps.exchange.adapters.recordings import Recording, broken
from apps.exchange.core.venue.default_instruments import list_symbols
from apps.exchange.core.venue.instruments import VenueInstrument
from chimera.clock import Millis
from chimera.errors import InvalidInput
from chimera.instruments import Market

FOLDER = "exchange_info"
WEIGHT_LIMIT_USDM = 2_400

log = structlog.get_logger(__name__)

Info = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """One payload: `symbols` are its entries by the venue's symbol, as they were at `ts`."""

    market: Market
    ts: Millis
    symbols: Mapping[str, Info]
    weight_limit: int | None  # request weight a minute that it tells

    @property
    def is_of_testnet(self) -> bool:
        """Whether a futures testnet told it, whose ticks and steps are coarser than the exchange's."""
        return self.market is Market.USDM and self.weight_limit not in (None, WEIGHT_LIMIT_USDM)


def find_exchange_info(recordings: Iterable[Recording]) -> tuple[Path, ...]:
    """Return the payloads in the folders ``exchange_info`` inside and beside those of `recordings`.

    What is unusable there, or of the testnet, is passed over; whoever wants it names it.
    """
    folders = {recording.path.parent for recording in recordings}
    around = {home / FOLDER for folder in folders for home in (folder, folder.parent)}
    found = sorted(path for folder in around for path in folder.glob("*.json*"))
    return tuple(path for path in found if _is_meant(path))


def _is_meant(path: Path) -> bool:
    try:
        info = read_exchange_info(path)
    except InvalidInput as error:
        log.warning("passed over beside the data", path=str(path), reason=error.message)
        return False
    if info.is_of_testnet:
        log.info("passed over beside the data", path=str(path), reason="it is the testnet's")
    return not info.is_of_testnet


def read_exchange_info(path: Path) -> ExchangeInfo:
    """Read a payload, plain or gzipped.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        payload = json.loads(raw)
        symbols = {info["symbol"]: _without_blanks(info) for info in payload["symbols"]}
        ts = int(payload["serverTime"])
        weights = [
            int(rule["limit"])
            for rule in payload.get("rateLimits", ())
            if rule["rateLimitType"] == "REQUEST_WEIGHT"
        ]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as e:
        raise broken(path, "payload", f"an exchangeInfo payload is expected: {e}") from e
    futures = any("contractType" in info for info in symbols.values())
    market = Market.USDM if futures else Market.SPOT
    return ExchangeInfo(market, ts, symbols, weights[0] if weights else None)


def list_recorded(
    wanted: Mapping[Market, Sequence[str]], paths: Iterable[Path]
) -> dict[Market, dict[str, VenueInstrument]]:
    """Return what the venue lists: `wanted` symbols, with the newest filters that payloads at `paths` have.

    Raises
    ------
    InvalidInput
        If a payload is unusable, or neither a payload nor the venue itself knows a symbol.
    """
    known: dict[Market, dict[str, Info]] = {market: {} for market in Market}
    for info in sorted((read_exchange_info(path) for path in paths), key=lambda info: info.ts):
        known[info.market] |= info.symbols
    return {
        market: list_symbols(market, symbols, known[market]) for market, symbols in wanted.items()
    }


def _without_blanks(info: Info) -> dict[str, Any]:
    """Drop the empty fields that some clients write into filters."""
    filters = [{k: v for k, v in one.items() if v != ""} for one in info["filters"]]
    return {**info, "filters": filters}
