"""Whatever happened live, `replay` recomputes the same bits from what was recorded."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.features.core.replay import recompute_run
from apps.features.core.service import Features
from chimera.bundles import FactorKind, FactorSpec, bundle_hash
from chimera.errors import NotFound
from chimera.events import decode, encode
from chimera.runtime.contract import Record
from tests.support.bars import (
    START,
    activation,
    bar,
    bars,
    bundle,
    depth,
    history,
    mark,
    quote,
    recorded_bars,
)

E3, E5, R3, A4, V4 = (
    FactorSpec(name=f"{kind}_{length}", kind=kind, length=length)
    for kind, length in (
        (FactorKind.EMA, 3),
        (FactorKind.EMA, 5),
        (FactorKind.RSI, 3),
        (FactorKind.ATR, 4),
        (FactorKind.REALISED_VOLATILITY, 4),
    )
)
SPREAD = FactorSpec(name="spread", kind=FactorKind.SPREAD_BPS)
DEPTH = FactorSpec(name="imbalance", kind=FactorKind.DEPTH_IMBALANCE, length=2)
BUNDLES = [
    bundle([E3, R3, SPREAD]),
    bundle([R3, E5, DEPTH]),
    bundle([E3, A4, V4]),
    bundle([V4], symbols=("ETHUSDT-PERP",)),
    bundle([E3, E5], interval="5m"),
]
BY_HASH = {bundle_hash(each): each for each in BUNDLES}
PRICES = [100.0 + (i * 7919 % 31) / 3 for i in range(80)]
CONTENT = bars(PRICES)


class Desk:
    """Runs the service, keeps what it records, and can lose the process."""

    def __init__(self) -> None:
        self.service = Features()
        self.now = START
        self.records: dict[tuple[str, str], bytes] = {}
        self.generation = 0
        self.live = None

    def give(self, event) -> None:
        self.now += 1
        for effect in self.service.handle(event, self.now):
            if isinstance(effect, Record):
                body = effect.body
                assert self.records.setdefault((effect.collection, effect.key), body) == body

    def activate(self, content) -> None:
        self.generation += 1
        self.live = activation(content, self.generation)
        self.give(self.live)

    def restart(self, warm: list) -> None:
        self.service = Features()
        if self.live is not None:
            self.give(self.live)
        self.give(history(warm))

    def rebuild(self, warm: list) -> None:
        """Begin again from the record, as a worker does, and be given a history."""
        bars = {bar.ts_event: bar for each in self.recorded("features") for bar in each.bars}
        bars |= {each.ts_event: each.inputs.bar for each in self.recorded("signals")}
        self.service = Features()
        if bars:
            self.service.restore([history([bars[close] for close in sorted(bars)])], [])
        self.give(self.live)
        self.give(history(warm))

    def recorded(self, collection: str) -> list:
        return [decode(body) for (name, _), body in self.records.items() if name == collection]


step = st.one_of(
    st.tuples(st.just("bars"), st.integers(1, 9)),
    st.tuples(st.just("miss"), st.integers(1, 3)),
    st.tuples(st.just("activate"), st.integers(0, len(BUNDLES) - 1)),
    st.tuples(st.just("history"), st.integers(1, 15)),
    st.tuples(st.just("restart"), st.integers(1, 15)),
    st.tuples(st.just("rebuild"), st.integers(1, 15)),
    st.tuples(st.just("repeat"), st.integers(1, 5)),
    st.tuples(st.just("quote"), st.integers(0, 9)),
)


def run(desk: Desk, steps: list[tuple[str, int]]) -> None:
    at = 0
    for name, count in steps:
        if name == "bars":
            for each in CONTENT[at : at + count]:
                desk.give(each)
            at += count
        elif name == "miss":
            at += count
        elif name == "activate":
            desk.activate(BUNDLES[count])
        elif at == 0:
            continue
        elif name == "history":
            desk.give(history(CONTENT[max(0, at - count) : at]))
        elif name == "restart":
            desk.restart(CONTENT[max(0, at - count) : at])
        elif name == "rebuild":
            desk.rebuild(CONTENT[max(0, at - count) : at])
        elif name == "repeat":
            for each in CONTENT[max(0, at - count) : at]:
                desk.give(each)
        elif name == "quote":
            close = CONTENT[min(at, len(CONTENT) - 1)].ts_event
            desk.give(quote(close - count, bid=99.0 - count))
            desk.give(depth(close - count, [(9.0, 1.0 + count)] * 3, [(10.0, 1.0)] * 3))
            desk.give(mark(close - count))


@given(st.lists(step, max_size=40))
@settings(max_examples=300)
def test_replay_of_any_run_recomputes_the_same_bytes(steps):
    desk = Desk()
    desk.activate(BUNDLES[0])
    run(desk, steps)
    signals = desk.recorded("signals")
    replayed = list(recompute_run(desk.recorded("features"), signals, BY_HASH))
    assert [encode(each) for each in replayed] == [encode(each) for each in signals]


@given(st.lists(st.tuples(st.sampled_from(["bars", "miss", "rebuild"]), st.integers(1, 9))))
@settings(max_examples=200)
def test_every_bar_since_the_first_history_has_one_signal(steps):
    desk = Desk()
    desk.activate(BUNDLES[0])
    desk.give(history(CONTENT[:6]))
    at = 6
    for name, count in steps:
        closed = CONTENT[at : at + count]
        if name == "bars":
            desk.give(history(CONTENT[:at]))
            for each in closed:
                desk.give(each)
        elif name == "rebuild":
            desk.rebuild(CONTENT[:at])
        at += 0 if name == "rebuild" else len(closed)
    desk.give(history(CONTENT[:at]))
    signals = desk.recorded("signals")
    assert [each.inputs.bar for each in signals] == CONTENT[6:at]
    replayed = recompute_run(desk.recorded("features"), signals, BY_HASH)
    assert [encode(each) for each in replayed] == [encode(each) for each in signals]


def test_replay_of_a_recorded_day_recomputes_the_same_bytes(data_dir):
    content = recorded_bars(data_dir, count=1_440 + 500)
    desk = Desk()
    desk.activate(BUNDLES[0])
    desk.give(history(content[:500]))
    for each in content[500:]:
        desk.give(each)
    (warm_up,), signals = desk.recorded("features"), desk.recorded("signals")
    assert len(signals) == 1_440
    assert list(recompute_run([warm_up], signals, BY_HASH)) == signals


def test_replay_of_a_tampered_input_shows_the_difference():
    desk = Desk()
    desk.activate(BUNDLES[0])
    for each in CONTENT[:10]:
        desk.give(each)
    signals = desk.recorded("signals")
    inputs = msgspec.structs.replace(signals[7].inputs, bar=bar(7, 1.0))
    signals[7] = msgspec.structs.replace(signals[7], inputs=inputs)
    replayed = recompute_run([], signals, BY_HASH)
    differing = [i for i, each in enumerate(replayed) if each != signals[i]]
    assert differing == [7, 8, 9]


def test_replay_without_the_bundle_is_refused():
    desk = Desk()
    desk.activate(BUNDLES[0])
    desk.give(CONTENT[0])
    others = {bundle_hash(BUNDLES[1]): BUNDLES[1]}
    with pytest.raises(NotFound, match="not at hand"):
        list(recompute_run([], desk.recorded("signals"), others))
