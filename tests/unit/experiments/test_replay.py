"""What `replay` says about a record that is whole, and about one that was tampered with."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command

from apps.experiments.replay import ReplayReport, replay
from chimera.bundles import GuardSpec, bundle_hash
from chimera.clock import MINUTE
from chimera.errors import NotFound
from chimera.store.interface import Page, Write
from chimera.store.memory import MemoryStore
from tests.support.desks import START, busy_bundle, open_desk, random_walk

SYMBOLS = ("BTCUSDT", "ETHUSDT")
BARS = 40
CALM = GuardSpec(name="calm", refuse_when="rsi_2 > 99.9", reason="wild markets slip")
BUNDLE = msgspec.structs.replace(busy_bundle(SYMBOLS), guards=(CALM,))


@pytest.fixture(scope="module")
def record() -> list[Write]:
    """Return what a simulated desk recorded of two symbols, and its bundle."""
    run = open_desk(BUNDLE)
    run.desk.run(random_walk(BARS, seed=1, symbols=SYMBOLS))
    bundle = {"ts": START, "name": "busy", "bundle": msgspec.to_builtins(BUNDLE)}
    run.store.insert("config_bundles", bundle_hash(BUNDLE), bundle)
    return [write for kept in run.store._documents.values() for write in kept.values()]


def store_of(writes: Sequence[Write]) -> MemoryStore:
    store = MemoryStore()
    store.write([msgspec.structs.replace(write, revision=1) for write in writes])
    return store


def of(record: Sequence[Write], collection: str) -> list[Write]:
    return [write for write in record if write.collection == collection]


def without(record: Sequence[Write], gone: Sequence[Write]) -> MemoryStore:
    lost = {(write.collection, write.key) for write in gone}
    return store_of([write for write in record if (write.collection, write.key) not in lost])


def replayed(store: MemoryStore, **options: Any) -> ReplayReport:
    return replay(store, decided_within_s=0.0, **options)


def problems(report: ReplayReport) -> dict[str, str]:
    return {difference.document: difference.problem for difference in report.differences}


def test_whole_record_is_identical(record: list[Write]) -> None:
    report = replayed(store_of(record))

    assert (report.signals, report.decisions) == (2 * BARS, 2 * BARS)
    assert report.identical


def with_guards(
    record: Sequence[Write], change: Callable[[dict[str, Any]], object]
) -> tuple[MemoryStore, int]:
    """Return the record with its guards' traces changed, and in how many decisions there were any."""
    changed, store = 0, []
    for write in record:
        body = json.loads(write.body)
        if write.collection == "decisions" and body.get("guards"):
            changed += 1
            for guard in body["guards"]:
                change(guard)
            write = msgspec.structs.replace(write, document=json.dumps(body).encode())
        store.append(write)
    return store_of(store), changed


def test_decisions_from_before_guards_told_their_reasons_are_identical(record: list[Write]) -> None:
    store, changed = with_guards(record, lambda guard: guard.pop("reason"))
    assert changed
    assert replayed(store).identical


def test_other_reason_than_the_bundles_is_named(record: list[Write]) -> None:
    store, changed = with_guards(record, lambda guard: guard.update(reason="another"))
    named = problems(replayed(store))
    assert list(named.values()) == ["recomputed to other bytes"] * changed


@pytest.mark.parametrize(
    "lost", [slice(10, 60), slice(0, 1), slice(-1, None)], ids=["many", "first", "last"]
)
def test_decisions_that_are_gone_are_named_by_their_signals(
    record: list[Write], lost: slice
) -> None:
    gone = of(record, "decisions")[lost]

    report = replayed(without(record, gone))

    named = {f"signals/sig:{write.key.removeprefix('dec:')}" for write in gone}
    assert problems(report) == dict.fromkeys(named, "it has no decision")


def test_signal_that_is_gone_is_named_by_its_decision(record: list[Write]) -> None:
    gone = of(record, "signals")[-1]

    report = replayed(without(record, [gone]))

    decision = f"decisions/dec:{gone.key.removeprefix('sig:')}"
    assert problems(report) == {decision: f"signal {gone.key} is not in the record"}


def test_second_decision_about_a_signal_is_surplus(record: list[Write]) -> None:
    twice = msgspec.structs.replace(of(record, "decisions")[5], key="dec:zzz")

    report = replayed(store_of([*record, twice]))

    signal = json.loads(twice.body)["signal_id"]
    assert problems(report) == {"decisions/dec:zzz": f"signal {signal} has another decision"}


def test_second_signal_of_a_bar_is_surplus(record: list[Write]) -> None:
    body = json.loads(of(record, "signals")[-1].body)
    body["id"] = body["id"].replace(":g1", ":g2")
    write = of(record, "signals")[-1]
    twice = msgspec.structs.replace(write, key=body["id"], document=json.dumps(body).encode())

    report = replayed(store_of([*record, twice]))

    assert f"signals/{twice.key}" in problems(report)
    assert any("another signal" in each.problem for each in report.differences)


def test_bundle_that_is_gone_is_named_by_all_that_rests_on_it(record: list[Write]) -> None:
    report = replayed(without(record, of(record, "config_bundles")))

    assert len(report.differences) == 2 * 2 * BARS
    assert {each.problem for each in report.differences} == {
        f"bundle {bundle_hash(BUNDLE)} is not in the record"
    }


def test_part_of_the_record_is_compared_with_its_own_decisions_only(record: list[Write]) -> None:
    begin, end = START + 10 * MINUTE, START + 20 * MINUTE
    whole = replayed(store_of(record), ts_from=begin, ts_to=end)
    assert whole.identical
    assert (whole.signals, whole.decisions) == (20, 20)

    lost = [write for write in of(record, "decisions") if write.ts < begin]
    assert replayed(without(record, lost), ts_from=begin, ts_to=end).identical


@pytest.mark.parametrize(
    "options", [{}, {"ts_from": START + 10**9}, {"ts_to": START}], ids=["empty", "after", "before"]
)
def test_nothing_to_compare_is_no_success(
    record: list[Write], options: dict[str, int], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(record) if options else MemoryStore()
    with pytest.raises(NotFound, match="nothing to replay"):
        replayed(store, **options)

    monkeypatch.setattr("apps.experiments.management.commands.replay.open_store", lambda _: store)
    told = {name: str(value) for name, value in options.items()}
    with pytest.raises(CommandError, match="nothing to replay"):
        call_command("replay", **told)


def test_command_names_what_is_missing_and_fails(
    record: list[Write], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = of(record, "decisions")[3]
    store = without(record, [gone])
    monkeypatch.setattr("apps.experiments.management.commands.replay.open_store", lambda _: store)

    with pytest.raises(SystemExit, match="1"):
        call_command("replay")

    out = capsys.readouterr().out
    assert "80 signals and 79 decisions recomputed: 1 difference" in out
    assert f"signals/sig:{gone.key.removeprefix('dec:')}: it has no decision" in out


class StillDeciding(MemoryStore):
    """A running desk's record: the last decision comes while it is asked for."""

    def __init__(self, writes: Sequence[Write], arrives: Callable[[], Write]) -> None:
        super().__init__()
        self.write([msgspec.structs.replace(write, revision=1) for write in writes])
        self.asked = 0
        self._arrives = arrives

    def query(self, collection: str, **options: Any) -> Page:
        if (options.get("equal") or {}).get("signal_id"):
            self.asked += 1
            if self.asked == 2:
                self.write([msgspec.structs.replace(self._arrives(), revision=1)])
        return super().query(collection, **options)


def test_newest_signal_of_a_running_desk_is_waited_for(record: list[Write]) -> None:
    last = of(record, "decisions")[-1]
    store = StillDeciding([write for write in record if write is not last], lambda: last)

    assert replay(store).identical
    assert store.asked == 2
