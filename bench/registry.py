"""The benchmarks, in the order of the table. Each module has `run(quick: bool) -> Outcome`."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from bench.figures import Outcome

Run = Callable[[bool], Outcome]


@dataclass(frozen=True, slots=True)
class Benchmark:
    name: str  # of the module
    title: str
    in_quick: bool = True
    needs_store: bool = False  # a migrated database of its own

    def load(self) -> Run:
        run: Run = import_module(f"bench.{self.name}").run
        return run


BENCHMARKS = (
    Benchmark("chain", "One process: market event to order effect"),
    Benchmark("leaving", "One process: market event to request leaving", needs_store=True),
    Benchmark("processes", "Three processes by Redis", needs_store=True),
    Benchmark("simulation", "Simulated runtime, one symbol of one-minute bars"),
    Benchmark("streams", "Redis Streams, produce and consume"),
    Benchmark("rules", "Scalar rule"),
    Benchmark("store", "Document store, embedded on SQLite", needs_store=True),
    Benchmark("venue", "Paper venue through HTTP"),
    Benchmark("stack", "Whole demo stack", in_quick=False),
)


def benchmark(name: str) -> Benchmark:
    return next(found for found in BENCHMARKS if found.name == name)
