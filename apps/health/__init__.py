"""S11: how every service is, for people and for machines.

Streams in: health:events.
"""
