"""The paper venue's shell: an ASGI server that speaks Binance's REST and websocket protocol.

The market itself is `apps.exchange.core.venue`; here are the wire, the keys, the limits, the clock.
Start it with ``manage.py venue``, or in a test with `server.VenueServer`.
"""
