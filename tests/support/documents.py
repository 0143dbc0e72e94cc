"""Builders of documents for tests of the store."""

import json
from typing import Any

from chimera.store import Write


def write(
    collection: str = "orders",
    key: str = "o-1",
    revision: int = 1,
    *,
    symbol: str = "BTCUSDT-PERP",
    ts: int = 1_746_374_040_000,
    parents: tuple[str, ...] = (),
    **fields: Any,
) -> Write:
    """Return a write whose body holds `symbol`, `ts` and `fields`."""
    body = json.dumps({"symbol": symbol, "ts": ts, **fields}, separators=(",", ":"))
    return Write(collection, key, body.encode(), symbol, ts, revision, parents)
