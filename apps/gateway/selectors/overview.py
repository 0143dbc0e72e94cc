"""The overview's snapshot: all that its page shows, as the same items that the websocket brings."""

import asyncio
from typing import Any

import msgspec
from django.conf import settings

from apps.config.selectors import bundle_active
from apps.gateway import presenters
from apps.gateway.presenters import Item
from apps.gateway.selectors.documents import document_page
from apps.health.families import MARKET, TRADES, stream
from apps.health.selectors.protection import positions_newest, stops_resting, symbols_known
from chimera.bus import RedisBus
from chimera.bus.connection import RedisLink
from chimera.errors import ChimeraError, NotFound
from chimera.events import (
    ACCOUNT,
    BarClosed,
    DecisionMade,
    EquityMarked,
    FeaturesComputed,
    HistoryLoaded,
    MarkPriceChanged,
    OrderFilled,
    TradePrinted,
    decode,
    type_of,
)
from chimera.events.base import Event
from chimera.events.orders import OrderRecord
from chimera.store import Collection
from chimera.store.shared import shared_store

BARS = 180
DECISIONS = 180
ORDERS = 100
FILLS = 100
EQUITY = 400
_PRICES_READ = 200
_PRICES_TIMEOUT_S = 1.0
_Wanted = tuple[str, str, type[Event]]  # family, symbol, kind


def overview_symbols() -> list[str]:
    """Return the symbols that the active bundle trades or of which something is recorded, sorted."""
    bundle = bundle_active()
    return sorted({*symbols_known(shared_store()), *(bundle.symbols if bundle else ())})


def overview_choice(symbol: str | None) -> tuple[str | None, list[str]]:
    """Return the symbol to show and all there are: `symbol`, else the first, None if there is none.

    Raises
    ------
    NotFound
        If nothing is known of `symbol`.
    """
    symbols = overview_symbols()
    if symbol is not None and symbol not in symbols:
        raise NotFound(f"{symbol} is neither traded nor recorded", field="symbol", known=symbols)
    return symbol or next(iter(symbols), None), symbols


def overview_snapshot(symbol: str | None) -> dict[str, Any]:
    """Return everything the overview shows of the symbol that `overview_choice` says.

    Items come oldest first within their kind. Positions and the stops that guard them are of all
    symbols, the rest of the chosen one. Raises as `overview_choice` does.
    """
    chosen, symbols = overview_choice(symbol)
    items = [*_account_items(), *(_symbol_items(chosen) if chosen else ())]
    held = {item["symbol"] for item in items if item["kind"] == "position"} - {chosen or ""}
    return {
        "symbol": chosen,
        "symbols": symbols,
        "items": [*items, *_price_items(chosen, held)],
        "limits": {
            "bar": BARS,
            "decision": DECISIONS,
            "order": ORDERS,
            "fill": FILLS,
            "equity": EQUITY,
        },
    }


def _account_items() -> list[Item]:
    store = shared_store()
    positions = [presenters.position_item(p) for p in positions_newest(store) if p.qty]
    stops = [presenters.order_item(stop) for stop in stops_resting(store)]
    equity = document_page(
        Collection.POSITIONS_SNAPSHOTS,
        EquityMarked,
        equal={"symbol": ACCOUNT, "type": type_of(EquityMarked)},
        limit=EQUITY,
    )
    curve = [presenters.equity_item(mark.body) for mark in reversed(equity.items)]
    return [*positions, *stops, *curve]


def _symbol_items(symbol: str) -> list[Item]:
    of_symbol = {"symbol": symbol}
    signals = document_page(Collection.SIGNALS, FeaturesComputed, equal=of_symbol, limit=BARS)
    decisions = document_page(Collection.DECISIONS, DecisionMade, equal=of_symbol, limit=DECISIONS)
    orders = document_page(Collection.ORDERS, OrderRecord, equal=of_symbol, limit=ORDERS)
    fills = document_page(Collection.FILLS, OrderFilled, equal=of_symbol, limit=FILLS)
    signalled = [signal.body.inputs.bar for signal in reversed(signals.items)]
    items = [presenters.bar_item(bar) for bar in _bars(symbol, signalled)]
    for signal in signals.items[:1]:
        items += (i for i in presenters.present(signal.body) if i["kind"] != "bar")
    items += (presenters.decision_item(d.key, d.body) for d in reversed(decisions.items))
    items += (presenters.order_item(order.body) for order in reversed(orders.items))
    items += (presenters.fill_item(fill.body) for fill in reversed(fills.items))
    return items


def _bars(symbol: str, signalled: list[BarClosed]) -> list[BarClosed]:
    """Return the bars of signals, oldest first, behind those that factors were warmed on."""
    missing = BARS - len(signalled)
    if missing <= 0:
        return signalled
    first = signalled[0] if signalled else None
    page = document_page(
        Collection.FEATURES,
        HistoryLoaded,
        equal={"symbol": symbol, "interval": first.interval if first else None},
        ts_to=first.ts_event if first else None,
        limit=1,
    )
    warmed = page.items[0].body.bars if page.items else ()
    earlier = [bar for bar in warmed if first is None or bar.open_time < first.open_time]
    return [*earlier[-missing:], *signalled]


def _price_items(chosen: str | None, held: set[str]) -> list[Item]:
    """Return the newest mark of each symbol and trade of the chosen one that passed on the bus.

    Without Redis the marks that signals bring must do.
    """
    wanted: list[_Wanted] = [(MARKET, symbol, MarkPriceChanged) for symbol in sorted(held)]
    if chosen:
        wanted += [(MARKET, chosen, MarkPriceChanged), (TRADES, chosen, TradePrinted)]
    try:
        return asyncio.run(_newest(wanted))
    except (ChimeraError, TimeoutError):
        return []


async def _newest(wanted: list[_Wanted]) -> list[Item]:
    link = RedisLink(settings.REDIS_URL)
    bus = RedisBus(link, producer="console", epoch=0)
    try:
        async with asyncio.timeout(_PRICES_TIMEOUT_S):
            return [item for what in wanted for item in await _newest_of(bus, *what)]
    finally:
        await link.close()


async def _newest_of(bus: RedisBus, family: str, symbol: str, kind: type[Event]) -> list[Item]:
    for message in await bus.latest(stream(family, symbol), _PRICES_READ):
        try:
            event = decode(message.payload)
        except msgspec.DecodeError:
            continue
        if isinstance(event, kind):
            return list(presenters.present(event))
    return []
