"""Who listens to which market stream, and the way of a market event to all of them."""

from collections import defaultdict

from apps.exchange.core.venue.outbound import (
    BookChanged,
    KlineMoved,
    Liquidated,
    QuoteMoved,
    Traded,
    VenueEvent,
)
from apps.exchange.venue_shell.channels import Channel, MarketView, open_channel
from apps.exchange.venue_shell.sockets import Socket
from apps.exchange.venue_shell.streams import Stream, Topic
from chimera.clock import Millis
from chimera.instruments import Market

TOPICS: dict[type[VenueEvent], tuple[Topic, ...]] = {
    Traded: (Topic.TRADE, Topic.AGG_TRADE),
    BookChanged: (Topic.DEPTH,),
    QuoteMoved: (Topic.BOOK_TICKER,),
    KlineMoved: (Topic.KLINE,),
    Liquidated: (Topic.FORCE_ORDER,),
}

Address = tuple[Market, str | None, Topic]


class MarketHub:
    """Opens a channel with its first listener and closes it with its last."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._channels: dict[tuple[Market, str], Channel] = {}
        self._by_address: dict[Address, list[Channel]] = defaultdict(list)
        self._by_socket: dict[Socket, set[tuple[Market, str]]] = defaultdict(set)

    def subscribe(self, socket: Socket, stream: Stream) -> None:
        key = (stream.market, stream.name)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = open_channel(stream, self._view)
            self._by_address[_address(stream)].append(channel)
        channel.sockets.add(socket)
        self._by_socket[socket].add(key)

    def unsubscribe(self, socket: Socket, market: Market, name: str) -> None:
        key = (market, name)
        self._by_socket[socket].discard(key)
        channel = self._channels.get(key)
        if channel is None:
            return
        channel.sockets.discard(socket)
        if not channel.sockets:
            del self._channels[key]
            self._by_address[_address(channel.stream)].remove(channel)
            channel.close()

    def leave(self, socket: Socket) -> None:
        """Forget a socket that is gone."""
        for market, name in list(self._by_socket.get(socket, ())):
            self.unsubscribe(socket, market, name)
        self._by_socket.pop(socket, None)

    def streams_of(self, socket: Socket) -> list[str]:
        return sorted(name for _, name in self._by_socket.get(socket, ()))

    def count_of(self, socket: Socket) -> int:
        return len(self._by_socket.get(socket, ()))

    def sockets(self) -> list[Socket]:
        return list(self._by_socket)

    def publish(self, event: VenueEvent) -> None:
        """Hand a market event to the channels of its topic, for its symbol and for all symbols."""
        if isinstance(event, Liquidated):
            market, symbol = Market.USDM, event.order.symbol
        elif isinstance(event, Traded | BookChanged | QuoteMoved | KlineMoved):
            market, symbol = event.market, event.symbol
        else:
            return
        for topic in TOPICS[type(event)]:
            for address in ((market, symbol, topic), (market, None, topic)):
                for channel in self._by_address.get(address, ()):
                    channel.accept(event)

    def flush(self, wall: Millis) -> None:
        for channel in list(self._channels.values()):
            channel.flush(wall)


def _address(stream: Stream) -> Address:
    return stream.market, stream.symbol, stream.topic
