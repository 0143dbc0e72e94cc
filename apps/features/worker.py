"""Wires the factors into a runtime. Their state comes from the venue's history, not from the record."""

from apps.features.core.service import Features
from chimera.runtime.worker import WorkerContext


def build(context: WorkerContext) -> Features:
    return Features()
