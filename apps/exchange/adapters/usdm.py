"""The connector to USDT-M futures: its sockets, its listen key, its order desk."""

import asyncio
from collections.abc import Iterator, Sequence

import structlog

from apps.exchange.core.origin import OUR_PREFIX
from chimera.clock import Clock
from chimera.errors import Transient, Unavailable
from chimera.events import MarginSettingsChanged
from chimera.events.base import Event
from chimera.instruments import Instrument, Market, symbol_of

from .bars import BarSequence
from .calls import Calls, Raw
from .connector import SILENCE_S, Connector, PublicReads
from .holdings import Holdings, HoldingsWatch
from .streams import Sink, Stream, first_failure
from .tapped import Line, Tap, TappedUsdm
from .usdm_orders import UsdmOrders
from .wire_user import STREAM_ENDS, Children, holdings, holdings_told, user_events

log = structlog.get_logger(__name__)

WEIGHT_PER_MINUTE = 2_400
LISTEN_KEY_RENEWAL_S = 25 * 60.0  # the key lives 60 minutes
RENEWAL_RETRY_S = 60.0
STRAY_S = 0.5  # how long a report under a foreign id waits for word of whose child it is


class UsdmConnector(Connector):
    """USDT-M futures: two market sockets, because the venue parts quotes and depth from the rest."""

    def __init__(
        self,
        client: TappedUsdm,
        *,
        symbols: Sequence[str],
        interval: str,
        history_bars: int,
        clock: Clock,
        silence_s: float = SILENCE_S,
    ) -> None:
        calls = Calls(client, weight_limit=WEIGHT_PER_MINUTE)
        self._children = Children()
        listed: dict[str, Instrument] = {}
        orders = UsdmOrders(client, calls, self._children, listed, clock)
        super().__init__(
            client,
            market=Market.USDM,
            reads=PublicReads(
                exchange_info=client.fapiPublicGetExchangeInfo,
                klines=client.fapiPublicGetKlines,
                book_tickers=client.fapiPublicGetTickerBookTicker,
            ),
            calls=calls,
            desk=orders,
            listed=listed,
            symbols=symbols,
            interval=interval,
            history_bars=history_bars,
            clock=clock,
            silence_s=silence_s,
        )
        self._client: TappedUsdm = client
        self._orders = orders
        self._holdings = HoldingsWatch(self._read_holdings, silence_s=silence_s)

    def market_streams(self, sink: Sink, bars: BarSequence) -> list[Stream]:
        streams = []
        for number, names in enumerate(self.socket_names(), start=1):
            public = [s for n in names for s in (f"{n}@bookTicker", f"{n}@depth20@100ms")]
            kinds = (f"kline_{self._interval}", "markPrice@1s", "aggTrade")
            market = [f"{n}@{kind}" for n in names for kind in kinds]
            for category, channels, is_behind in (
                ("public", public, self.quotes_moved),
                ("market", market, self._marks_moved),
            ):
                base = self._client.get_ws_url("linear", category).removesuffix("/ws")
                url = f"{base}/stream?streams={'/'.join(channels)}"
                name = f"exchange:um:{category}-{number}"
                streams.append(self.market_stream(name, url, sink, bars, is_behind=is_behind))
        return streams

    def user_stream(self, sink: Sink) -> Stream:
        return Stream(
            "exchange:um:user",
            client=self._client,
            dial=self._dial_user,
            on_message=lambda message: self._on_user(message, sink),
            clock=self._clock,
            sink=sink,
            on_open=self._on_user_open,
            guard=self._guard_user,
            account=True,
        )

    async def _marks_moved(self) -> bool:
        rows = await self._calls.read(self._client.fapiPublicGetPremiumIndex, {}, optional=True)
        return any(
            float(row["markPrice"]) != self._marks[symbol]
            for row in rows
            if (symbol := symbol_of(row["symbol"], Market.USDM)) in self._marks
        )

    async def _read_holdings(self) -> Holdings:
        read = self._calls.read
        return holdings(await read(self._client.fapiPrivateV3GetAccount, {}, optional=True))

    # --- the user stream ------------------------------------------------------------------------------

    async def _dial_user(self, tap: Tap) -> Line:
        answer = await self._calls.read(self._client.fapiPrivatePostListenKey, {})
        url = self._client.get_private_ws_url("linear", answer["listenKey"])
        return await self._client.open_line(url, tap)

    async def _on_user_open(self) -> None:
        self._orders.forget_settings()  # what changed while nobody listened was not announced
        await self._holdings.begin()

    async def _guard_user(self, stream: Stream) -> None:
        await first_failure(self._renew_listen_key(), self._holdings.keep(stream))

    async def _renew_listen_key(self) -> None:
        """Renew the key for ever; one the venue no longer knows ends the stream, which gets a new one."""
        pause_s = LISTEN_KEY_RENEWAL_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._calls.read(self._client.fapiPrivatePutListenKey, {})
            except Transient as error:
                log.warning("listen key not renewed yet", error=error.message)
                pause_s = RENEWAL_RETRY_S
            else:
                pause_s = LISTEN_KEY_RENEWAL_S

    def _on_user(self, message: Raw, sink: Sink) -> None:
        if message.get("e") == STREAM_ENDS:
            raise Unavailable("the listen key has expired")
        if self._is_stray(message):
            asyncio.get_running_loop().call_later(STRAY_S, self._tell_stray, message, sink)
        else:
            self._tell(message, sink)

    def _is_stray(self, message: Raw) -> bool:
        """Tell whether a report may be of a child whose parent has not been named yet."""
        if message.get("e") != "ORDER_TRADE_UPDATE":
            return False
        match message.get("o"):
            case {"c": str(client_id), "i": order_id}:
                return not (client_id.startswith(OUR_PREFIX) or self._children.knows(str(order_id)))
        return False  # its reader says what is wrong with it

    def _tell_stray(self, message: Raw, sink: Sink) -> None:
        try:
            self._tell(message, sink)
        except Unavailable as error:
            self._user.fail(error)

    def _tell(self, message: Raw, sink: Sink) -> None:
        self.hand_on(message, self._read(message), sink)

    def _read(self, message: Raw) -> Iterator[Event]:
        """Yield what a message states; what it says of holdings and settings is noted beside that."""
        for event in user_events(message, self._children, self._clock.now()):
            if isinstance(event, MarginSettingsChanged):
                self._orders.forget_settings()
            yield event
        self._holdings.note(holdings_told(message))
