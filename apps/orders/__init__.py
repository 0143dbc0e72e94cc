"""S4: the router. Gates, idempotent execution, and the guardian's stop for every position.

Streams in: signals:new, ord:result, mkt, cfg:events. Streams out: ord:cmd, pos:events.
Documents: orders, fills.
"""
