"""What a bundle must keep to: each rule broken once, at the place it names."""

from pathlib import Path

import pytest

from apps.config.core.findings import BundleRule, Level
from apps.config.core.lint import lint_bundle
from apps.config.core.loading import load_bundle
from tests.support.bundles import DEMO_BUNDLE, GOOD_BUNDLE


def findings(text: str) -> list[tuple[Level, BundleRule, str]]:
    return [(each.level, each.rule, each.path) for each in lint_bundle(load_bundle(text))]


def test_good_bundle_has_no_findings():
    assert findings(GOOD_BUNDLE) == []


@pytest.mark.parametrize("path", sorted(DEMO_BUNDLE.parent.glob("*.yaml")), ids=lambda p: p.name)
def test_bundles_of_the_project_have_no_findings(path: Path):
    assert findings(path.read_text()) == []


ENTER = '{name: enter, when: close > ema_5, do: open_long, stop_distance: "0.01"}'
FACTOR = "{name: ema_5, kind: ema, length: 5}"
ERRORS = [
    ("[BTCUSDT-PERP]", "[BTCUSDT-PERP, BTCUSDT-PERP]", BundleRule.SYMBOL_UNIQUE, "symbols[1]"),
    ("[BTCUSDT-PERP]", "[BTCUSDC-PERP]", BundleRule.SYMBOL_QUOTE, "symbols[0]"),
    ("BTCUSDT-PERP]\n", "BTCUSDT]\n", BundleRule.SPOT_SHORT, "symbols[0]"),
    (FACTOR, f"{FACTOR}\n  - {FACTOR}", BundleRule.NAME_UNIQUE, "factors[1].name"),
    ("name: leave", "name: enter", BundleRule.NAME_UNIQUE, "rules[1].name"),
    ("kind: ema, length: 5", "kind: realised_volatility, length: 1", BundleRule.FACTOR_LENGTH,
     "factors[0].length"),
    ("kind: ema, length: 5", "kind: ema, length: 5000", BundleRule.FACTOR_WARM_UP,
     "factors[0].length"),
    ("when: close > ema_5", "when: close > ema_6", BundleRule.EXPRESSION, "rules[0].when"),
    ("when: close > ema_5", "when: close +", BundleRule.EXPRESSION, "rules[0].when"),
    ("when: close > ema_5", "when: close", BundleRule.EXPRESSION, "rules[0].when"),
    ("when: close > ema_5", "when: __import__", BundleRule.EXPRESSION, "rules[0].when"),
    ('"0.01"', "close > 1", BundleRule.EXPRESSION, "rules[0].stop_distance"),
    ('"0.01"', '"0.001"', BundleRule.STOP_OUT_OF_BOUNDS, "rules[0].stop_distance"),
    ('"0.01"', '"0.5 / 10"', BundleRule.STOP_OUT_OF_BOUNDS, "rules[0].stop_distance"),
    (', stop_distance: "0.01"', "", BundleRule.STOP_REQUIRED, "rules[0].stop_distance"),
    ("do: close", 'do: close, stop_distance: "0.01"', BundleRule.STOP_UNEXPECTED,
     "rules[1].stop_distance"),
    ("leverage: 10", "min_stop_distance: 0.02", BundleRule.STOP_BOUNDS_ORDER,
     "risk.min_stop_distance"),
    ("leverage: 10", "max_stop_distance: 0.05", BundleRule.STOP_BEYOND_LIQUIDATION,
     "risk.max_stop_distance"),
    ("leverage: 10", "margin_usdt: 21", BundleRule.NOTIONAL_LIMIT,
     "risk.max_order_notional_usdt"),
]  # fmt: skip


def test_factor_that_looks_too_far_back_is_named_with_what_it_needs():
    text = GOOD_BUNDLE.replace("kind: ema, length: 5", "kind: ema, length: 5000")
    (finding,) = [f for f in lint_bundle(load_bundle(text)) if f.level is Level.ERROR]
    assert finding.message == (
        "ema_5, ema of length 5000, needs 28,026 bars of warm-up; at most 5,000 are loaded"
    )
    assert findings(GOOD_BUNDLE.replace("ema, length: 5", "ema, length: 800")) == []


@pytest.mark.parametrize(
    ("leverage", "distance", "words"),
    [
        (20, 0.049, "at 20x a position is liquidated 0.0458 from its entry or nearer; a stop may be "
         "half as far, 0.0229, and 0.049 is beyond that"),
        (20, 0.0230, None),
        (10, 0.0479, None),
        (1, 0.5, None),
    ],
)  # fmt: skip
def test_stop_nearer_to_the_liquidation_than_to_the_entry_is_an_error(leverage, distance, words):
    text = GOOD_BUNDLE.replace(
        "leverage: 10", f"leverage: {leverage}, max_stop_distance: {distance}"
    )
    (finding,) = lint_bundle(load_bundle(text))
    assert (finding.rule, finding.path) == (
        BundleRule.STOP_BEYOND_LIQUIDATION,
        "risk.max_stop_distance",
    )
    assert words is None or finding.message == words


@pytest.mark.parametrize(("leverage", "distance"), [(20, 0.0229), (10, 0.0478), (1, 0.49)])
def test_stop_within_half_of_the_way_to_the_liquidation_is_fine(leverage, distance):
    text = GOOD_BUNDLE.replace(
        "leverage: 10", f"leverage: {leverage}, max_stop_distance: {distance}"
    )
    assert findings(text) == []


@pytest.mark.parametrize(("old", "new", "rule", "path"), ERRORS)
def test_broken_rule_is_an_error_at_its_place(old, new, rule, path):
    text = GOOD_BUNDLE.replace(old, new, 1)
    if rule is BundleRule.SPOT_SHORT:
        text = text.replace("open_long", "open_short")
    assert text != GOOD_BUNDLE
    assert (Level.ERROR, rule, path) in findings(text)


@pytest.mark.parametrize("name", ["close", "mark_px", "bars_held", "min", "if", "and"])
def test_factor_named_like_something_else_is_an_error(name):
    text = GOOD_BUNDLE.replace("ema_5", name)
    assert (Level.ERROR, BundleRule.NAME_RESERVED, "factors[0].name") in findings(text)


def test_guard_that_does_not_compile_is_an_error():
    text = GOOD_BUNDLE + "guards:\n  - {name: g, refuse_when: spread > 3, reason: wide}\n"
    assert findings(text) == [(Level.ERROR, BundleRule.EXPRESSION, "guards[0].refuse_when")]


WARNINGS = [
    (FACTOR, f"{FACTOR}\n  - {{name: rsi, kind: rsi, length: 9}}", BundleRule.FACTOR_UNUSED,
     "factors[1]"),
    (ENTER, "{name: other, when: close > ema_5, do: close}", BundleRule.NEVER_OPENS, "rules"),
    ("do: close}", 'do: open_short, stop_distance: "0.01"}', BundleRule.NEVER_CLOSES, "rules"),
    ("risk: {leverage: 10}", "execution: {limit_offset_bps: 1}", BundleRule.SETTING_UNUSED,
     "execution.limit_offset_bps"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "rule", "path"), WARNINGS)
def test_oddity_is_a_warning_only(old, new, rule, path):
    assert old in GOOD_BUNDLE
    assert findings(GOOD_BUNDLE.replace(old, new, 1)) == [(Level.WARNING, rule, path)]


def test_same_factor_under_two_names_is_a_warning():
    text = GOOD_BUNDLE.replace(FACTOR, f"{FACTOR}\n  - {{name: twin, kind: ema, length: 5}}")
    text = text.replace("close < ema_5", "close < twin")
    assert findings(text) == [(Level.WARNING, BundleRule.FACTOR_REPEATED, "factors[1]")]


def test_funding_on_spot_alone_is_a_warning():
    text = GOOD_BUNDLE.replace("-PERP", "").replace("kind: ema, length: 5", "kind: funding_rate")
    assert findings(text) == [(Level.WARNING, BundleRule.FACTOR_WITHOUT_DATA, "factors[0]")]


def test_all_findings_are_reported_together():
    text = GOOD_BUNDLE.replace("name: ema_5", "name: ema_6").replace(
        "leverage: 10", "margin_usdt: 21"
    )
    assert [rule for _, rule, _ in findings(text)] == [
        BundleRule.EXPRESSION,
        BundleRule.EXPRESSION,
        BundleRule.NOTIONAL_LIMIT,
    ]
