"""``python -m tests.support.desk_digest NAME``: a seeded desk's record as one digest, for a second process."""

import sys

from chimera.bundles import Execution
from tests.support.desks import busy_bundle, open_desk, random_walk

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
EXECUTIONS = {
    "market": Execution(),
    "limit": Execution(entry="limit", limit_offset_bps=2.0, entry_ttl_ms=90_000),
}


def desk_digest(name: str) -> str:
    """Return the digest of the desk that enters as `EXECUTIONS` says under `name`."""
    run = open_desk(busy_bundle(SYMBOLS, execution=EXECUTIONS[name]))
    run.desk.runtime.run(random_walk(150, seed=1, symbols=SYMBOLS))
    return run.desk.runtime.digest


if __name__ == "__main__":
    print(desk_digest(sys.argv[1]))
