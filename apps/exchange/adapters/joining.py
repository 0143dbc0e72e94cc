"""Several files of one series as one: rows that more than one of them has are taken once.

Files of the same months from two archives, or months that overlap, are common; that both count would
double the volume, and that one silently wins would hide which. So what they tell twice must be the same.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from apps.exchange.adapters.recordings import (
    FundingRows,
    Kind,
    MarkRows,
    Recording,
    TradeRows,
    packed,
)
from apps.exchange.core.venue.feeds.klines import KlineRows
from chimera.clock import iso_second
from chimera.errors import InvalidInput

Rows = TypeVar("Rows", KlineRows, FundingRows, MarkRows, TradeRows)
Series = tuple[Recording, ...]


def by_series(found: Iterable[Recording]) -> list[Series]:
    """Group recordings of the same kind, symbol and interval; a depth feed stands alone."""
    groups: dict[Any, list[Recording]] = {}
    for recording in found:
        alone = recording.path if recording.kind is Kind.DEPTH else None
        key = recording.kind, recording.market, recording.symbol, recording.interval, alone
        groups.setdefault(key, []).append(recording)
    return [tuple(group) for group in groups.values()]


def read_series(series: Series, read: Callable[[Path], Rows]) -> Rows:
    """Read the files of one series with `read` as if they were one.

    Raises
    ------
    InvalidInput
        If a file is unusable, or two of them tell differently of the same time.
    """
    parts = [read(recording.path) for recording in series]
    if len(parts) == 1:
        return parts[0]
    return _join([recording.path for recording in series], parts)


def _join(paths: Sequence[Path], parts: Sequence[Rows]) -> Rows:
    """Sort the rows of all parts by their first column, and drop those that are there already."""
    names = parts[0].__struct_fields__
    sizes = [len(getattr(part, names[0])) for part in parts]
    source = np.repeat(np.arange(len(parts)), sizes)
    columns = {
        name: np.concatenate([np.asarray(getattr(p, name)) for p in parts]) for name in names
    }
    order = np.argsort(columns[names[0]], kind="stable")
    source = source[order]
    columns = {name: column[order] for name, column in columns.items()}
    again = _equals_previous(columns[names[0]])
    differs = again & ~np.logical_and.reduce([_equals_previous(c) for c in columns.values()])
    # Of trades, which are sorted by their ids, the times must rise with them.
    times = columns[parts[0].TIME]
    differs |= np.diff(times, prepend=times[:1]) < 0
    if differs.any():
        row = int(np.argmax(differs))
        one, other = (paths[source[i]].name for i in (row - 1, row))
        raise InvalidInput(f"{one} and {other} tell differently of {iso_second(int(times[row]))}")
    return type(parts[0])(**{name: packed(column[~again]) for name, column in columns.items()})


def _equals_previous(column: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.concatenate(([False], column[1:] == column[:-1]))
