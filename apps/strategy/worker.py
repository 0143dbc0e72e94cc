"""Wires the strategy into a runtime. What it knows of positions is told again when others start."""

from apps.strategy.core.service import Strategy
from chimera.runtime.worker import WorkerContext


def build(context: WorkerContext) -> Strategy:
    return Strategy()
