"""The whole desk without faults: repeatable to the byte, always protected, equal to the venue's books."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from random import Random

import pytest

from apps.config.core.loading import load_bundle
from apps.exchange.core.venue.accounts import IncomeKind
from apps.exchange.core.venue.actions import Bar, SetMark
from apps.experiments.core.desk import ACCOUNT_ID
from apps.experiments.simulation import open_simulation
from chimera.bundles import Execution
from chimera.clock import HOUR, MINUTE, Millis
from chimera.events import EquityMarked
from chimera.events.base import Event
from chimera.events.orders import OrderState, Purpose
from chimera.instruments import Market
from chimera.money import usdt
from chimera.runtime.contract import Effect, Publish
from chimera.runtime.faults import FaultRates
from tests.support.bundles import DEMO_BUNDLE
from tests.support.desk_digest import EXECUTIONS, SYMBOLS, desk_digest
from tests.support.desks import (
    START,
    Inputs,
    Run,
    assert_books_agree,
    assert_nothing_twice,
    busy_bundle,
    open_desk,
    random_walk,
)

ROOT = Path(__file__).resolve().parents[3]
LIMIT = EXECUTIONS["limit"]
LARGE = {"margin_usdt": 5_000.0, "max_order_notional_usdt": 120_000.0}


def traded(run: Run, bars: int = 150, seed: int = 1, symbols: tuple[str, ...] = SYMBOLS) -> Run:
    run.desk.runtime.run(random_walk(bars, seed=seed, symbols=symbols))
    run.desk.runtime.settle(run.desk.runtime.clock.now() + 150_000)
    return run


@pytest.mark.parametrize("seed", range(5))
def test_desk_books_equal_the_venues_to_the_last_unit(seed: int) -> None:
    run = traded(open_desk(busy_bundle(SYMBOLS)), seed=seed)

    assert len(run.fills()) > 100
    assert_nothing_twice(run)
    assert_books_agree(run)


def test_desk_every_position_is_protected_in_the_moment_it_is_there() -> None:
    run = traded(open_desk(busy_bundle(SYMBOLS), unprotected_max=0))

    assert run.watch.longest == 0
    stops = {order.state for order in run.orders() if order.purpose is Purpose.STOP}
    assert OrderState.FILLED in stops  # some were needed


def test_desk_of_limit_entries_cancels_what_is_not_filled_in_time() -> None:
    run = traded(open_desk(busy_bundle(SYMBOLS, execution=LIMIT)))

    entries = {order.state for order in run.orders() if order.purpose is Purpose.ENTRY}
    assert {OrderState.FILLED, OrderState.CANCELED} <= entries
    assert_books_agree(run)


def test_s7_desk_of_many_partial_fills_guards_all_of_them() -> None:
    run = traded(open_desk(busy_bundle(("BTCUSDT",), **LARGE)), symbols=("BTCUSDT",))

    assert max(len(order.trade_ids) for order in run.orders()) >= 3
    assert_books_agree(run)


def test_b4_funding_is_in_our_books_as_in_the_venues() -> None:
    run = traded(open_desk(busy_bundle(SYMBOLS)), bars=60)

    rows = run.desk.venue.income(ACCOUNT_ID, kind=IncomeKind.FUNDING_FEE, limit=1_000)
    assert rows
    recorded = run.store.query("funding_records").documents
    assert sum(Decimal(d.body["amount"]) for d in recorded) == sum(row.amount for row in rows)
    assert_books_agree(run)


def test_desk_transfer_is_in_our_books_and_no_loss_of_the_day() -> None:
    run = open_desk(busy_bundle(SYMBOLS))
    inputs = list(random_walk(60, seed=1, symbols=SYMBOLS))
    half = len(inputs) // 2
    run.desk.runtime.run(inputs[:half])
    before = run.bodies("positions_snapshots", EquityMarked)[-1]
    now = run.desk.runtime.clock.now()
    run.desk.venue.transfer(ACCOUNT_ID, "USDT", Decimal(2_000), "UMFUTURE_MAIN", now)
    run.desk.runtime.run(inputs[half:])
    run.desk.runtime.settle(run.desk.runtime.clock.now() + 150_000)

    assert_books_agree(run)
    after = next(
        mark
        for mark in run.bodies("positions_snapshots", EquityMarked)
        if mark.transferred_usdt == -2_000
    )
    assert abs(after.day_pnl_usdt - before.day_pnl_usdt) < 1_000


@pytest.mark.parametrize("marks_between", [False, True])
def test_desk_equity_is_wallet_and_unrealised_at_every_mark(marks_between: bool) -> None:
    """To the last unit against the venue's account and its mark prices of that moment."""
    run = open_desk(busy_bundle(SYMBOLS))
    told = told_equity(run)
    compared: list[EquityMarked] = []

    def compare(_: Event, now: Millis) -> None:
        if not told:
            return
        marked, venue = told[-1], run.desk.venue
        assert marked.ts_init == now
        held = [view for view in venue.positions(ACCOUNT_ID) if view.qty]
        gains = [usdt((view.mark_price - view.entry_price) * view.qty) for view in held]
        assert marked.wallet_usdt == venue.account(ACCOUNT_ID).wallet_balance
        assert marked.unrealised_usdt == sum(gains)
        assert marked.open_positions == len(held)
        compared.append(marked)
        told.clear()

    run.desk.runtime._after_event = compare
    inputs = random_walk(150, seed=1, symbols=SYMBOLS)
    run.desk.runtime.run(with_marks(inputs) if marks_between else inputs)

    at_bars = [mark for mark in compared if mark.ts_event % MINUTE == 0 and mark.unrealised_usdt]
    between = [mark for mark in compared if mark.ts_event % MINUTE == MINUTE // 2]
    assert len(at_bars) > 100
    assert (len(between) > 100) is marks_between


def told_equity(run: Run) -> list[EquityMarked]:
    """Return a list that grows by every equity the desk tells."""
    told: list[EquityMarked] = []
    handle = run.positions.handle

    def overheard(event: Event, now: Millis) -> Sequence[Effect]:
        effects = handle(event, now)
        published = [effect.event for effect in effects if isinstance(effect, Publish)]
        told.extend(event for event in published if isinstance(event, EquityMarked))
        return effects

    run.positions.handle = overheard  # type: ignore[method-assign]
    return told


def with_marks(inputs: Inputs) -> Inputs:
    """Yield `inputs` and, in the middle of each bar, a mark price off the last."""
    random = Random(1)
    bars = list(inputs)
    marks = []
    for closed, bar in bars:
        assert isinstance(bar, Bar)
        px = Decimal(str(round(bar.open * random.uniform(0.999, 1.001), 2)))
        marks.append((closed - MINUTE // 2, SetMark(Market.USDM, bar.symbol, px, px)))
    yield from sorted([*bars, *marks], key=itemgetter(0))


def test_desk_never_takes_its_own_books_for_silent() -> None:
    """Held or flat, in a market that moves and in one that stands still for hours."""
    run = open_desk(busy_bundle(SYMBOLS))
    for hours in range(0, 30, 6):
        run.desk.runtime.run(
            random_walk(40, seed=hours, symbols=SYMBOLS, start=START + hours * HOUR)
        )
        assert_books_agree(run)

    entries = [order for order in run.orders() if order.purpose is Purpose.ENTRY]
    answers = [check for order in entries for check in order.gates if "day_pnl" in check.gate]
    assert len(answers) == len(entries) > 150
    assert [check for check in answers if not check.passed] == []


def test_desk_that_is_told_no_equity_takes_two_more_positions_at_most() -> None:
    run = open_desk(busy_bundle(("BTCUSDT",)))
    inputs = list(random_walk(120, seed=1, symbols=("BTCUSDT",)))
    run.desk.runtime.run(inputs[:40])
    before = len(opened(run))
    positions, told = run.positions, run.positions.handle
    positions.handle = lambda event, now: [  # type: ignore[method-assign]
        effect
        for effect in told(event, now)
        if not (isinstance(effect, Publish) and isinstance(effect.event, EquityMarked))
    ]
    run.desk.runtime.run(inputs[40:])

    assert len(opened(run)) - before <= 2  # one a bar, and the second of them is too old
    refused = [o.history[-1].note for o in run.orders() if o.state is OrderState.REFUSED]
    assert sum("day_pnl_usdt" in note for note in refused) > 10


def opened(run: Run) -> list[str]:
    return [o.client_order_id for o in run.orders() if o.purpose is Purpose.ENTRY and o.filled_qty]


def test_b6_every_bar_of_every_symbol_has_one_decision() -> None:
    run = traded(open_desk(busy_bundle(SYMBOLS)), bars=50)

    assert len(run.store.query("decisions", limit=1_000).documents) == 50 * len(SYMBOLS)


@pytest.mark.parametrize("execution", [Execution(), LIMIT])
def test_desk_same_inputs_twice_give_the_same_bytes(execution: Execution) -> None:
    one, two = (traded(open_desk(busy_bundle(SYMBOLS, execution=execution))) for _ in range(2))

    assert one.desk.runtime.digest == two.desk.runtime.digest
    assert one.store._documents == two.store._documents


@pytest.mark.parametrize("name", EXECUTIONS)
def test_desk_same_inputs_in_another_process_give_the_same_bytes(name: str) -> None:
    digests = [elsewhere("-m", "tests.support.desk_digest", name, hash_seed=s) for s in (1, 2)]

    assert [digest.strip() for digest in digests] == [desk_digest(name)] * 2


def elsewhere(*arguments: str, hash_seed: int) -> str:
    """Return what Python prints in a process whose sets are ordered otherwise."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_desk_other_inputs_give_other_bytes() -> None:
    one, two = (traded(open_desk(busy_bundle(SYMBOLS)), bars=30, seed=s) for s in (1, 2))

    assert one.desk.runtime.digest != two.desk.runtime.digest


def test_desk_without_faults_equals_the_desk_restored_by_the_workers() -> None:
    """Fresh cores and cores built over an empty record are the same cores."""
    fresh = traded(open_desk(busy_bundle(SYMBOLS)), bars=100)
    built = traded(open_desk(busy_bundle(SYMBOLS), rates=FaultRates()), bars=100)

    assert fresh.fills() == built.fills()


@pytest.mark.parametrize("bars", [60, 24 * 60])
def test_recorded_data_twice_gives_the_same_bytes(data_dir: Path, bars: int) -> None:
    files = [
        data_dir / "klines" / f"um-{name}-1m-2025-05..2025-06.parquet"
        for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    ]
    simulation = open_simulation(files, bundle=load_bundle(DEMO_BUNDLE.read_text()), bars=3 * bars)
    simulation.run()

    command = ("manage.py", "simulate", *map(str, files), "--bundle", str(DEMO_BUNDLE))
    told = elsewhere(*command, "--bars", str(3 * bars), "--json", hash_seed=1)
    result = simulation.result()
    assert json.loads(told) == result
    if bars > 60:
        assert result["fills"] > 50
        last = max(
            simulation.store.query(
                "positions_snapshots", equal={"type": "account.equity.v1"}, order="desc"
            ).documents,
            key=lambda document: document.body["ts_event"],
        )
        wallet = simulation.desk.venue.account(ACCOUNT_ID).wallet_balance
        assert Decimal(last.body["wallet_usdt"]) == wallet


def test_timers_of_the_desk_do_not_pile_up() -> None:
    run = traded(open_desk(busy_bundle(("BTCUSDT",))), bars=200, symbols=("BTCUSDT",))

    assert len(run.desk.runtime._timers._heap) < 100
    assert run.desk.runtime.clock.now() > 200 * MINUTE
