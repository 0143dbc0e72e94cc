"""From `Record` effects to the store's writes: the one place where a document is encoded."""

from chimera.events import encode
from chimera.runtime.contract import Record
from chimera.store.interface import Write


def write_of(record: Record) -> Write:
    return Write(
        record.collection,
        record.key,
        encode(record.body),
        record.revision,
        record.symbol,
        record.ts,
        record.parents,
    )
