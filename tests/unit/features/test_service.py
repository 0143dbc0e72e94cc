"""The state machine of S2: what each event leads to, and what changes nothing."""

import msgspec
import pytest

from apps.features.core.lane import MISSED_BARS_MAX, RETAINED_BARS_MIN
from apps.features.core.service import Features
from chimera.bundles import FactorKind, FactorSpec
from chimera.clock import MINUTE
from chimera.events.features import FeaturesComputed, MarketInputs
from chimera.events.health import TimerFired
from chimera.events.market import HistoryLoaded
from chimera.runtime.contract import Publish, Record, Service
from tests.support.bars import (
    SEVEN_FACTORS,
    START,
    SYMBOL,
    activation,
    bar,
    bars,
    bundle,
    depth,
    history,
    mark,
    quote,
)

CLOSES = [100.0, 101.0, 100.5, 102.0, 101.5, 103.0, 102.5, 104.0, 103.0, 105.0, 104.5, 106.0]


def features(**options) -> Features:
    service = Features()
    service.handle(activation(bundle(**options)), START)
    return service


def feed(service: Features, events) -> list[FeaturesComputed]:
    """Hand over events; return what is published."""
    effects = [effect for event in events for effect in service.handle(event, event.ts_init)]
    return [effect.event for effect in effects if isinstance(effect, Publish)]


def test_features_is_a_service():
    service: Service = Features()
    assert service.name == "features"


def test_bar_closed_records_the_signal_and_then_publishes_the_same():
    record, publish = features().handle(bar(0, 100.0), START + MINUTE + 9)
    signal = publish.event
    assert record == Record("signals", signal.id, signal, SYMBOL, START + MINUTE, durable=False)
    assert signal.id == f"sig:{SYMBOL}:1m:{START + MINUTE}:g1"
    assert signal.cause == f"{SYMBOL}:1m:{START + MINUTE}"
    assert (signal.ts_event, signal.ts_init) == (START + MINUTE, START + MINUTE + 9)
    assert signal.features == dict.fromkeys([spec.name for spec in SEVEN_FACTORS])


def test_bar_closed_before_any_bundle_leads_to_nothing():
    assert not Features().handle(bar(0, 100.0), START)


@pytest.mark.parametrize("other", [{"symbol": "XRPUSDT-PERP"}, {"interval": "5m"}])
def test_bar_of_another_symbol_or_interval_leads_to_nothing(other):
    assert not features().handle(bar(0, 100.0, **other), START)


def test_bars_delivered_again_or_late_change_nothing():
    shaken, smooth = features(), features()
    content = bars(CLOSES)
    disturbed = [*content[:6], content[5], content[2], *content[6:]]
    assert feed(shaken, disturbed) == feed(smooth, content)


def test_bar_whose_prices_cannot_be_changes_nothing():
    service = features()
    assert not service.handle(bar(0, 100.0, low=0.0), START)
    assert not service.handle(bar(0, float("nan")), START)
    assert service.handle(bar(0, 100.0), START)


def test_missing_bar_makes_factors_unknown_until_warm_again():
    service = features(factors=[FactorSpec(name="ema", kind=FactorKind.EMA, length=3)])
    signals = feed(service, [*bars(CLOSES[:4]), *bars(CLOSES[5:9], first=5)])
    assert [signal.features["ema"] is None for signal in signals] == [
        True, True, False, False, True, True, False, False,
    ]  # fmt: skip
    assert signals[-2].features["ema"] == pytest.approx(sum(CLOSES[5:8]) / 3)


def test_market_facts_near_the_close_enter_the_inputs():
    service = features()
    close = START + MINUTE
    feed(
        service,
        [
            quote(close - 5_000),
            depth(close - 5_000, [(9.0, 3.0), (8.0, 1.0), (7.0, 5.0)], [(10.0, 1.0)]),
            mark(close - 10_000),
        ],
    )
    (signal,) = feed(service, [bar(0, 100.0)])
    assert (signal.inputs.bid_px, signal.inputs.ask_qty) == (99.0, 2.0)
    assert signal.inputs.bids == ((9.0, 3.0), (8.0, 1.0)), "as deep as the deepest factor looks"
    assert (signal.inputs.mark_px, signal.inputs.next_funding_time) == (100.0, close - 9_999)
    assert signal.features["spread"] == 200.0
    assert signal.features["imbalance"] == 0.6
    assert signal.features["funding"] == 0.0001


@pytest.mark.parametrize("apart", [-5_001, 5_001])
def test_stale_quote_and_depth_are_unknown(apart):
    service = features()
    at = START + MINUTE + apart
    feed(service, [quote(at), depth(at, [(9.0, 3.0)], [(10.0, 1.0)])])
    (signal,) = feed(service, [bar(0, 100.0)])
    assert signal.inputs == type(signal.inputs)(bar=bar(0, 100.0))


def test_stale_mark_price_is_unknown():
    service = features()
    (signal,) = feed(service, [mark(START + MINUTE - 10_001), bar(0, 100.0)])
    assert signal.inputs.mark_px is None
    assert signal.features["funding"] is None


def test_older_quote_arriving_late_does_not_replace_a_newer_one():
    close = START + MINUTE
    (signal,) = feed(features(), [quote(close, bid=100.0), quote(close - 1, bid=1.0), bar(0, 1.0)])
    assert signal.inputs.bid_px == 100.0


def test_history_warms_up_without_a_signal_and_is_recorded():
    warmed, lived = features(), features()
    content = bars(CLOSES)
    (record,) = warmed.handle(history(content[:8]), START + 42)
    last = content[7].ts_event
    assert (record.collection, record.symbol, record.ts) == ("features", SYMBOL, last)
    assert record.key == record.document.id == f"warm:{SYMBOL}:1m:{last}:{START + 42}"
    assert isinstance(record.document, HistoryLoaded)
    assert record.document.bars == tuple(content[:8])
    assert feed(warmed, content[8:]) == feed(lived, content)[8:]


def test_history_before_the_bundle_warms_up_when_the_bundle_comes():
    content = bars(CLOSES)
    service = Features()
    assert not service.handle(history(content[:7]), START)
    assert not service.handle(content[7], START)
    (record,) = service.handle(activation(bundle()), START)
    assert record.document.bars == tuple(content[:8])
    (signal,) = feed(service, [content[8]])
    assert signal.features["ema_4"] is not None


def test_history_that_adds_nothing_is_passed_over():
    service = features()
    feed(service, bars(CLOSES))
    assert not service.handle(history(bars(CLOSES)[3:]), START)


def test_bars_that_a_history_covers_lead_to_no_signal():
    service = features()
    content = bars(CLOSES)
    service.handle(history(content), START)
    assert feed(service, content) == []


def test_history_fills_the_hole_of_missed_bars():
    service = features()
    content = bars(CLOSES)
    feed(service, [*content[:7], content[9]])
    (record,) = service.handle(history(content[4:10]), START)
    assert record.document.bars == tuple(content[:10])
    (signal,) = feed(service, [content[10]])
    assert None not in [signal.features[name] for name in ("atr_3", "ema_4", "rsi_3", "rv_4")]


def test_bars_that_closed_unseen_lead_to_signals_as_if_they_closed_now():
    missed, lived = features(), features()
    content = bars(CLOSES)
    first = feed(missed, content[:5])
    now = content[9].ts_event + 30_000
    effects = missed.handle(history(content[3:10]), now)

    records = [effect for effect in effects if isinstance(effect, Record)]
    late = [effect.event for effect in effects if isinstance(effect, Publish)]
    assert [record.document for record in records] == late
    assert [signal.inputs for signal in late] == [MarketInputs(bar=bar) for bar in content[5:10]]
    assert {signal.ts_init for signal in late} == {now}
    expected = feed(lived, content)
    told = first + late + feed(missed, content[5:])
    assert [signal.features for signal in told] == [signal.features for signal in expected]
    assert [signal.id for signal in told] == [signal.id for signal in expected], "once each"


def test_missed_bars_after_a_restart_follow_on_what_was_recorded():
    content = bars(CLOSES)
    service = Features()
    service.restore([history(content[:8])], [])
    service.handle(activation(bundle()), START)
    effects = service.handle(history(content[2:11]), START)
    late = [effect.event for effect in effects if isinstance(effect, Publish)]
    assert [signal.ts_event for signal in late] == [bar.ts_event for bar in content[8:11]]
    (last,) = feed(service, content)
    assert last.ts_event == content[11].ts_event


def test_history_that_brings_older_and_missed_bars_warms_up_with_the_older_ones():
    content = bars(CLOSES)
    service = features()
    feed(service, content[4:6])
    warm_up, *rest = service.handle(history(content[:8]), START)
    assert warm_up.document.bars == tuple(content[:6])
    late = [effect.event for effect in rest if isinstance(effect, Publish)]
    assert [signal.ts_event for signal in late] == [bar.ts_event for bar in content[6:8]]
    assert late[0].features["ema_4"] is not None


def test_bars_too_far_back_warm_up_and_an_alert_counts_them():
    service = features(factors=[FactorSpec(name="ema", kind=FactorKind.EMA, length=400)])
    feed(service, bars(CLOSES))
    count = MISSED_BARS_MAX + 700
    content = bars([100.0 + i % 7 for i in range(count)], first=len(CLOSES) + 3)
    alert, warm_up, *rest = service.handle(history(content), START)
    assert alert.collection == "alerts"
    assert f"the last 703 1m bars of {SYMBOL} before" in alert.document.detail
    assert warm_up.document.bars == (*bars(CLOSES), *content[:700])
    late = [effect.event for effect in rest if isinstance(effect, Publish)]
    assert [signal.ts_event for signal in late] == [b.ts_event for b in content[700:]]
    assert late[0].features["ema"] is not None


def test_signals_an_earlier_life_may_not_have_told_are_told_again_once():
    told = feed(features(), bars(CLOSES))[-2:]
    service = Features()
    service.restore([], told)
    start = TimerFired(id="t", ts_event=1, ts_init=1, service="features", timer="start", due=1)
    assert list(service.handle(start, START)) == [Publish(signal) for signal in told]
    assert not service.handle(start, START)


def test_history_with_impossible_bars_does_without_them():
    service = features()
    content = bars(CLOSES)
    broken = msgspec.structs.replace(content[0], low=-1.0)
    (record,) = service.handle(history([broken, *content[1:5]]), START)
    assert record.document.bars == tuple(content[1:5])
    assert not service.handle(history([broken, *content[1:5]]), START)


def test_retained_bars_are_bounded():
    ema = [FactorSpec(name="ema", kind=FactorKind.EMA, length=3)]
    service = features(factors=ema)
    feed(service, bars([100.0 + i % 7 for i in range(RETAINED_BARS_MIN + 5)]))
    service.handle(activation(bundle(ema, symbols=("ETHUSDT-PERP",)), generation=2), START)
    (record,) = service.handle(activation(bundle(ema), generation=3), START)
    assert len(record.document.bars) == RETAINED_BARS_MIN


def test_longer_history_may_come_before_the_generation_that_needs_it():
    long = FactorSpec(name="rv", kind=FactorKind.REALISED_VOLATILITY, length=RETAINED_BARS_MIN + 99)
    content = bars([100.0 + i % 7 for i in range(RETAINED_BARS_MIN + 120)])
    service = features()
    feed(service, content[-20:-10])
    service.handle(history(content[:-10]), START)
    service.handle(activation(bundle([long]), generation=2), START)
    (signal,) = feed(service, content[-10:-9])
    assert signal.features["rv"] is not None


def test_new_generation_keeps_unchanged_factors_and_warms_new_ones_without_a_gap():
    ema = FactorSpec(name="ema", kind=FactorKind.EMA, length=3)
    rsi = FactorSpec(name="rsi", kind=FactorKind.RSI, length=3)
    swapped, straight = features(factors=[ema]), features(factors=[ema, rsi])
    content = bars(CLOSES)
    first = feed(swapped, content[:8])
    assert not swapped.handle(activation(bundle([rsi, ema]), generation=2), START)
    second = feed(swapped, content[8:])
    expected = feed(straight, content)
    assert [signal.features["ema"] for signal in first + second] == [
        signal.features["ema"] for signal in expected
    ]
    assert [signal.features["rsi"] for signal in second] == [
        signal.features["rsi"] for signal in expected[8:]
    ]
    assert {signal.generation for signal in second} == {2}
    assert all(signal.id.endswith(":g2") for signal in second)


def test_generation_not_above_the_live_one_changes_nothing():
    service = features()
    service.handle(activation(bundle(), generation=3), START)
    service.handle(activation(bundle(SEVEN_FACTORS[:1]), generation=3), START)
    service.handle(activation(bundle(SEVEN_FACTORS[:1]), generation=2), START)
    (signal,) = feed(service, [bar(0, 100.0)])
    assert (signal.generation, len(signal.features)) == (3, 7)


def test_generation_that_cannot_be_built_leaves_the_live_one():
    service = features()
    bad = FactorSpec(name="rv", kind=FactorKind.REALISED_VOLATILITY, length=1)
    with pytest.raises(Exception, match="at least 2"):
        service.handle(activation(bundle([bad]), generation=2), START)
    (signal,) = feed(service, [bar(0, 100.0)])
    assert signal.generation == 1


def test_symbol_that_leaves_and_returns_is_warm_and_its_warm_up_recorded():
    service = features()
    content = bars(CLOSES)
    feed(service, content[:5])
    service.handle(activation(bundle(symbols=("ETHUSDT-PERP",)), generation=2), START)
    assert feed(service, content[5:8]) == []
    (record,) = service.handle(activation(bundle(), generation=3), START)
    assert record.document.bars == tuple(content[:8])
    (signal,) = feed(service, [content[8]])
    assert signal.features["ema_4"] is not None
