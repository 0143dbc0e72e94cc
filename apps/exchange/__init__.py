"""S1: the exchange. Connectors by ccxt, and the paper venue that speaks Binance's protocol.

Streams in: ord:cmd. Streams out: mkt, ord:result. It decides nothing.
"""
