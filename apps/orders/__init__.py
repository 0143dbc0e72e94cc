"""S4: the router. Gates, idempotent execution, and the guardian's stop for every position.

Streams in: signals:new, ord:result, pos:events, mkt, cfg:events, health:events.
Streams out: ord:cmd, pos:events, health:events.
Documents: orders, fills, alerts, positions_snapshots (where it takes the venue's word for a position).
"""
