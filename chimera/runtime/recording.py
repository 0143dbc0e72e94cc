"""From `Record` effects to the store's writes."""

from chimera.runtime.contract import Record
from chimera.store.interface import Write


def write_of(record: Record) -> Write:
    return Write(
        record.collection,
        record.key,
        record.body,
        record.revision,
        record.symbol,
        record.ts,
        record.parents,
    )
