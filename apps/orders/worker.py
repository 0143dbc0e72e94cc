"""Wires the router into a runtime, restored from the record of orders and positions."""

import msgspec

from apps.orders.core.book import SymbolBook
from apps.orders.core.deadlines import Deadlines
from apps.orders.core.service import Router
from chimera.events.orders import OrderRecord, OrderState
from chimera.runtime.restore import recorded_position
from chimera.runtime.worker import WorkerContext
from chimera.store.interface import Store

ENDED_KEPT = 500  # recently ended orders to recognise late fills and repeated intents by


def build(context: WorkerContext) -> Router:
    router = Router(Deadlines.stretched(speed=context.speed, interval=context.interval_ms))
    orders = _orders(context.store)
    symbols = sorted({*context.symbols, *(order.symbol for order in orders)})
    router.restore(orders, [_book(context.store, symbol) for symbol in symbols])
    return router


def _orders(store: Store) -> list[OrderRecord]:
    """Return all living orders and the newest of the ended, oldest first."""
    found: dict[str, OrderRecord] = {}
    for state in OrderState:
        if not state.is_terminal:
            cursor = None
            while True:
                page = store.query("orders", equal={"state": state.value}, cursor=cursor)
                found |= {d.key: msgspec.convert(d.body, OrderRecord) for d in page.documents}
                cursor = page.next_cursor
                if cursor is None:
                    break
    newest = store.query("orders", order="desc", limit=ENDED_KEPT)
    found |= {d.key: msgspec.convert(d.body, OrderRecord) for d in newest.documents}
    return sorted(found.values(), key=lambda order: (order.ts, order.client_order_id))


def _book(store: Store, symbol: str) -> SymbolBook:
    book = SymbolBook(symbol)
    position = recorded_position(store, symbol)
    if position.snapshot is not None:
        book.qty, book.entry_px = position.snapshot.qty, position.snapshot.entry_px
    for fill in position.uncounted:
        book.fold(fill)
    return book
