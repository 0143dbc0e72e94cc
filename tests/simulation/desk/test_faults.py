"""The desk under faults drawn from a seed: lost, late and repeated messages, dead streams, crashes.

``CHIMERA_SIM_SEEDS=2000`` runs that many seeds of each kind instead of the few of the normal suite.
"""

import os
from decimal import Decimal

import pytest

from apps.orders.core.deadlines import Deadlines
from chimera.bundles import Execution
from chimera.clock import SECOND
from chimera.runtime.faults import FaultRates
from tests.support.desks import (
    Run,
    assert_books_agree,
    assert_nothing_twice,
    busy_bundle,
    meddled_with,
    open_desk,
    random_walk,
    reconnect,
)

SYMBOLS = ("BTCUSDT", "ETHUSDT")
BARS = 45
CONVERGED_AFTER = 60 * SECOND
LIMIT = Execution(entry="limit", limit_offset_bps=2.0, entry_ttl_ms=90_000)
# What an order in doubt may cost before the position is closed: the deadline, the settle time, an answer.
IN_DOUBT = 5 * SECOND + 12 * SECOND + 3 * SECOND
ROUNDING = Decimal("0.000001")  # fills that change places are rounded in another order

KINDS: dict[str, tuple[FaultRates, int, Decimal]] = {
    "lost_asks": (FaultRates(ask_lost=0.02), IN_DOUBT, Decimal(0)),
    "lost_answers": (FaultRates(answer_lost=0.1), 0, Decimal(0)),
    "repeated_reports": (FaultRates(report_repeated=0.3), 0, Decimal(0)),
    "delays": (
        FaultRates(ask_delay_max=400, report_delay_max=400),
        2 * SECOND,
        ROUNDING,
    ),
    "dead_streams": (FaultRates(stream_lost=0.02), 3 * SECOND, Decimal(0)),
    "crashes": (FaultRates(crash=0.01), IN_DOUBT, Decimal(0)),
    "everything": (
        FaultRates(
            ask_lost=0.03,
            answer_lost=0.03,
            report_repeated=0.1,
            stream_lost=0.005,
            crash=0.004,
            ask_delay_max=800,
            report_delay_max=800,
        ),
        3 * IN_DOUBT,
        ROUNDING,
    ),
}
# What rests is asked about when nothing was heard of it between two looks.
FOUND_WITHIN = 2 * Deadlines().unheard + 1 * SECOND
PATIENT = Execution(entry="limit", limit_offset_bps=2.0, entry_ttl_ms=600_000)
LOST_WORDS = FaultRates(report_lost=0.03)
LATE = FaultRates(report_delay_max=3 * SECOND, stream_lost=0.005)
SEEDS = range(int(os.environ.get("CHIMERA_SIM_SEEDS", "9")))


def survive(
    kind: str, seed: int, *, execution: Execution | None = None, bars: int = BARS, **risk: object
) -> Run:
    """Trade under faults, let them end, and return the run when it has converged."""
    rates, unprotected_max, wallet_within = KINDS[kind]
    run = open_desk(
        busy_bundle(SYMBOLS, execution=execution, **risk),
        rates=rates,
        seed=seed,
        unprotected_max=unprotected_max,
    )
    run.desk.runtime.run(random_walk(bars, seed=seed, symbols=SYMBOLS))
    assert run.faults is not None
    run.faults.end()
    rest = execution.entry_ttl_ms if execution is not None else 0
    run.desk.runtime.settle(run.desk.runtime.clock.now() + CONVERGED_AFTER + rest)
    assert_nothing_twice(run)
    assert_books_agree(run, wallet_within=wallet_within)
    return run


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed-{seed}")
@pytest.mark.parametrize("kind", list(KINDS))
def test_desk_survives(kind: str, seed: int) -> None:
    run = survive(kind, seed)

    assert run.fills(), "nothing happened"


@pytest.mark.parametrize("seed", SEEDS[:4], ids=lambda seed: f"seed-{seed}")
@pytest.mark.parametrize("kind", ["crashes", "dead_streams", "everything"])
def test_desk_of_limit_entries_survives(kind: str, seed: int) -> None:
    survive(kind, seed, execution=LIMIT)


@pytest.mark.parametrize("seed", SEEDS[:2], ids=lambda seed: f"seed-{seed}")
@pytest.mark.parametrize("kind", ["crashes", "dead_streams", "everything"])
def test_s7_desk_of_partial_fills_survives(kind: str, seed: int) -> None:
    survive(kind, seed, margin_usdt=2_000.0, max_order_notional_usdt=50_000.0)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed-{seed}")
@pytest.mark.parametrize("execution", [None, LIMIT], ids=["market", "limit"])
@pytest.mark.parametrize(
    ("rates", "unprotected_max", "withdrawn_within"),
    [
        (FaultRates(crash=1e-12), 0, 0),
        (FaultRates(stream_lost=0.02), 15 * SECOND, 3 * SECOND),
        (LOST_WORDS, 2 * FOUND_WITHIN, 20 * SECOND),  # and what is asked may be lost again
        (LATE, 60 * SECOND, 20 * SECOND),
        (KINDS["everything"][0], 60 * SECOND, 20 * SECOND),
    ],
    ids=["healthy", "dead_streams", "lost_words", "late", "everything"],
)
def test_desk_that_people_meddle_with_converges(
    rates: FaultRates,
    unprotected_max: int,
    withdrawn_within: int,
    execution: Execution | None,
    seed: int,
) -> None:
    bundle = busy_bundle(SYMBOLS, execution=execution)
    run = open_desk(bundle, rates=rates, seed=seed, unprotected_max=unprotected_max)
    run.watch.withdrawn_within = withdrawn_within
    assert run.faults is not None
    run.desk.runtime.run(
        meddled_with(run, random_walk(BARS, seed=seed, symbols=SYMBOLS), seed=seed)
    )
    run.faults.end()
    reconnect(run)  # what was lost without a trace is found then
    rest = execution.entry_ttl_ms if execution is not None else 0
    run.desk.runtime.settle(run.desk.runtime.clock.now() + CONVERGED_AFTER + rest)

    assert_nothing_twice(run)
    assert_books_agree(run, wallet_within=Decimal(10**9))  # trades by hand pay fees unseen


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed-{seed}")
@pytest.mark.parametrize("execution", [None, PATIENT], ids=["market", "limit"])
def test_desk_finds_by_itself_what_no_stream_told(execution: Execution | None, seed: int) -> None:
    """Fills, triggers and ends of what rested are lost, and no stream ever breaks."""
    run = open_desk(
        busy_bundle(SYMBOLS, execution=execution),
        rates=FaultRates(unasked_lost=0.4),
        seed=seed,
        unprotected_max=FOUND_WITHIN,
    )
    run.desk.runtime.run(random_walk(BARS, seed=seed, symbols=SYMBOLS))
    assert run.faults is not None
    run.faults.end()
    rest = execution.entry_ttl_ms if execution is not None else 0
    run.desk.runtime.settle(run.desk.runtime.clock.now() + FOUND_WITHIN + CONVERGED_AFTER + rest)

    assert_nothing_twice(run)
    assert_books_agree(run, wallet_within=ROUNDING)


def test_same_seed_gives_the_same_run_to_the_byte() -> None:
    one, two = (survive("everything", 3) for _ in range(2))

    assert one.desk.runtime.digest == two.desk.runtime.digest
    assert one.store._documents == two.store._documents
    assert one.desk.runtime.crashes == two.desk.runtime.crashes > 0


def test_a_desk_that_crashes_all_the_time_is_never_worse_than_stopped() -> None:
    rates = FaultRates(crash=0.06)
    run = open_desk(busy_bundle(SYMBOLS), rates=rates, seed=1, unprotected_max=60 * SECOND)
    run.desk.runtime.run(random_walk(30, seed=1, symbols=SYMBOLS))
    assert run.faults is not None
    run.faults.end()
    run.desk.runtime.settle(run.desk.runtime.clock.now() + CONVERGED_AFTER)

    assert run.desk.runtime.crashes > 20
    assert_nothing_twice(run)
    assert_books_agree(run)
