"""S2: market data becomes factors.

Streams in: mkt, cfg:events. Streams out: feat:events. Documents: signals, features, alerts.
"""
