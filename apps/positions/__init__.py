"""S6: positions and the account's books, folded from fills, funding and transfers.

Streams in: ord:result, mkt, pos:events. Streams out: pos:events.
Documents: positions_snapshots, funding_records, alerts.
"""
