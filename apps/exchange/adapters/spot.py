"""The connector to spot: one market socket, the user stream of the websocket API, its order desk."""

from collections.abc import Iterator, Sequence

import ccxt

from chimera.clock import Clock
from chimera.errors import Unavailable
from chimera.events.base import Event
from chimera.instruments import Instrument, Market

from .bars import BarSequence
from .calls import Calls, Raw
from .connector import SILENCE_S, Connector, PublicReads
from .holdings import Holdings, HoldingsWatch
from .spot_orders import SpotOrders
from .streams import Sink, Stream
from .tapped import Line, Tap, TappedSpot
from .wire_spot import STREAM_ENDS, balances, balances_told, spot_user_events

WEIGHT_PER_MINUTE = 6_000
SUBSCRIBE = "userDataStream.subscribe.signature"


class SpotConnector(Connector):
    """Spot: bars, trades, quotes and depth; orders without margin."""

    def __init__(
        self,
        client: TappedSpot,
        *,
        symbols: Sequence[str],
        interval: str,
        history_bars: int,
        clock: Clock,
        silence_s: float = SILENCE_S,
    ) -> None:
        calls = Calls(client, weight_limit=WEIGHT_PER_MINUTE)
        listed: dict[str, Instrument] = {}
        super().__init__(
            client,
            market=Market.SPOT,
            reads=PublicReads(
                exchange_info=client.publicGetExchangeInfo,
                klines=client.publicGetKlines,
                book_tickers=client.publicGetTickerBookTicker,
            ),
            calls=calls,
            desk=SpotOrders(client, calls, listed, clock),
            listed=listed,
            symbols=symbols,
            interval=interval,
            history_bars=history_bars,
            clock=clock,
            silence_s=silence_s,
        )
        self._client: TappedSpot = client
        self._holdings = HoldingsWatch(self._read_holdings, silence_s=silence_s)

    def market_streams(self, sink: Sink, bars: BarSequence) -> list[Stream]:
        base = self._client.get_ws_url("spot", "").removesuffix("/ws")
        streams = []
        for number, names in enumerate(self.socket_names(), start=1):
            kinds = (f"kline_{self._interval}", "bookTicker", "depth20@100ms", "aggTrade")
            channels = "/".join(f"{name}@{kind}" for name in names for kind in kinds)
            url = f"{base}/stream?streams={channels}"
            name = f"exchange:spot:market-{number}"
            streams.append(self.market_stream(name, url, sink, bars, is_behind=self.quotes_moved))
        return streams

    def user_stream(self, sink: Sink) -> Stream:
        return Stream(
            "exchange:spot:user",
            client=self._client,
            dial=self._dial_user,
            on_message=lambda message: self._on_user(message, sink),
            clock=self._clock,
            sink=sink,
            on_open=self._holdings.begin,
            guard=self._holdings.keep,
            account=True,
        )

    async def _read_holdings(self) -> Holdings:
        whole = {"omitZeroBalances": "true"}
        read = self._calls.read
        return balances(await read(self._client.privateGetAccount, whole, optional=True))

    async def _dial_user(self, tap: Tap) -> Line:
        line = await self._client.open_line(self._client.urls["api"]["ws"]["ws-api"]["spot"], tap)
        try:
            await self._client.ask_line(line, SUBSCRIBE, self._client.sign_params({}))
        except ccxt.BaseError as error:
            self._client.close_line(line)
            if isinstance(error, ccxt.InvalidNonce):
                await self._calls.sync_clock()
            raise
        return line

    def _on_user(self, message: Raw, sink: Sink) -> None:
        event = message.get("event") or message
        if event.get("e") in STREAM_ENDS:
            raise Unavailable(f"the venue ends the stream: {event['e']}")
        self.hand_on(message, self._read(event), sink)

    def _read(self, event: Raw) -> Iterator[Event]:
        """Yield what a message states; what it says of our holdings is noted beside that."""
        yield from spot_user_events(event, self._clock.now())
        self._holdings.note(balances_told(event))
