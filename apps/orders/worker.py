"""Wires the router into a runtime, restored from the record of orders and positions."""

from operator import attrgetter

import msgspec

from apps.orders.core.book import SymbolBook
from apps.orders.core.deadlines import Deadlines
from apps.orders.core.service import Router
from chimera.events.orders import OrderFilled, OrderRecord
from chimera.runtime.restore import living_orders, recorded_equity, recorded_position
from chimera.runtime.worker import WorkerContext
from chimera.seen import SeenIds
from chimera.store.interface import Store

ENDED_KEPT = 500  # recently ended orders to recognise late fills and repeated intents by


def build(context: WorkerContext) -> Router:
    """Return the router with its recorded orders, and the positions in their symbols and the context's."""
    router = Router(Deadlines.stretched(speed=context.speed, interval=context.interval_ms))
    orders = _orders(context.store)
    symbols = sorted({*context.symbols, *(order.symbol for order in orders)})
    router.restore(
        orders=orders,
        positions=[_book(context.store, symbol) for symbol in symbols],
        marked=recorded_equity(context.store),
    )
    return router


def _orders(store: Store) -> list[OrderRecord]:
    """Return all living orders and the newest of the ended, oldest first."""
    found = {order.client_order_id: order for order in living_orders(store)}
    newest = store.query("orders", order="desc", limit=ENDED_KEPT)
    found |= {d.key: msgspec.convert(d.body, OrderRecord) for d in newest.documents}
    return sorted(found.values(), key=lambda order: (order.ts, order.client_order_id))


def _book(store: Store, symbol: str) -> SymbolBook:
    book = SymbolBook(symbol)
    position = recorded_position(store, symbol)
    again = {fill.id for fill in position.refolded}
    book.counted = SeenIds(sorted(position.counted - again))
    if position.snapshot is not None:
        book.qty, book.entry_px = position.snapshot.qty, position.snapshot.entry_px
        book.changed_at = position.snapshot.ts_event
    for fact in sorted((*position.uncounted, *position.refolded), key=attrgetter("ts_event")):
        if isinstance(fact, OrderFilled):
            book.fold(fact)
        else:
            book.adopt(fact)
    book.adopted_at = position.adopted_at
    book.settled_until = position.settled_until
    return book
