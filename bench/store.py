"""The embedded store on a SQLite file (WAL, synchronous FULL), and the simulation's store in memory."""

import itertools
import time
from collections.abc import Iterator

import msgspec

from bench.figures import Figure, Outcome
from bench.market import START
from bench.measure import collections, latencies, per_second, sample
from chimera.store import Store, Write, open_store

BODY_BYTES = 800  # a signal with seven factors
BATCH = 100


def run(quick: bool) -> Outcome:
    writes = _writes()
    embedded, memory = open_store("embedded://"), open_store("memory://")
    with collections() as seen:
        singles = sample(
            lambda: _timed(embedded, next(writes)), count=500 if quick else 5_000, warm_up=50
        )
        batches = 10 if quick else 100
        batched = per_second(lambda: _batches(embedded, writes, batches))
        in_memory = per_second(lambda: _batches(memory, writes, batches))
    embedded.close()
    return Outcome(
        figures=(
            *latencies("one durable write", singles, unit="ms"),
            Figure(name=f"durable, batches of {BATCH}", value=batched, unit="writes/s"),
            Figure(name=f"in memory, batches of {BATCH}", value=in_memory, unit="writes/s"),
        ),
        notes=(f"documents of {BODY_BYTES} bytes with one parent", seen.note()),
    )


def _timed(store: Store, write: Write) -> int:
    began = time.perf_counter_ns()
    store.write((write,))
    return time.perf_counter_ns() - began


def _batches(store: Store, writes: Iterator[Write], count: int) -> int:
    for _ in range(count):
        store.write(list(itertools.islice(writes, BATCH)))
    return count * BATCH


def _writes() -> Iterator[Write]:
    """Yield new documents for ever, as strategy's decisions come one after another."""
    filler = "x" * (BODY_BYTES - 60)
    for number in itertools.count():
        ts = START + number * 60_000
        body = msgspec.json.encode({"id": f"dec:{number:012}", "ts_event": ts, "text": filler})
        yield Write(
            "decisions",
            f"dec:BTCUSDT-PERP:1m:{ts}:g1",
            body,
            "BTCUSDT-PERP",
            ts,
            parents=(f"signals/{ts}",),
        )
