"""Bundle texts for tests."""

from pathlib import Path

DEMO_BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "demo.yaml"
GOOD_BUNDLE = """\
name: small
interval: 1m
symbols: [BTCUSDT-PERP]
factors:
  - {name: ema_5, kind: ema, length: 5}
rules:
  - {name: enter, when: close > ema_5, do: open_long, stop_distance: "0.01"}
  - {name: leave, when: close < ema_5, do: close}
risk: {leverage: 10}
"""
