"""S11 health: how every service and dependency is, in one colour, for people and for machines.

Owns no document and no table. Reads `health:events`, the other streams' lengths, and the store.
`manage.py run` is here too: it puts services into a worker's process and keeps them at work.
"""
