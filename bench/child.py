"""One benchmark in its own process, started by `bench.__main__`: clean memory, clean settings."""

import sys
from pathlib import Path

import django
import msgspec
from django.core.management import call_command

from bench.registry import benchmark


def main() -> None:
    name, answer, *flags = sys.argv[1:]
    chosen = benchmark(name)
    if chosen.needs_store:
        django.setup()
        call_command("migrate", "store", verbosity=0)
    outcome = chosen.load()("--quick" in flags)
    Path(answer).write_bytes(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
