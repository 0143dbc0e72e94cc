"""How everything is timed: warm-up, `perf_counter_ns`, percentiles, and what the collector did meanwhile.

Samples include whatever the garbage collector did: a pause that happens in the bench happens in trading.
"""

import gc
import math
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.figures import Figure, Target

PERCENTILES = ("p50", "p99", "p99.9")
UNIT_NS = {"ns": 1, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


@dataclass(slots=True)
class Collections:
    """How often the collector ran, its longest pause, and what share of a core this process had."""

    runs: list[int] = field(default_factory=lambda: [0, 0, 0])
    longest_ns: int = 0
    core_share: float = 0.0

    def note(self) -> str:
        young, middle, full = self.runs
        longest = self.longest_ns / UNIT_NS["ms"]
        return (
            f"gc: {young} young, {middle} middle, {full} full, longest pause {longest:.2f} ms; "
            f"had {self.core_share:.0%} of a core"
        )


@contextmanager
def collections() -> Iterator[Collections]:
    """Watch the garbage collector; what was made before does not count as garbage to look through."""
    seen, began = Collections(), 0

    def watch(phase: str, info: Mapping[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter_ns()
            return
        seen.runs[info["generation"]] += 1
        seen.longest_ns = max(seen.longest_ns, time.perf_counter_ns() - began)

    gc.collect()
    gc.callbacks.append(watch)
    wall, used = time.perf_counter(), time.process_time()
    try:
        yield seen
    finally:
        gc.callbacks.remove(watch)
        seen.core_share = (time.process_time() - used) / (time.perf_counter() - wall)


def sample(step: Callable[[], int], *, count: int, warm_up: int) -> list[int]:
    """Call `step`, which returns the nanoseconds it measured, and keep the last `count` answers."""
    for _ in range(warm_up):
        step()
    return [step() for _ in range(count)]


def percentile(samples: Sequence[int], name: str) -> float:
    """Return the nearest-rank percentile ``p50``, ``p99``, ``p99.9`` of `samples`."""
    ordered = sorted(samples)
    rank = math.ceil(float(name.removeprefix("p")) / 100 * len(ordered))
    return float(ordered[max(rank, 1) - 1])


def latencies(
    name: str, samples_ns: Sequence[int], *, unit: str, targets: Mapping[str, Target] | None = None
) -> tuple[Figure, ...]:
    """Return the percentiles of `samples_ns` as figures in `unit`."""
    wanted = targets or {}
    return tuple(
        Figure(
            name=f"{name}, {which}",
            value=percentile(samples_ns, which) / UNIT_NS[unit],
            unit=unit,
            target=wanted.get(which),
        )
        for which in PERCENTILES
    )


def per_second(work: Callable[[], int], *, rounds: int = 3) -> float:
    """Run `work`, which returns how much it did, `rounds` times after a warm-up; the median rate."""
    work()
    return statistics.median(rate_of(work) for _ in range(rounds))


def rate_of(work: Callable[[], int]) -> float:
    """Run `work` once and return how much it did in a second."""
    began = time.perf_counter_ns()
    done = work()
    return done / (time.perf_counter_ns() - began) * UNIT_NS["s"]


def peak_mib() -> float:
    """Return the largest resident size this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
