"""Wires the router into a runtime, restored from the record of orders and positions."""

from operator import attrgetter

import msgspec

from apps.orders.core.book import SymbolBook
from apps.orders.core.deadlines import Deadlines
from apps.orders.core.service import Router
from chimera.events.orders import OrderFilled, OrderRecord, Purpose
from chimera.runtime.restore import living_orders, recorded_equity, recorded_position
from chimera.runtime.worker import WorkerContext
from chimera.seen import SeenIds
from chimera.store.interface import Page, Store

ENDED_KEPT = 500  # recently ended orders to recognise late fills and repeated intents by
ENTRIES_READ = 20  # of a symbol, to find the one that opened its position


def build(context: WorkerContext) -> Router:
    """Return the router with its recorded orders, and the positions in their symbols and the context's."""
    router = Router(Deadlines.stretched(speed=context.speed, interval=context.interval_ms))
    orders = _orders(context.store)
    symbols = sorted({*context.symbols, *(order.symbol for order in orders.values())})
    positions = [_book(context.store, symbol) for symbol in symbols]
    for position in positions:
        if position.qty:
            orders |= _entries(context.store, position.symbol)
    router.restore(
        orders=sorted(orders.values(), key=lambda order: (order.ts, order.client_order_id)),
        positions=positions,
        marked=recorded_equity(context.store),
    )
    return router


def _orders(store: Store) -> dict[str, OrderRecord]:
    """Return all living orders and the newest of the ended."""
    living = {order.client_order_id: order for order in living_orders(store)}
    newest = store.query("orders", order="desc", limit=ENDED_KEPT)
    return living | _by_id(newest)


def _entries(store: Store, symbol: str) -> dict[str, OrderRecord]:
    """Return the newest entries of `symbol`; what followed may have been more than is kept."""
    of_symbol = {"symbol": symbol, "purpose": Purpose.ENTRY.value}
    return _by_id(store.query("orders", equal=of_symbol, order="desc", limit=ENTRIES_READ))


def _by_id(page: Page) -> dict[str, OrderRecord]:
    return {d.key: msgspec.convert(d.body, OrderRecord) for d in page.documents}


def _book(store: Store, symbol: str) -> SymbolBook:
    book = SymbolBook(symbol)
    position = recorded_position(store, symbol)
    again = {fill.id for fill in position.refolded}
    book.counted = SeenIds(sorted(position.counted - again))
    if position.snapshot is not None:
        book.qty, book.entry_px = position.snapshot.qty, position.snapshot.entry_px
        book.opened_at, book.changed_at = position.snapshot.opened_at, position.snapshot.ts_event
    for fact in sorted((*position.uncounted, *position.refolded), key=attrgetter("ts_event")):
        if isinstance(fact, OrderFilled):
            book.fold(fact)
        else:
            book.adopt(fact)
    book.adopted_at = position.adopted_at
    book.settled_until = position.settled_until
    return book
