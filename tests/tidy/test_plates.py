"""Do the door plates, `apps/<service>/__init__.py`, name the streams and documents that services have?"""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from chimera.runtime.topology import FAMILIES, LIVE_SERVICES

APPS = Path(__file__).resolve().parents[2] / "apps"
WORKERS_OWN = {"health:events"}  # whatever runs in a worker, it tells of its own health


@pytest.mark.parametrize("service", LIVE_SERVICES)
def test_plate_names_the_streams_of_the_topology(service: str) -> None:
    plate = _plate(service)
    published = {_family(f) for f, (publishers, _) in FAMILIES.items() if service in publishers}
    read = {_family(f) for f, (_, readers) in FAMILIES.items() if service in readers}
    assert _listed("Streams in", plate) == read
    assert _listed("Streams out", plate) - WORKERS_OWN == published - WORKERS_OWN


@pytest.mark.parametrize("service", LIVE_SERVICES)
def test_plate_names_the_documents_that_the_core_records(service: str) -> None:
    recorded = {
        call.args[0].value
        for path in (APPS / service / "core").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Record"
        and isinstance(call.args[0], ast.Constant)
    }
    assert _listed("Documents", _plate(service)) == recorded


def _plate(service: str) -> str:
    return import_module(f"apps.{service}").__doc__ or ""


def _listed(what: str, plate: str) -> set[str]:
    """Return the names that follow `what` on a plate, up to the sentence's end or a bracket."""
    told = re.search(rf"{what}: ([^.(]+?)\s*[.(]", plate)
    return set(re.split(r",\s+", told[1])) if told else set()


def _family(stream: str) -> str:
    return stream.removesuffix(":{}")
