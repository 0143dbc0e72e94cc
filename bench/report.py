"""Shows and keeps what was measured: a table for people, JSON for comparing runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Outcome
from bench.registry import BENCHMARKS

RESULTS = Path(__file__).parent / "results"


class Run(msgspec.Struct, kw_only=True):
    """One run of the benchmarks: what the JSON file holds. A benchmark that failed has its reason."""

    at: str
    quick: bool
    machine: dict[str, Any]
    outcomes: dict[str, Outcome] = {}
    failures: dict[str, str] = {}


def show(run: Run, console: Console) -> None:
    table = Table(title="Chimera benchmarks", title_justify="left", header_style="bold")
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    for benchmark in BENCHMARKS:
        outcome = run.outcomes.get(benchmark.name)
        failure = run.failures.get(benchmark.name)
        if outcome is None and failure is None:
            continue
        table.add_section()
        table.add_row(f"[bold]{benchmark.title}[/bold]")
        for figure in outcome.figures if outcome else ():
            table.add_row(*_row(figure))
        if failure is not None:
            table.add_row(f"  [red]failed: {failure}[/red]")
    console.print(table)
    for name, outcome in run.outcomes.items():
        for note in outcome.notes:
            console.print(f"{name}: {note}", style="dim", highlight=False)
    console.print(_summary(run))
    console.print(_conditions(run.machine), style="dim", highlight=False)


def keep(run: Run, also: Path | None) -> Path:
    """Write the run as JSON under its time, and to `also`; return the first path."""
    content = msgspec.json.format(msgspec.json.encode(run), indent=2)
    path = RESULTS / f"{run.at.replace(':', '')}.json"
    for target in filter(None, (path, also)):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def _row(figure: Figure) -> tuple[str, str, str, str]:
    target = figure.target
    wanted = f"{target.bound.value} {_number(target.value)} {figure.unit}" if target else ""
    verdict = {None: "", True: "[green]pass[/green]", False: "[red]miss[/red]"}[figure.passed]
    style = "" if figure.ours else "[dim]"
    return (
        f"  {style}{figure.name}",
        f"{style}{_number(figure.value)} {figure.unit}",
        wanted,
        verdict,
    )


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _summary(run: Run) -> str:
    judged = [f for outcome in run.outcomes.values() for f in outcome.figures if f.target]
    passed = sum(1 for figure in judged if figure.passed)
    failed = f"; {len(run.failures)} benchmarks failed" if run.failures else ""
    return f"{passed} of {len(judged)} targets reached{failed}"


def _conditions(machine: Mapping[str, Any]) -> str:
    loads: Sequence[float] = machine["load_before"]
    return (
        f"{machine['cores']} cores, {machine['processor']}, Python {machine['python']}, "
        f"load {loads[0]} before and {machine['load_after'][0]} after, "
        f"calibration {machine['calibration_ms']} ms, commit {machine['commit']}"
    )
