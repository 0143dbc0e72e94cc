"""S1: the exchange. Connectors by ccxt, and the paper venue that speaks Binance's protocol.

Streams in: ord:cmd, cfg:events. Streams out: mkt, trades, ord:result, health:events.
It decides nothing.
"""
