"""The overview's websocket: watches the streams and forwards what the page shows.

First it takes its place at the end of every stream, then says `ready`; a snapshot fetched after that
and what follows here leave nothing out. A page that loses the socket comes back and fetches again.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
import structlog
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore

from apps.gateway import presenters
from apps.gateway.api.queries import SYMBOL_PATTERN
from apps.gateway.permissions import VIEW_DESK, full_name
from apps.gateway.presenters import Item
from apps.gateway.selectors.overview import overview_symbols
from apps.health.families import (
    FEATURES,
    MARKET,
    ORDER_REPORTS,
    POSITIONS,
    SIGNALS,
    TRADES,
    stream,
)
from chimera.bus import Bus, Message, Tail, open_bus
from chimera.errors import Transient
from chimera.events import decode

NOT_ALLOWED, BAD_SYMBOL, NO_SUCH_PATH, TOO_MANY, BUS_LOST = 4403, 4400, 4404, 4429, 4503
PAGES_PER_PERSON = 12  # open at once in this process; each has a connection to Redis of its own
PAUSE_S = 0.1  # between two sends, so that a busy market does not drown a page
RIGHTS_CHECKED_EVERY_S = 30.0
# Kinds of items that are shown of every symbol; the others only of the chosen one.
_OF_ALL_SYMBOLS = ("order", "position", "equity")

log = structlog.get_logger(__name__)

_open_pages: Counter[int] = Counter()  # by user


class OverviewConsumer(AsyncWebsocketConsumer):
    """One page's view of the streams. Everything of the chosen symbol; positions of all."""

    # The streams are the source: nothing is sent from process to process.
    channel_layer_alias = None

    async def connect(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._symbol = parse_qs(self.scope["query_string"].decode()).get("symbol", [""])[0]
        await self.accept()  # a refusal before this reaches the page without its reason
        if not await _may_view(self.scope):
            await self.close(NOT_ALLOWED)
        elif self._symbol and not re.fullmatch(SYMBOL_PATTERN, self._symbol):
            await self.close(BAD_SYMBOL)
        elif _open_pages[self.scope["user"].pk] >= PAGES_PER_PERSON:
            await self.close(TOO_MANY)
        else:
            _open_pages[self.scope["user"].pk] += 1
            self._task = asyncio.create_task(self._watch())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            _open_pages[self.scope["user"].pk] -= 1
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        bus = open_bus(settings.REDIS_URL, producer="console")
        try:
            await self._forward(bus)
        except Transient as error:
            log.warning("a console lost the bus", reason=error.message)
            await self.close(BUS_LOST)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a console's websocket failed")
            await self.close(1011)
        finally:
            await bus.close()

    async def _forward(self, bus: Bus) -> None:
        symbols = set(await database_sync_to_async(overview_symbols)())
        tail = await _tail_from_now(bus, _watched(self._symbol, symbols))
        await self._send({"type": "ready"})
        loop = asyncio.get_running_loop()
        check_at = loop.time() + RIGHTS_CHECKED_EVERY_S
        try:
            while True:
                items = list(_items(await tail.fetch(), self._symbol))
                await self._send({"type": "items", "items": items})
                if loop.time() >= check_at:
                    check_at = loop.time() + RIGHTS_CHECKED_EVERY_S
                    if not await _may_view(self.scope):
                        await self.close(NOT_ALLOWED)
                        return
                traded = {item["symbol"] for item in items if "symbol" in item}
                if traded - symbols:
                    symbols |= traded
                    tail = await _widened(bus, tail, _watched(self._symbol, symbols))
                await asyncio.sleep(PAUSE_S)
        finally:
            await tail.close()

    async def _send(self, message: dict[str, Any]) -> None:
        await self.send(text_data=msgspec.json.encode(message).decode())


class NoSuchConsumer(AsyncWebsocketConsumer):
    """Where nothing is served: closed with a reason, as a wrong path is no fault of ours."""

    channel_layer_alias = None

    async def connect(self) -> None:
        await self.accept()
        await self.close(NO_SUCH_PATH)


def _watched(symbol: str, symbols: Iterable[str]) -> list[str]:
    """Name the streams: marks of all symbols, for their positions; the rest of the chosen one."""
    of_all = {stream(MARKET, name) for name in symbols}
    families = (FEATURES, ORDER_REPORTS, TRADES) if symbol else ()
    of_chosen = {stream(family, symbol) for family in families}
    return sorted({SIGNALS, POSITIONS, *of_all, *of_chosen})


async def _tail_from_now(bus: Bus, names: list[str]) -> Tail:
    ends: dict[str, str] = {}
    for name in names:
        newest = await bus.latest(name)
        ends[name] = newest[0].entry_id if newest else "0-0"
    return bus.tail(names, ends)


async def _widened(bus: Bus, tail: Tail, names: list[str]) -> Tail:
    """Go on where `tail` is, with the streams of a symbol that began to trade."""
    last_ids = dict(tail.last_ids)
    await tail.close()
    return bus.tail(names, last_ids)


def _items(messages: Iterable[Message], symbol: str) -> Iterable[Item]:
    """Yield what the page shows of messages; of prices only the newest of each symbol and kind."""
    newest: dict[tuple[str, str], Item] = {}
    for message in messages:
        try:
            shown = list(presenters.present(decode(message.payload)))
        except msgspec.DecodeError:
            continue  # written by a newer version; the page shows what it knows
        except Exception:  # one event that makes no sense must not take the page with it
            log.exception("not shown", stream=message.stream, entry=message.entry_id)
            continue
        for item in shown:
            if item["kind"] in ("mark", "trade"):
                newest[item["kind"], item["symbol"]] = item
            elif item["kind"] in _OF_ALL_SYMBOLS or symbol in (item["symbol"], ""):
                yield item
    yield from newest.values()


async def _may_view(scope: Mapping[str, Any]) -> bool:
    """Ask the database anew: signing out, or a right taken away, ends a page that is open."""
    person = await get_user({"session": SessionStore(scope["session"].session_key)})
    return bool(await person.ahas_perm(full_name(VIEW_DESK)))
