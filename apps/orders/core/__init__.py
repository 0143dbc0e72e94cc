"""How an intent becomes an order and is guarded.

`sizing` plans it, `gates` approve or refuse it, `table` is the order's life, `guardian` keeps a stop at
the venue for every position, `service` ties them together.
"""
