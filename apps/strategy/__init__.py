"""S3: guards, then rules, then intents; a decision with its whole trace for every closed bar.

Streams in: feat:events, pos:events, cfg:events, health:events. Streams out: signals:new.
Documents: decisions, intents, alerts (decisions slower than bars).
"""
