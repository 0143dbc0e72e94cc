"""Reading a bundle's text: what is refused, by which rule, and where it says the fault is."""

import time

import pytest

from apps.config.core.findings import BundleInvalid, BundleRule, Finding
from apps.config.core.loading import MAX_BYTES, load_bundle
from chimera.bundles import FactorKind, RuleAction
from tests.support.bundles import DEMO_BUNDLE, GOOD_BUNDLE


def refusal(text: str) -> Finding:
    with pytest.raises(BundleInvalid) as caught:
        load_bundle(text)
    (finding,) = caught.value.findings
    return finding


def test_good_text_becomes_a_bundle():
    bundle = load_bundle(GOOD_BUNDLE)
    assert bundle.factors[0].kind is FactorKind.EMA
    assert bundle.rules[1].do is RuleAction.CLOSE
    assert (bundle.risk.leverage, bundle.risk.margin_usdt) == (10, 20.0)


def test_demo_bundle_loads():
    assert load_bundle(DEMO_BUNDLE.read_text()).name == "demo"


@pytest.mark.parametrize(
    ("old", "new", "rule", "path"),
    [
        ("leverage: 10", "leverage: 21", BundleRule.SCHEMA, "risk.leverage"),
        ("leverage: 10", "leverage: high", BundleRule.SCHEMA, "risk.leverage"),
        ("leverage: 10", "leverage: 2.5", BundleRule.SCHEMA, "risk.leverage"),
        ("leverage: 10", "leverage: '10'", BundleRule.SCHEMA, "risk.leverage"),
        ("leverage: 10", "margin_usdt: 0", BundleRule.SCHEMA, "risk.margin_usdt"),
        ("leverage: 10", "margin_usdt: 1e10", BundleRule.SCHEMA, "risk.margin_usdt"),
        ("leverage: 10", "max_signal_age_ms: 600001", BundleRule.SCHEMA, "risk.max_signal_age_ms"),
        ("leverage: 10", "margin_usdt: .nan", BundleRule.NUMBER, "risk.margin_usdt"),
        ("leverage: 10", "margin_usdt: -.inf", BundleRule.NUMBER, "risk.margin_usdt"),
        ("leverage: 10", "margin_usdt: 1e999", BundleRule.NUMBER, "risk.margin_usdt"),
        ("leverage: 10", "margin_usdt: 1" + "0" * 400, BundleRule.SCHEMA, "risk.margin_usdt"),
        ("leverage: 10", "leverage: " + "9" * 5_000, BundleRule.NUMBER, ""),
        ("leverage: 10", "laverage: 10", BundleRule.SCHEMA, "risk"),
        ("leverage: 10", "leverage: 2020-01-01", BundleRule.SCHEMA, "risk.leverage"),
        ("leverage: 10", "1: 10", BundleRule.SCHEMA, "risk"),
        ("interval: 1m", "interval: 7m", BundleRule.SCHEMA, "interval"),
        ("interval: 1m\n", "", BundleRule.SCHEMA, ""),
        ("name: small", "name: Small", BundleRule.SCHEMA, "name"),
        ("[BTCUSDT-PERP]", "[btcusdt]", BundleRule.SCHEMA, "symbols[0]"),
        ("[BTCUSDT-PERP]", "[]", BundleRule.SCHEMA, "symbols"),
        ("[BTCUSDT-PERP]", "BTCUSDT-PERP", BundleRule.SCHEMA, "symbols"),
        ("kind: ema", "kind: magic", BundleRule.SCHEMA, "factors[0].kind"),
        ("length: 5", "length: 5001", BundleRule.SCHEMA, "factors[0].length"),
        ("do: close", "do: panic", BundleRule.SCHEMA, "rules[1].do"),
        ("name: small", "name: &n small", BundleRule.PLAIN_YAML, ""),
        ("name: small", "name: *n", BundleRule.PLAIN_YAML, ""),
        ("leverage: 10", "<<: {leverage: 10}", BundleRule.PLAIN_YAML, ""),
        ("name: small", "name: !!str small", BundleRule.PLAIN_YAML, ""),
        ("name: small", "name: !!python/object:os.system small", BundleRule.PLAIN_YAML, ""),
        ("name: small", "%YAML 1.1\n---\nname: small", BundleRule.PLAIN_YAML, ""),
        ("interval: 1m", "name: again\ninterval: 1m", BundleRule.SYNTAX, ""),
        ("leverage: 10", "leverage: 10, leverage: 11", BundleRule.SYNTAX, ""),
        ("[BTCUSDT-PERP]", "[BTCUSDT-PERP", BundleRule.SYNTAX, ""),
        ("interval: 1m", "\tinterval: 1m", BundleRule.SYNTAX, ""),
        ("name: small", "name: sm\x00all", BundleRule.SYNTAX, ""),
        ("name: small", "name: small\n---\nname: two", BundleRule.SYNTAX, ""),
        ("name: small", "? [a]\n: 1\nname: small", BundleRule.SCHEMA, ""),
        ("name: small", 'name: "small\\n"', BundleRule.SCHEMA, "name"),
        ("[BTCUSDT-PERP]", '["BTCUSDT-PERP\\n"]', BundleRule.SCHEMA, "symbols[0]"),
        ("name: small", 'description: "\\ud800"\nname: small', BundleRule.PLAIN_YAML, ""),
        ("name: small", '? "\\udfff"\n: 1\nname: small', BundleRule.PLAIN_YAML, ""),
        ("name: small", 'name: "\\UFFFFFFFF"', BundleRule.NUMBER, ""),
    ],
)
def test_bad_text_is_refused_at_its_place(old, new, rule, path):
    assert old in GOOD_BUNDLE
    finding = refusal(GOOD_BUNDLE.replace(old, new, 1))
    assert (finding.rule, finding.path) == (rule, path)
    assert "\n" not in finding.message


@pytest.mark.parametrize("text", ["", "[]", "just words", "null", "3"])
def test_text_that_is_no_mapping_is_refused(text):
    assert refusal(text).rule is BundleRule.SCHEMA


def test_syntax_error_names_line_and_column():
    assert refusal("name: a\nname: b\n").message.startswith("line 2, column 1: ")


def test_text_beyond_the_limit_is_refused_unread():
    assert refusal("#" * (MAX_BYTES + 1)).rule is BundleRule.SIZE
    assert refusal("#" + "é" * (MAX_BYTES // 2)).rule is BundleRule.SIZE


def test_deep_nesting_is_refused_at_once():
    started = time.perf_counter()
    assert refusal("name: " + "[" * 100_000 + "]" * 100_000).rule is BundleRule.DEPTH
    assert time.perf_counter() - started < 2.0


@pytest.mark.parametrize("text", ["a: [" + "a," * 120_000 + "a]", "a:\n" + "- a\n" * 60_000])
def test_text_of_very_many_parts_is_refused_before_it_is_read(text):
    started = time.perf_counter()
    assert refusal(text).rule is BundleRule.SIZE
    assert time.perf_counter() - started < 5.0
